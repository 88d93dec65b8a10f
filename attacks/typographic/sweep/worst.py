"""The worst cell of a grid, and how much of it is the luck of having looked at many.

The most extreme of many cells is extreme partly by chance: its own interval is too narrow and its
value too far out. So it comes with two guards. The *null floor* says how extreme the worst of so
many cells would be if cells did not differ: each image's outcomes are permuted over the cells.
The *confirmation* chooses the cell on one half of the images and measures it on the other, both
ways round, so that no image is measured in a cell that it helped to choose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.typographic.scoring.metrics import rate
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, permutation_p, undefined
from clipprobe.statistics.seeds import rng

Floats = npt.NDArray[np.float64]
_DRAWS = 2000
_CELLS_AT_ONCE = 4_000_000  # permuted outcomes in memory at a time: 32 MB
_MOST_OUTCOMES = 400_000_000  # beyond, fewer draws


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme(AsJson):
    """The cell with the highest or the lowest share."""

    cell: int
    """Its number; -1 where there is none."""
    observed: Estimate
    """Its share over all images, with an interval that ignores the choice: too far out."""
    confirmed: Estimate
    """Chosen on one half of the images and measured on the other, both ways round."""
    chosen: tuple[int, int]
    """The cells that each half chose."""
    floor: float
    """Mean share of the most extreme cell if cells did not differ; NaN where undefined."""
    floor_bound: float
    """The 2.5 % (or 97.5 %) point of the same, on the extreme side."""
    p: float
    """How often permuted cells are at least as extreme; NaN where undefined."""
    n_cells: int
    """Cells that were compared."""
    reason: str
    """Why something is undefined; else empty."""


def extreme(
    outcomes: Floats,
    cells: list[int],
    clusters: npt.NDArray[np.str_],
    *,
    lowest: bool,
    seed: int,
) -> Extreme:
    """The cell with the lowest (highest) share of an outcome.

    Args:
        outcomes: ``(n, k)``, 0 or 1 for each image (and word) and cell; NaN where it has none.
            Rows that lack a cell are left out, so that all cells are compared on the same ones.
        cells: Their numbers, ``(k,)``.
        clusters: Names of the images, ``(n,)``: halves do not share one.
    """
    defined = ~np.isnan(outcomes).any(axis=1)
    rows, names = outcomes[defined], clusters[defined]
    if not rows.size:
        reason = "no image has an outcome in every cell"
        nothing = undefined(reason)
        return Extreme(
            cell=-1, observed=nothing, confirmed=nothing, chosen=(-1, -1), floor=math.nan,
            floor_bound=math.nan, p=math.nan, n_cells=len(cells), reason=reason,
        )  # fmt: skip

    def best(part: Floats) -> int:
        means = part.mean(axis=0)
        return int(means.argmin() if lowest else means.argmax())

    def share(hits: Floats, of: npt.NDArray[np.str_]) -> Estimate:
        return rate(hits > 0.5, of, seed=seed)

    place = best(rows)
    half = np.array([rng(seed, name, "half").random() < 0.5 for name in names], dtype=bool)
    reason = ""
    if half.all() or not half.any():
        picks = (place, place)
        reason = "too few images for two halves"
        confirmed = undefined(reason)
    else:
        picks = (best(rows[half]), best(rows[~half]))
        crossed = np.where(half, rows[:, picks[1]], rows[:, picks[0]])
        confirmed = share(crossed, names)
    floor, bound, p = _floor(rows, float(rows[:, place].mean()), lowest, seed)
    return Extreme(
        cell=cells[place],
        observed=share(rows[:, place], names),
        confirmed=confirmed,
        chosen=(cells[picks[0]], cells[picks[1]]),
        floor=floor,
        floor_bound=bound,
        p=p,
        n_cells=len(cells),
        reason=reason,
    )


def _floor(rows: Floats, observed: float, lowest: bool, seed: int) -> tuple[float, float, float]:
    n, k = rows.shape
    if k < 2:
        return math.nan, math.nan, math.nan
    # A row without variation is the same after any permutation.
    moving = rows[rows.min(axis=1) != rows.max(axis=1)]
    still = rows[rows.min(axis=1) == rows.max(axis=1)][:, 0].sum()
    draws = int(min(_DRAWS, max(200, _MOST_OUTCOMES // max(1, moving.size))))
    source = np.random.default_rng([seed, n, k])
    levels: list[float] = []
    per_block = max(1, _CELLS_AT_ONCE // max(1, moving.size))
    while len(levels) < draws:
        block = min(per_block, draws - len(levels))
        shuffled = source.permuted(np.broadcast_to(moving, (block, *moving.shape)), axis=2)
        means = (shuffled.sum(axis=1) + still) / n
        levels += (means.min(axis=1) if lowest else means.max(axis=1)).tolist()
    null = np.array(levels)
    bound = np.quantile(null, 0.025 if lowest else 0.975)
    p = permutation_p(observed, null, "less" if lowest else "greater")
    return float(null.mean()), float(bound), p


def in_every_cell(outcomes: Floats, clusters: npt.NDArray[np.str_], *, seed: int) -> Estimate:
    """Share of rows whose outcome is 1 in every cell, over rows that have all cells.

    For accuracy this is what is left under an attacker who tries every cell on every image.
    """
    defined = ~np.isnan(outcomes).any(axis=1)
    if not defined.any() or not outcomes.shape[1]:
        return undefined("no image has an outcome in every cell")
    every = np.asarray((outcomes[defined] > 0.5).all(axis=1))
    return rate(every, clusters[defined], seed=seed)
