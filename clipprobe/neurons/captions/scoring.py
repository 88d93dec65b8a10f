"""Ends of a list of captions, what chance gives, and the correction over units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats, unit_rows
from clipprobe.neurons.captions.result import CaptionScore, UnitCaptions
from clipprobe.statistics import benjamini_hochberg

_N_DRAWS = 256  # random directions at once


def ends(captions: Sequence[str], scores: Floats, raw: Floats, top: int) -> dict[str, Any]:
    """The captions at either end, ``top`` and ``bottom``, ties in order of the list."""
    std, mean = float(scores.std()), float(scores.mean())

    def listed(order: NDArray[np.intp]) -> tuple[CaptionScore, ...]:
        return tuple(
            CaptionScore(
                caption=captions[i],
                score=float(scores[i]),
                raw=float(raw[i]),
                z=(float(scores[i]) - mean) / std if std > 0 else math.nan,
            )
            for i in order[:top]
        )

    return {
        "top": listed(np.argsort(-scores, kind="stable")),
        "bottom": listed(np.argsort(scores, kind="stable")),
    }


def highest_by_chance(shifted: Floats, rows: Floats, n: int, seed: int) -> Floats:
    """The highest z of a caption for random directions that have the captions' own spread.

    Equally likely directions of the whole space would be a weak opponent: captions fill a few of
    its dimensions, and a direction within those scores high with whatever lies there.
    """
    rng = np.random.default_rng(seed)
    levels: list[Floats] = [np.empty(0)]
    for start in range(0, n, _N_DRAWS):
        mixed = rng.standard_normal((min(_N_DRAWS, n - start), len(shifted))) @ shifted
        scores = unit_rows(mixed) @ rows.T
        spread = scores.std(axis=1)
        above = scores.max(axis=1) - scores.mean(axis=1)
        levels.append(above / np.where(spread > 0, spread, 1))
    return np.concatenate(levels)


def corrected(units: Sequence[UnitCaptions]) -> list[UnitCaptions]:
    """The same with Benjamini-Hochberg's q over all units of the call that have a p."""
    adjusted = benjamini_hochberg([unit.p for unit in units])
    return [replace(unit, q=float(q)) for unit, q in zip(units, adjusted, strict=True)]
