"""The report of a comparison of two bias reports, and its lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attacks.bias.groups.columns import heading_of
from attacks.bias.report.differences import TABLE, differences_table
from attacks.bias.sections.caveats import limits_section
from attacks.bias.sections.wording import capped
from clipprobe.report import Block, Page, Paragraph, Section, Table, Warning
from clipprobe.report.numbers import format_cell
from clipprobe.report.opening import compared
from clipprobe.study import Outcome


def comparison_outcome(summary: Mapping[str, Any], **counts: Any) -> Outcome[Any]:
    """What a comparison writes: its table, its summary and the page made of it."""
    return Outcome(
        value=summary,
        files=[(TABLE, differences_table(summary["differences"]))],
        summary=lambda: summary,
        page=lambda run: comparison_page(summary),
        **counts,
    )


def comparison_page(summary: Mapping[str, Any]) -> Page:
    """What changed, column by column; then what holds for both reports."""
    runs = summary["runs"]
    rows = summary["differences"]
    how = "paired over the same images" if summary["paired"] else "as if independent"
    blocks: list[Block] = [Warning(text) for text in summary["warnings"]]
    blocks.append(
        Paragraph(
            f"{summary['n']['shared']:,} figures stand in both reports, compared {how}; "
            f"{summary['n_differ']} of {summary['family_size']} tested differences stand out "
            "(q ≤ 0.05, Benjamini-Hochberg over this comparison). Differences are B minus A. A "
            "figure nearer to 0 is a smaller difference between groups, not a fairer model."
        )
    )
    sections = [
        Section("What changed between perceived groups", blocks, id="summary", short="Changes")
    ]
    for column in dict.fromkeys(row["column"] for row in rows):
        own = [row for row in rows if row["column"] == column]
        heading = f"by {heading_of(column)}" if column else "of words about perceived groups"
        sections.append(Section(f"Differences {heading}", [_table(own, heading)]))
    sections.append(limits_section(summary["limits"], "both reports"))
    return Page(
        title="Two bias reports by perceived or annotated group",
        subtitle=f"A: {runs['a']['model']} ({runs['a']['name']}, {runs['a']['used']:,} images). "
        f"B: {runs['b']['model']} ({runs['b']['name']}, {runs['b']['used']:,} images).",
        sections=sections,
        provenance=dict(runs),
        lead=compared(
            [(_named(row), row["difference"]) for row in sorted(rows, key=_order)],
            control=f"{summary['n_differ']} of {summary['family_size']} tested differences stand "
            f"out after correction; compared {how}.",
            limits=(),
        ),
    )


def _named(row: Mapping[str, Any]) -> str:
    """What a difference is of, for the figure of the opening."""
    return ", ".join(part for part in (row["item"], row["measure"], row["group"]) if part)


def _table(rows: list[dict[str, Any]], named: str) -> Table:
    listed, more = capped(rows, "the clearest, {} more are in differences.csv", _order)
    return Table(
        ["figure", "of", "group", "against", "A", "B", "B minus A", "q", "differs"],
        [
            [
                f"{row['probe']}: {row['measure']}", row["item"], row["group"], row["reference"],
                row["a"]["value"], row["b"]["value"], row["difference"], row["q"], row["differs"],
            ]
            for row in listed
        ],
        f"Figures of both reports {named}, 95 % intervals of the difference{more}",
    )  # fmt: skip


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    p = row["p"]
    return (
        not row["differs"],
        1.0 if p is None else p,
        -abs(row["difference"]["value"]),
        *(str(row[name]) for name in ("probe", "measure", "item", "group", "reference")),
    )


def comparison_text(summary: Mapping[str, Any]) -> str:
    """The comparison as lines for the terminal: the clearest twenty."""
    texts = [f"warning: {text}" for text in summary["warnings"]]
    for name in ("a", "b"):
        about = summary["runs"][name]
        texts.append(f"{name.upper()}: {about['model']} ({about['name']})")
    texts.append(
        f"{summary['n_differ']} of {summary['family_size']} tested differences stand out"
        f"{', paired over the same images' if summary['paired'] else ''}."
    )
    for row in sorted(summary["differences"], key=_order)[:20]:
        who = " / ".join(part for part in (row["column"], row["group"], row["reference"]) if part)
        mark = " *" if row["differs"] else ""
        texts.append(
            f"{row['probe']}: {row['measure']} {row['item']} [{who}]: "
            f"{format_cell(row['difference'])}{mark}"
        )
    return "\n".join(texts)
