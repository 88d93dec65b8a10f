"""The report of a comparison of two typographic audits, and its lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipprobe.figures.typographic import difference_chart
from clipprobe.report import Block, Chart, Page, Paragraph, Section, Table, Warning
from clipprobe.report.numbers import format_cell
from clipprobe.report.opening import compared


def comparison_page(summary: Mapping[str, Any]) -> Page:
    """The report of a comparison."""
    rows = summary["differences"]
    sentence = "; ".join(f"{row['name']} {format_cell(row['difference'])}" for row in rows)
    blocks: list[Block] = [
        *(Warning(text) for text in summary["warnings"]),
        Chart(difference_chart(rows), f"B minus A: {sentence}."),
        Table(
            ["measure", "A", "B", "B minus A", "McNemar p", "Holm p"],
            [
                [r["name"], r["a"], r["b"], r["difference"], r["mcnemar_p"], r["holm_p"]]
                for r in rows
            ],
            "Paired over the same image, word and condition, 95 % intervals; p exact, corrected "
            "by Holm over these rows.",
        ),
        Paragraph(
            "Intervals and tests are about the choice of images and words. They say nothing "
            "about other images, fonts or prompts, nor whether two models differ in general."
        ),
    ]
    runs = summary["runs"]
    return Page(
        title="Two typographic audits",
        subtitle=f"A: {runs['a']['model']} ({runs['a']['name']}). B: {runs['b']['model']} "
        f"({runs['b']['name']}). {summary['n']['pairs']:,} attacked images in both.",
        sections=[Section("What changed", blocks)],
        provenance=dict(runs),
        lead=compared(
            [(row["name"], row["difference"]) for row in rows],
            control=f"Paired over {summary['n']['pairs']:,} attacked images of both; the nonsense "
            "words of each audit are its control.",
            about="measures",
        ),
    )


def comparison_text(summary: Mapping[str, Any]) -> str:
    """The comparison as lines for the terminal."""
    texts = [f"warning: {text}" for text in summary["warnings"]]
    for name in ("a", "b"):
        about = summary["runs"][name]
        texts.append(f"{name.upper()}: {about['model']} ({about['name']})")
    for row in summary["differences"]:
        p = "" if row["holm_p"] is None else f", Holm p {format_cell(row['holm_p'])}"
        texts.append(f"{row['name']:<28} {format_cell(row['difference'])}{p}")
    return "\n".join(texts)
