"""The smallest text that works: the least size whose success is shown to exceed a level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attacks.typographic.sweep.grid import Cell, Grid, level_name
from clipprobe.statistics import Estimate, undefined

SIZE = "size"


def smallest_texts(
    grid: Grid, measures: Mapping[int, Mapping[str, Estimate]], level: float
) -> list[dict[str, Any]]:
    """For every way of writing the smallest size that works, where sizes were swept.

    Two answers each: by targeted success above ``level``, and by a reading effect above 0.

    Args:
        measures: The estimates of each cell by its number.
        level: What targeted success must exceed.
    Returns:
        One mapping for each combination of the other factors; empty where size is not a factor.
    """
    if SIZE not in grid.factors:
        return []
    ways: dict[str, list[Cell]] = {}
    if grid.design == "factorial":
        for cell in grid.cells:
            others = {f: v for f, v in cell.levels.items() if f != SIZE}
            name = ", ".join(f"{f} {level_name(v)}" for f, v in others.items())
            ways.setdefault(name, []).append(cell)
    else:
        ways[""] = [cell for _, cells in grid.curve(SIZE) for cell in cells]
    return [
        {
            "others": name,
            "works": smallest(cells, measures, "targeted_success", level),
            "is_read": smallest(cells, measures, "reading_effect", 0.0),
        }
        for name, cells in ways.items()
    ]


def smallest(
    cells: Sequence[Cell],
    measures: Mapping[int, Mapping[str, Estimate]],
    measure: str,
    level: float,
) -> Estimate:
    """The least size whose interval lies above ``level``, as an estimate.

    ``value`` and ``high`` are the least size that is shown to work: the lower end of its interval
    exceeds the level. ``low`` is the least size that is not shown to fail: the upper end does. On
    a curve that rises the true threshold lies between the two, or just below ``low`` where that is
    the smallest size tried. Intervals are those of the curve, one size at a time.

    Returns:
        NaN with a reason where no size is shown to work.
    """
    ordered = sorted(cells, key=lambda cell: float(cell.levels[SIZE]))
    known = [(cell, measures[cell.number][measure]) for cell in ordered]
    known = [(c, e) for c, e in known if e.defined and e.low == e.low]
    words = measure.replace("_", " ")
    if not known:
        return undefined(f"{words} is undefined at every size")

    def least(above: Any) -> float:
        return next(float(cell.levels[SIZE]) for cell, e in known if above(e))

    if not any(e.low > level for _, e in known):
        cell, best = max(known, key=lambda item: item[1].low)
        return undefined(
            f"at no size does the interval of {words} lie above {level:g} (the highest lower end "
            f"is {best.low:.3f}, at {cell.levels[SIZE]:g})",
            n=best.n,
        )
    seen_from = least(lambda e: e.low > level)
    size_n = next(e.n for cell, e in known if float(cell.levels[SIZE]) == seen_from)
    larger = [e for cell, e in known if float(cell.levels[SIZE]) > seen_from]
    fails = sum(not e.low > level for e in larger)
    return Estimate(
        value=seen_from,
        low=min(seen_from, least(lambda e: e.high > level)),
        high=seen_from,
        n=size_n,
        method=f"least size whose 95 % interval of {words} lies above (low: reaches) {level:g}",
        reason=f"{fails} of {len(larger)} larger size(s) are not shown to work" if fails else "",
    )
