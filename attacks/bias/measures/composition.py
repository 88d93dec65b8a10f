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
from dataclasses import replace
from typing import Any

import numpy as np

from attacks.bias.measures.association_cells import find_effects, item_cells
from attacks.bias.measures.cells import Cell, Key
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.places import entropy_ends, entropy_terms, wilson_shares
from attacks.bias.measures.retrieval import top_k
from attacks.bias.measures.subjects import Subjects

BIAS, ENTROPY, C_ASC = Key("bias@k"), Key("entropy@k"), Key("c-asc")


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
    terms = entropy_terms(counts / counts.sum(axis=-1, keepdims=True))
    result: Floats = terms.sum(axis=-1) / np.log(counts.shape[-1])
    return result


def composition_cells(subjects: Subjects, items: Sequence[str]) -> list[Cell]:
    """Bias@k (of two groups) and normalised entropy of every item, and C-ASC of every group."""
    frame, settings = subjects.frame, subjects.settings
    levels = frame.column.levels
    cells = subjects.hidden(C_ASC, items)
    if len(levels) < 2:
        return cells
    top, whole = top_k(frame, settings), subjects.whole("equal shares")
    judge: dict[str, Any] = {"test": False, "resampled": False}
    ends = [
        wilson_shares(counts, places, settings.level, together=True)
        for counts, places in zip(top.counts, top.effective, strict=True)
    ]
    entropy, null = normalised_entropy(top.counts), normalised_entropy(top.null)
    for j, item in enumerate(items):
        how = top.how(j) + (", for all groups at once" if len(levels) > 2 else "")
        estimate = whole.judged(entropy[j], entropy_ends(*ends[j]), null[:, j], how=how, **judge)
        why = "below 1 by chance: see its null floor"
        cells.append(whole.cell(ENTROPY, item, why=why, k=top.k, **estimate))
    if len(levels) == 2:
        [two] = subjects.compared()
        bias, null_bias = bias_at(top.counts), bias_at(top.null)
        between = np.array([[2 * low[1] - 1, 2 * high[1] - 1] for low, high in ends])
        for item, value, interval, d, how in [
            *((item, bias[j], between[j], null_bias[:, j], top.how(j))
              for j, item in enumerate(items)),
            # The texts rank the same images: as if all of them moved together.
            ("", bias.mean(), between.mean(axis=0), null_bias.mean(axis=1),
             f"mean of the ends of {len(items)} texts"),
        ]:  # fmt: skip
            estimate = two.judged(float(value), (interval[0], interval[1]), d, how=how, **judge)
            cells.append(two.cell(BIAS, item, k=top.k, **estimate))
    scale = float(np.sqrt(len(frame.labels) / (len(frame.labels) - 1)))
    scaled = [
        replace(one, value=scale * one.value, boot=scale * one.boot, null=scale * one.null)
        for one in find_effects(subjects, frame.scores, mirrored=True)
    ]
    return cells + item_cells(items, C_ASC, scaled, test=False)
