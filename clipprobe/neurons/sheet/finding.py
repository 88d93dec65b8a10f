"""The first thing to know of a unit, in a sentence, beside what chance would give."""

from __future__ import annotations

import numpy as np

from clipprobe.lines import count_words
from clipprobe.neurons.atlas.showing import share_words
from clipprobe.neurons.atlas.unit import Unit
from clipprobe.neurons.atlas.unit_table import UnitTable


def finding(unit: Unit, row: UnitTable, inputs: str = "images", *, with_label: bool = True) -> str:
    """What an atlas says of a unit before all else.

    Args:
        row: The unit's own, of the table of its hook point.
        inputs: What was scanned, ``images`` or ``texts``.
        with_label: Whether the label that prevails among its strongest is named.
    """
    n = f"{unit.n_images:,} {inputs}"
    if not unit.n_images:
        return f"Nothing is known of it: {unit.reason}."
    if row.constant[0]:
        return f"It has the same value on all {n}."
    dead = f"It is never above 0 on any of {n}. " if row.dead[0] else ""
    k = len(unit.top)
    peak = (
        f"Its {k} strongest of {n} lie {unit.peak:.1f} standard deviations above its mean; 95 % of "
        f"{unit.peak_floor_of} stay below {unit.peak_floor:.1f}."
    )
    if unit.peak <= unit.peak_floor:
        peak = (
            f"It responds to nothing in particular that {n} would show: its {k} strongest lie "
            f"{unit.peak:.1f} standard deviations above its mean, and 95 % of "
            f"{unit.peak_floor_of} stay below {unit.peak_floor:.1f}."
        )
    return f"{dead}{peak}{_label_words(row, k, inputs) if with_label else ''}"


def prevailing(unit: Unit, row: UnitTable) -> tuple[str, int] | None:
    """The label that prevails among a unit's strongest images beyond chance, and on how many.

    Args:
        row: As for :func:`finding`.
    """
    label, purity = str(row.label[0]), float(row.purity[0])
    if not label or np.isnan(purity) or not purity >= row.purity_floor:
        return None
    return label, round(purity * len(unit.top))


def _label_words(row: UnitTable, k: int, inputs: str) -> str:
    """Which label prevails among its strongest, and what chance alone would give."""
    label, purity, floor = row.label[0], float(row.purity[0]), row.purity_floor
    if not label or np.isnan(purity):
        return ""
    most = count_words(round(purity * k), inputs.removesuffix("s"))
    words = f" Of the strongest, {most} ({share_words(round(purity * k), k)}) "
    words += f"{'bears' if round(purity * k) == 1 else 'bear'} the label {label}"
    if np.isnan(floor):
        return f"{words}; so few {inputs} cannot tell that from chance."
    level = f"{floor:.0%}".replace("%", " %")
    chance = f"chance over all units of the hook point stays below {level} (95 %)"
    return f"{words}; {chance}." if purity >= floor else f"{words}, which chance can do: {chance}."
