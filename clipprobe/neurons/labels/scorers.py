"""How well a concept describes a unit: the similarity functions of CLIP-Dissect.

Oikarinen & Weng 2023, "CLIP-Dissect: Automatic Description of Neuron Representations in Deep Vision
Networks", ICLR, arXiv:2204.10965, section 3.2 and appendix A; written from the formulas. In all of
them ``q`` are a unit's activations on the probe images and ``P`` is what a judge says of each image
and concept. Higher is better; scores of different scorers are not comparable.

* ``soft_wpmi``: ``log E[p(t|B)] - l log p(t)`` with ``log E[p(t|B)] = sum log(1 + p(x in B)
  (p(t|x) - 1))`` over the strongest images, whose membership of B falls from 0.998 to 0.97.
* ``wpmi``: ``log p(t|B) - l log p(t)`` with ``p(t|B) = prod p(t|x)`` over the strongest images.
* ``rank_reorder``: ``-||q' - q||_3`` over the strongest images, where q' is q put into P's order.
* ``cosine``, ``cosine_cubed``: of q with P; cubed after subtracting the mean.
* ``linear``: Pearson's r, a linear explanation by one concept (see ``linear`` for several).
* ``invert``: AUROC of q for images that show the concept (Bykov et al. 2023, INVERT,
  arXiv:2311.13594, for single concepts).

``p(t|x)`` is the softmax of P over concepts; the prior ``p(t)`` is the mean of ``p(t|B)`` over the
units that are scored together, so a score depends on which units these are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError, DataError, UnknownMethodError, nearest
from clipprobe.neurons.labels.metrics import auroc_table

_CELLS = 8_000_000  # numbers held at a time
_SMALLEST = 1e-12  # of a probability in a product: one impossible image must not decide alone


def _strongest(activations: Floats, k: int) -> NDArray[np.intp]:
    """``(k, u)`` rows of the strongest images, the strongest first, ties by row."""
    return np.argsort(-activations, axis=0, kind="stable")[:k]


def _wpmi(
    activations: Floats,
    shares: Floats,
    log_terms: Callable[[Floats], Floats],
    *,
    top_k: int,
    prior_weight: float,
) -> Floats:
    """``(u, c)``: sums of terms over each unit's strongest images, against their mean of units."""
    rows = _strongest(activations, top_k)
    step = max(1, _CELLS // max(1, len(rows) * shares.shape[1]))
    parts = [
        log_terms(shares[rows[:, start : start + step]]).sum(axis=0)  # k u c -> u c
        for start in range(0, rows.shape[1], step)
    ]
    evidence = np.concatenate(parts)
    prior = logsumexp(evidence, axis=0) - np.log(len(evidence))
    return cast(Floats, evidence - prior_weight * prior)


def soft_wpmi(
    activations: Floats, judgements: Floats, *, top_k: int = 100, temperature: float = 10.0
) -> Floats:
    """Activations ``(n, u)``, judged ``(n, c)`` -> ``(u, c)``; see the module."""
    shares = softmax(temperature * judgements, axis=1)
    inside = np.linspace(0.998, 0.97, min(top_k, len(activations)))[:, None, None]
    return _wpmi(
        activations, shares, lambda p: np.log1p(inside * (p - 1)), top_k=top_k, prior_weight=1.0
    )


def wpmi(
    activations: Floats, judgements: Floats, *, top_k: int = 28, temperature: float = 2.0
) -> Floats:
    """Activations ``(n, u)``, judged ``(n, c)`` -> ``(u, c)``; prior weight 0.6, as the paper."""
    shares = softmax(temperature * judgements, axis=1)
    return _wpmi(
        activations, shares, lambda p: np.log(p + _SMALLEST), top_k=top_k, prior_weight=0.6
    )


def rank_reorder(
    activations: Floats, judgements: Floats, *, top_k: int | None = None, temperature: float = 1.0
) -> Floats:
    """Activations ``(n, u)``, judged ``(n, c)`` -> ``(u, c)``.

    Args:
        top_k: Strongest images that are put into order; None for 5 % of them, at least 10.
        temperature: Not used: ranks know no scale.
    """
    n = len(activations)
    k = min(n, top_k or max(10, n // 20))
    rows = _strongest(activations, k)
    result = np.empty((activations.shape[1], judgements.shape[1]))
    for unit in range(activations.shape[1]):
        strongest = activations[rows[:, unit], unit]  # falling
        order = np.argsort(-judgements[rows[:, unit]], axis=0, kind="stable")  # k c
        rank = np.argsort(order, axis=0, kind="stable")
        away = np.abs(strongest[rank] - strongest[:, None]) ** 3
        result[unit] = -np.cbrt(away.sum(axis=0))
    return result


def cosine(
    activations: Floats, judgements: Floats, *, top_k: int | None = None, temperature: float = 1.0
) -> Floats:
    """Activations ``(n, u)``, judged ``(n, c)`` -> ``(u, c)``; all images count, no scale."""
    return _unit_columns(activations).T @ _unit_columns(judgements)


def cosine_cubed(
    activations: Floats, judgements: Floats, *, top_k: int | None = None, temperature: float = 1.0
) -> Floats:
    """The cosine of the centred and cubed columns."""
    return cosine(
        (activations - activations.mean(axis=0)) ** 3, (judgements - judgements.mean(axis=0)) ** 3
    )


def _unit_columns(x: Floats) -> Floats:
    length = np.linalg.norm(x, axis=0)
    return x / np.where(length > 0, length, 1)


def linear(
    activations: Floats, judgements: Floats, *, top_k: int | None = None, temperature: float = 1.0
) -> Floats:
    """Pearson's r of q with P: a linear explanation by one concept."""
    return cosine(activations - activations.mean(axis=0), judgements - judgements.mean(axis=0))


def invert(
    activations: Floats, judgements: Floats, *, top_k: int | None = None, temperature: float = 1.0
) -> Floats:
    """AUROC of q for the images that show a concept: by tags, else those that it fits best."""
    truth = judgements
    if not np.isin(judgements, (0, 1)).all():
        truth = np.zeros_like(judgements)
        truth[np.arange(len(judgements)), judgements.argmax(axis=1)] = 1
    return auroc_table(activations, truth)


SCORERS: dict[str, Callable[..., Floats]] = {
    "soft_wpmi": soft_wpmi,
    "wpmi": wpmi,
    "rank_reorder": rank_reorder,
    "cosine": cosine,
    "cosine_cubed": cosine_cubed,
    "linear": linear,
    "invert": invert,
}


def check_scorer(scorer: str, top_k: int | None, temperature: float | None) -> None:
    """Refuse what :func:`scores` cannot use.

    Raises:
        UnknownMethodError: there is no such scorer. ConfigError: ``top_k`` below 1, or a
            temperature that is not positive.
    """
    if scorer not in SCORERS:
        raise UnknownMethodError(f"There is no label scorer {scorer!r}: {nearest(scorer, SCORERS)}")
    if (top_k is not None and top_k < 1) or (temperature is not None and not temperature > 0):
        raise ConfigError(
            f"top_k={top_k} with temperature={temperature} cannot be used: give at least 1 image "
            "and a positive temperature."
        )


def scores(
    scorer: str,
    activations: NDArray[np.floating],
    judgements: NDArray[np.floating],
    *,
    top_k: int | None = None,
    temperature: float | None = None,
) -> Floats:
    """Scores ``(u, c)`` of every unit with every concept.

    Args:
        scorer: A name of :data:`SCORERS`.
        activations: ``(n, u)`` pooled activations on the probe images.
        judgements: ``(n, c)``: cosines of a CLIP, or 0/1 tags.
        top_k, temperature: None for the paper's values.
    Raises:
        UnknownMethodError: there is no such scorer. ConfigError: ``top_k`` below 1, or a
            temperature that is not positive. DataError: shapes that do not fit, or NaN.
    """
    check_scorer(scorer, top_k, temperature)
    a, p = np.asarray(activations, np.float64), np.asarray(judgements, np.float64)
    if a.ndim != 2 or p.ndim != 2 or len(a) != len(p) or not a.size or not p.size:
        raise DataError(
            f"Labels need activations (images, units) and a judge's (images, concepts) of the same "
            f"images, but got the shapes {a.shape} and {p.shape}."
        )
    if not (np.isfinite(a).all() and np.isfinite(p).all()):
        raise DataError("Activations or judgements hold NaN: leave those images out.")
    options = {"top_k": top_k, "temperature": temperature}
    return SCORERS[scorer](a, p, **{k: v for k, v in options.items() if v is not None})
