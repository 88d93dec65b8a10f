"""The report of a sparse composition, and the same as lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.neurons.effects.composing.composition import Composition

if TYPE_CHECKING:
    from clipprobe.report import Page

_N_ROWS = 8
_N_LISTED = 20


def page_of(rows: str, compositions: Sequence[Composition], provenance: Mapping[str, Any]) -> Page:
    """How well each class is told, and from which units."""
    from clipprobe.neurons.effects.opening import composition_lead
    from clipprobe.report import Page, Section, Table

    columns = ["class", "units", "accuracy", "majority", "AUROC", "AUROC, shuffled labels"]
    rows_of = [
        [one.target, f"{one.n_units} of {one.n_there:,}", one.accuracy, one.majority, one.auroc,
         one.shuffled]
        for one in compositions
    ]  # fmt: skip
    caption = (
        f"Rows are {rows}. Each class is told from all the others by logistic regression with an "
        "L1 penalty that is chosen on the rows that fit; the numbers are of the rows held out. "
        "Majority is what guessing the larger side gets; the control repeats everything with "
        "shuffled labels."
    )
    sections = [Section("Classes", [Table(columns, rows_of, caption)])]
    for one in compositions:
        units = [[unit, weight] for unit, weight in one.units[:_N_LISTED]]
        caption = (
            f"The {len(units)} largest of {one.n_units} weights, per standard deviation of the "
            "unit. These units suffice; copies of them would do as well."
        )
        if units:
            sections.append(Section(one.target, [Table(["unit", "weight"], units, caption)]))
    return Page(
        title="Sparse composition",
        subtitle=f"{len(compositions)} classes from units of {provenance['model']['id']}",
        sections=sections,
        provenance=dict(provenance),
        lead=composition_lead(rows, compositions),
    )


def composed_text(rows: str, compositions: Sequence[Composition]) -> str:
    """Each class for people: how well it is told, then its strongest units."""
    from clipprobe.report.numbers import ends

    lines = [f"Rows are {rows}."]
    for one in compositions:
        lines.append(
            f"{one.target}: {one.n_units} of {one.n_there} units; held-out accuracy "
            f"{one.accuracy.value:.3f} {ends(one.accuracy.low, one.accuracy.high)} "
            f"n={one.accuracy.n} (majority {one.majority:.3f}), AUROC {one.auroc.value:.3f} "
            f"{ends(one.auroc.low, one.auroc.high)}, shuffled {one.shuffled.value:.3f}"
        )
        lines += [f"  {weight:+.3f}  {unit}" for unit, weight in one.units[:_N_ROWS]]
    return "\n".join(lines)
