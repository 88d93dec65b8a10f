"""What the top of a ranking is made of: Bias@k, normalised entropy, and C-ASC beside them.

    Bias@k = (N_1 - N_0) / (N_1 + N_0), of two groups among the top k; its mean over texts
             (Wang et al. 2021, "Are Gender-Neutral Queries Really Gender-Neutral?", eq. 1)
    H@k    = - sum_a s_a ln s_a / ln |A|, s the shares of the top k; 1 is an equal share for every
             group (So-B-IT, Hamidieh et al. 2024)
    C-ASC  = (mean cosine with the images of a group - mean with the others) / sd over all images,
             ddof = 0 (So-B-IT): the association d over all images, times sqrt(n / (n - 1))

Bias@k and entropy aim at equal shares, whatever the data set holds (the ``uniform`` target); their
null floor says what a random ranking of this data set gives. None of them is tested: they ask what
MaxSkew and d ask, of the same counts. Intervals of the first two:
:mod:`attacks.bias.measures.places`;
that of the mean over texts has the means of their ends, which is as wide as if all moved together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attacks.bias.measures.association import (
    effect_sizes,
    permuted_effect_sizes,
    resampled_effect_sizes,
)
from attacks.bias.measures.association_cells import hidden, judged, percentile_interval
from attacks.bias.measures.cells import Cell
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.places import entropy_ends, wilson_shares
from attacks.bias.measures.top_k import top_k

BIAS, ENTROPY, C_ASC = "bias@k", "entropy@k", "c-asc"


def bias_at(counts: Floats) -> Floats:
    """Bias@k from counts of two groups in the top k, ``(..., 2)`` -> ``(...)``; 0 if none.

    Example:
        >>> bias_at(np.array([[2.0, 8.0], [5.0, 5.0], [0.0, 0.0]])).tolist()
        [0.6, 0.0, 0.0]
    """
    total = counts.sum(axis=-1)
    difference = counts[..., 1] - counts[..., 0]
    result: Floats = np.divide(difference, total, out=np.zeros_like(difference), where=total > 0)
    return result


def normalised_entropy(counts: Floats) -> Floats:
    """Entropy of the shares over its maximum, ``(..., n_groups)`` -> ``(...)``, from 0 to 1.

    Example:
        >>> normalised_entropy(np.array([[5.0, 5.0], [10.0, 0.0]])).tolist()
        [1.0, 0.0]
    """
    shares = counts / counts.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log(shares), 0.0)
    result: Floats = np.abs(terms.sum(axis=-1)) / np.log(counts.shape[-1])
    return result


def composition_cells(
    frame: Frame, items: Sequence[str], probe: str, settings: Settings
) -> list[Cell]:
    """Bias@k (of two groups) and normalised entropy of every item, and C-ASC of every group."""
    levels = frame.column.levels
    cells = hidden(frame, items, probe, C_ASC)
    if len(levels) < 2:
        return cells
    top = top_k(frame, settings)
    status, reason = frame.judge_all()
    n = len(frame.labels)
    common: dict[str, Any] = {
        "probe": probe, "column": frame.column.name, "status": status, "k": top.k,
    }  # fmt: skip
    whole = common | {"n": n, "n_reference": 0, "reference": "equal shares"}
    judge: dict[str, Any] = {
        "status": status, "settings": settings, "test": False, "resampled": False,
        "permuted": frame.permuted,
    }  # fmt: skip
    ends = [
        wilson_shares(counts, places, settings.level, together=True)
        for counts, places in zip(top.counts, top.effective, strict=True)
    ]
    entropy, null = normalised_entropy(top.counts), normalised_entropy(top.null)
    for j, item in enumerate(items):
        given = judged(
            entropy[j], entropy_ends(*ends[j]), null[:, j],
            how=top.how(j) + (", for all groups at once" if len(levels) > 2 else ""), **judge,
        )  # fmt: skip
        why = reason or "below 1 by chance: see its null floor"
        cells.append(Cell(measure=ENTROPY, item=item, group="", reason=why, **whole, **given))
    if len(levels) == 2:
        seen, dealt = bias_at(top.counts), bias_at(top.null)
        between = np.array([[2 * low[1] - 1, 2 * high[1] - 1] for low, high in ends])
        sided: dict[str, Any] = {"group": levels[1], "reference": levels[0]}
        sizes: dict[str, Any] = {"n": frame.sizes[1], "n_reference": frame.sizes[0]}
        for item, value, interval, d, how in [
            *((item, seen[j], between[j], dealt[:, j], top.how(j))
              for j, item in enumerate(items)),
            # The texts rank the same images: as if all of them moved together.
            ("", seen.mean(), between.mean(axis=0), dealt.mean(axis=1),
             f"mean of the ends of {len(items)} texts"),
        ]:  # fmt: skip
            given = judged(float(value), (interval[0], interval[1]), d, how=how, **judge)
            cells.append(
                Cell(measure=BIAS, item=item, reason=reason, **sided, **sizes, **common, **given)
            )
    return cells + _c_asc(frame, items, probe, settings)


def _c_asc(frame: Frame, items: Sequence[str], probe: str, settings: Settings) -> list[Cell]:
    n, levels = len(frame.labels), frame.column.levels
    scale = float(np.sqrt(n / (n - 1)))
    groups = range(len(levels))
    boots = resampled_effect_sizes(frame.scores, frame.labels, len(levels), groups, frame.weights)
    nulls = permuted_effect_sizes(frame.scores, frame.permutations, len(levels), groups)
    cells = []
    for g, level in enumerate(levels):
        others = [h for h in groups if h != g]
        status, reason = frame.judge([g], others)
        value = scale * effect_sizes(frame.scores, frame.labels == g)
        boot, null = scale * boots[g], scale * nulls[g]
        for j, item in enumerate(items):
            why = "all images have the same cosine" if np.isnan(value[j]) else reason
            given = judged(
                float(value[j]), percentile_interval(boot[:, j], settings.level), null[:, j],
                status, settings, test=False, permuted=frame.permuted,
            )  # fmt: skip
            cells.append(
                Cell(
                    probe=probe, measure=C_ASC, item=item, column=frame.column.name, group=level,
                    reference="rest", n=frame.sizes[g], n_reference=n - frame.sizes[g],
                    status=status, reason=why, **given,
                )
            )  # fmt: skip
    return cells
