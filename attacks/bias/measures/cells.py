"""Cells: one number of the report each, with everything that is needed to judge it.

Every probe returns cells of this one shape, so that tables, corrections, charts and later
comparisons of two reports need not know which probe made them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

from attacks.bias.groups.columns import INFER_FROM, SHOW_FROM, GroupColumn
from attacks.bias.measures.draws import Floats
from clipprobe.statistics import Estimate, benjamini_hochberg

ASSOCIATION = "association d"
RELATIVE = "relative d"  # after taking each image's mean cosine over the words away
Status = Literal["inferred", "shown", "insufficient"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measure of one item for one group (or one whole column).

    ``probe``, ``measure``: e.g. ``occupations``, ``association d``.
    ``item``: the text that was probed, e.g. ``doctor``; empty for a figure over all items.
    ``column``, ``group``: the annotated attribute and its value; no value for a whole column.
    ``reference``: what the group is compared with: another group, ``rest``, or a target.
    ``n``, ``n_reference``: images on both sides, 0 where the group is hidden (then a table has
    null); ``k``: depth of a ranking, 0 where there is none.
    ``value``, ``low``, ``high``: estimate and interval in the measure's unit; NaN with ``reason``.
    ``null_mean``, ``null_low``, ``null_high``: mean, 5th and 95th percentile without any bias
    (permuted labels, i.e. a random ranking); ``excess``: value minus null mean.
    ``p``, ``q``: permutation p and its Benjamini-Hochberg value over the report; NaN: not tested.
    ``flagged``: q at most alpha, and no smaller than the least effect that is spoken of.
    ``status``: ``inferred``, ``shown`` (value only) or ``insufficient`` (not even the value).
    ``method``, ``reason``: how it was computed; why something is absent or can mislead.
    ``draws``: ``(b,)``, the value on resamples that are the same for another model, for a paired
    comparison in one process; None where there are none. They are written nowhere: with one hit a
    row of them would be the mark of a single image.
    """

    probe: str
    measure: str
    item: str
    column: str
    group: str
    reference: str
    n: int
    n_reference: int
    k: int = 0
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    null_mean: float = math.nan
    null_low: float = math.nan
    null_high: float = math.nan
    excess: float = math.nan
    p: float = math.nan
    q: float = math.nan
    flagged: bool = False
    status: Status = "inferred"
    method: str = ""
    reason: str = ""
    draws: Floats | None = field(default=None, compare=False, repr=False)

    def estimate(self) -> Estimate:
        """Value and interval as an estimate over all images compared; NaN where nothing is shown.

        A figure over a whole column counts its own ``n``; a comparison counts both sides; a skew
        is about ``n`` images of a group, among the images ranked.
        """
        both = self.measure in (ASSOCIATION, RELATIVE)
        absent = math.isnan(self.value) or math.isnan(self.low) or math.isnan(self.high)
        return Estimate(
            value=self.value,
            low=self.low,
            high=self.high,
            n=self.n + self.n_reference if both else self.n,
            method=self.method,
            reason=self.reason or ("no interval can be had" if absent else ""),
        )

    def to_row(self) -> dict[str, Any]:
        """A table row; NaN becomes None, and so do the sizes of a hidden group."""
        row = {one.name: _none(getattr(self, one.name)) for one in table_fields()}
        return row | ({"n": None, "n_reference": None} if self.status == "insufficient" else {})


def table_fields() -> list[Field[Any]]:
    """The fields of a cell that are columns of ``cells.csv``."""
    return [one for one in fields(Cell) if one.name != "draws"]


def hidden_cells(
    column: GroupColumn, items: Sequence[str], *, probe: str, measure: str
) -> list[Cell]:
    """Cells of groups that are not shown: named, without a number and without their size."""
    return [
        Cell(
            probe=probe,
            measure=measure,
            item=item,
            column=column.name,
            group=level,
            reference="",
            n=0,
            n_reference=0,
            status="insufficient",
            method="none",
            reason=column.why_hidden(level),
        )
        for level in column.hidden
        for item in items
    ]


def status_for(sizes: Iterable[int]) -> Status:
    """What may be said where the compared groups have these sizes: the smallest decides."""
    smallest = min(sizes)
    if smallest >= INFER_FROM:
        return "inferred"
    return "shown" if smallest >= SHOW_FROM else "insufficient"


def small_cell_reason(status: Status, smallest: int) -> str:
    """The words that stand where a small cell has no number."""
    if status == "insufficient":
        return f"insufficient: below {SHOW_FROM} images"
    if status == "shown":
        return f"insufficient (n={smallest}) to infer: below {INFER_FROM} no interval and no test"
    return ""


def correct(cells: Sequence[Cell], *, alpha: float, min_effect: float) -> tuple[list[Cell], int]:
    """Benjamini-Hochberg over every tested cell of the report, and the size of that family.

    A cell is flagged where ``q <= alpha``; an association also needs ``|d| >= min_effect``,
    because with enough images every trifle is significant.
    """
    p = np.array([cell.p for cell in cells])
    q = benjamini_hochberg(p)
    corrected = []
    for cell, value in zip(cells, q, strict=True):
        clear = bool(value <= alpha)  # NaN compares false: what was not tested is not flagged
        if cell.measure in (ASSOCIATION, RELATIVE):
            clear = clear and abs(cell.value) >= min_effect
        corrected.append(replace(cell, q=float(value), flagged=clear))
    return corrected, int(np.count_nonzero(~np.isnan(p)))


def _none(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
