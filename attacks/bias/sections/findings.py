"""The parts of the report about association and planted truth, and the sentences that sum up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attacks.bias.groups.columns import INFER_FROM, SHOW_FROM, GroupColumn
from attacks.bias.groups.suppression import n_taking_part
from attacks.bias.measures.association_cells import LEAN
from attacks.bias.measures.cells import ASSOCIATION, RELATIVE, Cell, Key
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.power import Detectable
from attacks.bias.sections.caveats import Caveats
from attacks.bias.sections.planted import Comparison
from attacks.bias.sections.wording import (
    MAX_ROWS,
    capped,
    listed,
    number,
    short,
    strongest,
    towards,
)
from clipprobe.report import Block, Chart, Paragraph, Section, Table

SHORT = {ASSOCIATION: "d", RELATIVE: "relative d"}
MEANING = {
    ASSOCIATION: "d is the difference between two groups' mean cosine with the text, in standard "
    "deviations over images. Above 0, the text is closer to the images of the group that is named.",
    RELATIVE: "Relative d is the same after each image's mean cosine over all words of the probe "
    "was taken away: what is particular to a word, given the other words of the list.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything that a page of group figures is made of.

    ``evaluation``: the figures. ``caveats``: the people and what a reader must know.
    ``settings``: how figures were made. ``headline``: the few numbers that sum them up.
    ``made_by``: provenance of the model. ``comparisons``: the planted truth beside what was
    measured. ``judged``: whether that was looked for. ``questions``: those that were answered.
    ``power``: what could have been detected.
    """

    evaluation: Evaluation
    caveats: Caveats
    settings: Settings
    headline: Sequence[dict[str, Any]]
    made_by: Mapping[str, Any]
    comparisons: Sequence[Comparison] = ()
    judged: bool = False
    questions: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    power: tuple[Detectable, ...] = ()

    @property
    def n_used(self) -> int:
        """Images that are in some figure."""
        return n_taking_part(self.evaluation.columns)

    @property
    def provenance(self) -> dict[str, Any]:
        """What stands at the end of the page."""
        return {
            **self.made_by,
            "dataset": self.caveats.people.description,
            "seed": self.settings.seed,
            "tests corrected together": self.evaluation.family_size,
        }


def finding(context: Context, probe: str, column: GroupColumn) -> str:
    """One neutral sentence: how many were tested, how many stand out, which."""
    cells = context.evaluation.select(ASSOCIATION, column.name, probe=probe)
    tested = [cell for cell in cells if not math.isnan(cell.p)]
    start = f"{probe.capitalize()} by {column.heading}"
    if not tested:
        return (
            f"{start}: nothing was tested, because no two groups have {INFER_FROM} images (and "
            f"{SHOW_FROM} clusters, where clusters are named)."
        )
    flagged = strongest(tested)
    start = (
        f"{start}: {len(flagged)} of {len(tested)} associations stand out "
        f"(q ≤ {context.settings.alpha:g} and |d| ≥ {context.settings.min_effect:g})"
    )
    relative = context.evaluation.select(RELATIVE, column.name, probe=probe)
    tail = ""
    if relative:
        count = sum(cell.flagged for cell in relative)
        tail = f" Relative to the other words, {count} of {len(relative)} stand out."
    if not flagged:
        return f"{start}; the intervals below say which sizes remain possible.{tail}"
    names = [f"{c.item} towards {towards(c)} ({short(abs(c.value))})" for c in flagged]
    return f"{start}: {listed(names, 8)}.{tail}"


def association_section(context: Context, probe: str, column: GroupColumn) -> Section:
    """Effect sizes of one column: a chart of d, one of relative d, and the table of both."""
    select = context.evaluation.select
    blocks: list[Block] = []
    groups = {
        measure: [
            cell
            for cell in select(measure, column.name, probe=probe)
            if cell.status != "insufficient"
        ]
        for measure in (ASSOCIATION, RELATIVE)
    }
    for measure, cells in groups.items():
        cells.sort(key=lambda c: (math.isnan(c.value), -c.value, c.item, c.group))
        if cells:
            blocks += [Paragraph(MEANING[measure]), _association_chart(context, column, cells)]
    if groups[ASSOCIATION]:
        blocks.append(_association_table(column, groups[ASSOCIATION], groups[RELATIVE]))
    if context.judged and not any(c.cell.column == column.name for c in context.comparisons):
        blocks.append(
            Paragraph(f"Nothing was planted in this model about these words and {column.heading}.")
        )
    for cell in select(LEAN, column.name, probe=probe):
        if not math.isnan(cell.value):
            blocks.append(
                Paragraph(
                    f"All words together lean towards {towards(cell)} by d = "
                    f"{short(abs(cell.value))} on average (q = {short(cell.q)}). A lean that is "
                    "common to all words is about the groups' images, not about any one word."
                )
            )
    blocks += hidden_note(context, probe, column, ASSOCIATION)
    return Section(f"Association of {probe} by {column.heading}", blocks)


