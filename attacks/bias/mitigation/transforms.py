"""Changes of the joint space that shall take a group out of it, each as an edit of a model too.

*Calibrated projection* (Chuang et al. 2023, "Debiasing Vision-Language Models via Biased Prompts",
arXiv:2302.00070, eq. 3 and section 4): with the biased prompts as columns of ``V``,

    P0 = I - V (V'V)^-1 V',    P = P0 (I + lambda M)^-1,
    M = mean over pairs of (z_i - z_j)(z_i - z_j)'

where a pair of prompts differs in the group alone (``a woman doctor``, ``a man doctor``). Texts are
multiplied by ``P`` and brought back to unit length; images stay as they are.

*CLIP-clip* (Wang, Liu & Wang 2021, "Are Gender-Neutral Queries Really Gender-Neutral?",
EMNLP, arXiv:2109.05433, section 4.2): dimensions of the image vectors with the largest mutual
information with the group are dropped from images and texts alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from attacks.bias.measures.draws import Floats, Ints
from attacks.bias.mitigation.settings import LAMBDA
from clipprobe.arrays import unit_rows
from clipprobe.errors import ConfigError, DataError

if TYPE_CHECKING:
    from clipprobe.edits import Edit

KEPT = 0.78125  # 400 of 512 dimensions, as in the paper

#: Shorter vectors have no direction: they become zeros, which are not an answer to anything.
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """A fitted change of the joint space.

    ``images``, ``texts``: unit vectors ``(n, d)`` -> unit vectors of the changed space.
    ``fitted``: what was fitted, in plain JSON types.
    ``edit``: the same change for a model. It projects the vector of each text; with one template
    class vectors are the same as here, with several they differ in the average over templates.
    """

    images: Callable[[Floats], Floats]
    texts: Callable[[Floats], Floats]
    fitted: dict[str, Any]
    edit: Edit


def prompt_projection(
    biased: ArrayLike, pairs: Sequence[tuple[ArrayLike, ArrayLike]], *, lam: float = LAMBDA
) -> Transform:
    """The calibrated projection.

    Args:
        biased: Vectors of prompts that name the group and nothing else, ``(k, d)``.
        pairs: Vectors of prompts that differ in the group alone; none leaves ``P0``.
        lam: The weight of the pairs.
    Raises:
        ConfigError: no biased prompt, or a negative weight.
        DataError: as many prompts as dimensions: nothing would be left.
    """
    from clipprobe.edits import Edit, Projection

    table = np.atleast_2d(np.asarray(biased, np.float64))
    k, d = table.shape
    if not table.size or lam < 0:
        raise ConfigError("A projection needs at least one biased prompt and a weight from 0.")
    if k >= d:
        raise DataError(f"{k} biased prompts leave nothing of {d} dimensions: give fewer.")
    basis, values, _ = np.linalg.svd(table.T, full_matrices=False)
    basis = basis[:, values > 1e-6 * values[0]]  # equal prompts span one direction
    projection = np.eye(d) - basis @ basis.T
    if pairs:
        gaps = np.array([np.asarray(a, np.float64) - np.asarray(b, np.float64) for a, b in pairs])
        moment = gaps.T @ gaps / len(gaps)
        projection = projection @ np.linalg.inv(np.eye(d) + lam * moment)
    return Transform(
        images=lambda vectors: vectors,
        texts=lambda vectors: unit_rows(
            np.asarray(vectors, np.float64) @ projection.T, least=_NOTHING
        ),
        fitted={"n_prompts": k, "n_directions": basis.shape[1], "n_pairs": len(pairs),
                "lambda": lam},
        edit=Edit(Projection(projection, of="text"), name="projection"),
    )  # fmt: skip


def clip_clip(vectors: ArrayLike, labels: Ints, *, kept: float = KEPT, seed: int = 0) -> Transform:
    """Drop the dimensions that tell the groups apart.

    Args:
        vectors: Image vectors that it is fitted on, ``(n, d)``.
        labels: Their groups, ``(n,)``.
        kept: Share of the dimensions that stay, above 0 and below 1.
        seed: Of the estimator of mutual information (scikit-learn, nearest neighbours).
    Raises:
        ConfigError: the share is out of range.
    """
    from sklearn.feature_selection import mutual_info_classif

    from clipprobe.edits import Edit, Projection

    if not 0 < kept < 1:
        raise ConfigError(f"The share of dimensions that stay is between 0 and 1, not {kept!r}.")
    table = np.asarray(vectors, np.float64)
    information = mutual_info_classif(table, labels, random_state=seed)
    n_kept = max(1, round(kept * table.shape[1]))
    order = np.argsort(information, kind="stable")
    stay = np.sort(order[:n_kept])
    dropped = np.sort(order[n_kept:])

    def change(values: Floats) -> Floats:
        return unit_rows(np.asarray(values, np.float64)[:, stay], least=_NOTHING)

    return Transform(
        images=change,
        texts=change,
        fitted={
            "n_kept": n_kept,
            "dropped": [int(i) for i in dropped],
            "information_dropped": float(information[dropped].mean()) if len(dropped) else 0.0,
            "information_kept": float(information[stay].mean()),
        },
        edit=Edit(Projection.dropping(dropped.tolist(), table.shape[1]), name="clip-clip"),
    )


def ablation_edit(units: Sequence[str], means: Mapping[str, Any]) -> Edit:
    """Neurons replaced by their means, on every token.

    Args:
        units: Addresses.
        means: Hook point -> mean activation, with its axes but the batch.
    """
    from clipprobe.edits import Edit
    from clipprobe.hooks import At, Mean

    by_point: dict[str, list[int]] = {}
    for address in units:
        point, _, number = address.rpartition(":")
        by_point.setdefault(point, []).append(int(number))
    changes = {
        At(point, units=sorted(numbers)): Mean(means[point][None])
        for point, numbers in by_point.items()
    }
    return Edit(changes, name="ablation")
