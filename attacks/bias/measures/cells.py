"""Cells: one number of the report each, with everything that is needed to judge it.

Every probe returns cells of this one shape, so that tables, corrections, charts and later
comparisons of two reports need not know which probe made them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

from attacks.bias.groups.columns import INFER_FROM, SHOW_FROM
from attacks.bias.measures.draws import Floats
from clipprobe.statistics import Estimate, benjamini_hochberg

Contrast = Literal["value", "difference", "gap", "largest", "smallest", "mean"]
Status = Literal["inferred", "shown", "insufficient"]


@dataclass(frozen=True, slots=True)
class Key:
    """What a cell measures; ``str()`` gives its name in tables.

    ``quantity``: e.g. ``crime rate``. ``contrast``: whether it is the quantity's own value, the
    difference of two sides, or what is made of all groups (the gap is the largest less the
    smallest). ``at``: the threshold of probability, where it has one. ``scheme``: which of several
    conditions, label lists or designs. ``effect``: whether it is an effect size d, which compares
    two sides and has a least size that is spoken of. ``text``: its name; default: the quantity.
    """

    quantity: str
    _: KW_ONLY
    contrast: Contrast = "value"
    at: float | None = None
    scheme: str = ""
    effect: bool = False
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.text or self.quantity

    def against(self, contrast: Contrast) -> Key:
        """The same quantity in another contrast, which its name says last."""
        return replace(self, contrast=contrast, text=f"{self} {contrast}")


ASSOCIATION = Key("association d", effect=True)
RELATIVE = Key("relative d", effect=True)  # each image's mean cosine over the words taken away
LARGEST_MINUS_SMALLEST = "largest minus smallest"  # the reference of every gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measure of one item for one group (or one whole column).

    ``probe``: e.g. ``occupations``. ``key``: what is measured, e.g. ``association d``.
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
    key: Key
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

    @property
    def measure(self) -> str:
        """The name of what is measured, as tables have it."""
        return str(self.key)

    def estimate(self) -> Estimate:
        """Value and interval as an estimate over all images compared; NaN where nothing is shown.

        A figure over a whole column counts its own ``n``; a comparison counts both sides; a skew
        is about ``n`` images of a group, among the images ranked.
        """
        absent = math.isnan(self.value) or math.isnan(self.low) or math.isnan(self.high)
        return Estimate(
            value=self.value,
            low=self.low,
            high=self.high,
            n=self.n + self.n_reference if self.key.effect else self.n,
            method=self.method,
            reason=self.reason or ("no interval can be had" if absent else ""),
        )

    def to_row(self) -> dict[str, Any]:
        """A table row; NaN becomes None, and so do the sizes of a hidden group."""
        row = {name: _none(getattr(self, name)) for name in table_columns()}
        return row | ({"n": None, "n_reference": None} if self.status == "insufficient" else {})


def table_columns() -> dict[str, str]:
    """The columns of ``cells.csv`` and their types, as annotations have them."""
    types = {one.name: str(one.type) for one in fields(Cell) if one.name != "draws"}
    return {"measure" if name == "key" else name: kind for name, kind in types.items()}


def status_for(sizes: Iterable[int]) -> Status:
    """What may be said where the compared groups have these sizes: the smallest decides."""
    smallest = min(sizes)
    if smallest >= INFER_FROM:
        return "inferred"
    return "shown" if smallest >= SHOW_FROM else "insufficient"


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
        if cell.key.effect:
            clear = clear and abs(cell.value) >= min_effect
        corrected.append(replace(cell, q=float(value), flagged=clear))
    return corrected, int(np.count_nonzero(~np.isnan(p)))


def _none(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