def _association_chart(context: Context, column: GroupColumn, cells: Sequence[Cell]) -> Chart:
    from clipprobe.figures.bias import association_chart, group_map

    name = SHORT[cells[0].key]
    if len(column.levels) == 2:
        group, reference = cells[0].group, cells[0].reference
        return Chart(
            association_chart(
                [c.item for c in cells],
                [c.estimate() for c in cells],
                flagged=[c.flagged for c in cells],
                axis=f"{name}: {reference} ← → {group}  ({column.heading})",
            ),
            f"{name} of each word by {column.heading}, {group} against {reference}, with "
            f"its {100 * context.settings.level:g} % interval, largest first; filled marks are "
            "flagged.",
        )
    items = list(dict.fromkeys(c.item for c in cells))
    by_place = {(c.item, c.group): c for c in cells}
    return Chart(
        group_map(
            items,
            column.levels,
            [[by_place[item, level].value for level in column.levels] for item in items],
            flagged=[[by_place[item, level].flagged for level in column.levels] for item in items],
            unit=name,
        ),
        f"{name} of each word (down) with each {column.heading} against the rest "
        "(across); outlined cells are flagged.",
    )


def _association_table(
    column: GroupColumn, cells: Sequence[Cell], relative: Sequence[Cell]
) -> Table:
    beside = {(c.item, c.group): c for c in relative}

    def stands_out(c: Cell) -> bool:
        return c.flagged or ((c.item, c.group) in beside and beside[c.item, c.group].flagged)

    def order(c: Cell) -> tuple[bool, float, str, str]:
        return not stands_out(c), -abs(c.value), c.item, c.group

    _, more = capped(cells, "the flagged and the largest, {} more are in cells.csv")
    head = ["word", "group", "against", "d", "q", "flagged"]
    head += ["relative d", "q", "flagged"] if beside else []
    rows = []
    for c in sorted(cells, key=order)[:MAX_ROWS] if more else cells:
        row = [c.item, c.group, c.reference, c.estimate(), number(c.q), c.flagged]
        if beside:
            other = beside[c.item, c.group]
            row += [other.estimate(), number(other.q), other.flagged]
        rows.append(row)
    return Table(head, rows, f"Association by {column.heading}{more}")


def planted_section(context: Context, group: str) -> Section:
    """What was planted about one perceived group, beside what the audit found."""
    from clipprobe.figures.bias import planted_chart

    compared = [c for c in context.comparisons if c.planted.group == group]
    compared.sort(key=lambda c: (-c.planted.rate, c.planted.item))
    relative = compared[0].cell.key == RELATIVE
    measure = SHORT[compared[0].cell.key]
    rows = [
        [
            c.planted.item,
            c.planted.rate,
            {1: "+", 0: "none", -1: "−"}[c.planted.sign],
            c.plain,
            *([c.estimate] if relative else []),
            number(c.cell.q),
            c.verdict,
        ]
        for c in compared
    ]
    return Section(
        f"Planted and found, by perceived group {group}",
        [
            Paragraph(
                "The rate is the share of training images captioned with the word that show a "
                f"person drawn as {group}; 0.5 is a balanced control. d is given towards {group}. "
                f"Judged is the {measure}: "
                + (
                    "all words were planted, at rates that average one half, so a word's share "
                    "against the other words is what was planted."
                    if relative
                    else "the words were not all planted, or not at rates that average one half."
                )
            ),
            Chart(
                planted_chart(
                    [c.planted.item for c in compared],
                    [c.planted.rate for c in compared],
                    [c.estimate for c in compared],
                    axis=f"{measure} towards {group}",
                    group=group,
                ),
                f"Planted rate of {group} (across) and {measure} found (up), one mark per word, "
                "with intervals.",
            ),
            Table(
                [
                    *("word", "planted rate", "planted sign", "d found"),
                    *(["relative d found"] if relative else []),
                    *(f"q of the {measure}", "verdict"),
                ],
                rows,
                f"What was planted about perceived group {group}, beside what was found",
            ),
        ],
        id=f"planted-{group}",
    )


def hidden_note(context: Context, probe: str, column: GroupColumn, key: Key) -> list[Block]:
    """How many cells hold no number, and why; nothing where there is none."""
    cells = context.evaluation.select(key, column.name, probe=probe)
    hidden = sum(cell.status == "insufficient" for cell in cells)
    if not hidden:
        return []
    names = ", ".join(column.hidden)
    text = "insufficient or withheld" if column.withheld else "insufficient"
    return [Paragraph(f"{hidden} cells are {text} and hold no number: {names}.")]
