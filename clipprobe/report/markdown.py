"""The same page as Markdown, for places that show no HTML; charts and images become words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from clipprobe.report.explorer import MapExplorer
from clipprobe.report.grid import Card, Cards
from clipprobe.report.html import flatten
from clipprobe.report.intervals import Intervals
from clipprobe.report.numbers import format_cell, is_number
from clipprobe.report.page import (
    Block,
    Chart,
    Code,
    Histogram,
    ImageRows,
    Images,
    Links,
    Numbers,
    Page,
    Paragraph,
    Table,
    Warning,
    safe_href,
)
from clipprobe.runs.files import write_text
from clipprobe.version import __version__

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~])")


def write_markdown(page: Page, path: str | Path) -> Path:
    """Write ``page`` as GitHub-flavoured Markdown.

    Raises:
        RunFolderError: the file cannot be written.
    """
    return write_text(path, render_markdown(page))


def render_markdown(page: Page) -> str:
    """``page`` as Markdown text; user text is escaped, so it is never markup."""
    parts = [f"# {escape(page.title)}"]
    if page.subtitle:
        parts.append(escape(page.subtitle))
    if page.lead is not None:
        parts += [f"**{escape(page.lead.verdict)}**", escape(page.lead.evidence)]
        parts.append(_block(page.lead.figure))
        parts += [f"> {escape(text)}" for text in page.lead.limits]
    for section in page.sections:
        parts.append(f"## {escape(section.title)}")
        parts.extend(_block(block) for block in section.blocks)
    if page.provenance:
        rows = flatten(page.provenance)
        parts.append("## How this was made")
        parts.append(_table(["Setting", "Value"], rows))
    parts.append(f"Written by clipprobe {__version__}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """``text`` on one line, with everything that Markdown or HTML would read as markup escaped."""
    text = " ".join(text.split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SPECIAL.sub(r"\\\1", text)
    # At the start of a line these would make a list, or a heading of the line before.
    text = re.sub(r"^([-+=])", r"\\\1", text)
    return re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", text)


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return escape(block.text)
    if isinstance(block, Warning):
        return f"> **Note.** {escape(block.text)}"
    if isinstance(block, Table):
        return f"{escape(block.caption)}\n\n{_table(block.columns, block.rows)}"
    if isinstance(block, (Chart, Intervals)):
        return f"Chart (see the HTML report): {escape(block.alt)}"
    if isinstance(block, Images):
        return "\n".join(f"- Image: {escape(caption)}" for _, caption in block.items)
    if isinstance(block, Code):
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block.text)), default=0))
        return f"{fence}\n{block.text}\n{fence}"
    if isinstance(block, Histogram):
        return f"Histogram (see the HTML report): {escape(block.alt)}"
    if isinstance(block, MapExplorer):
        return f"Maps (see the HTML report): {escape(block.alt)}"
    if isinstance(block, ImageRows):
        return "\n".join(
            f"- **{escape(name)}** ({escape(note)}): "
            + (", ".join(escape(caption) for _, caption in items) or "no image")
            for name, note, items in block.rows
        )
    if isinstance(block, Numbers):
        return "\n".join(
            f"- **{escape(label)}**: {escape(format_cell(value))}"
            + (f" ({escape(note)})" if note else "")
            for label, value, note in block.items
        )
    if isinstance(block, Cards):
        return "\n\n".join(_card(card) for card in block.items)
    assert isinstance(block, Links)  # the last kind of block there is
    return "\n".join(
        f"- [{escape(label)}]({safe_href(href).replace('(', '%28').replace(')', '%29')})"
        for label, href in block.items
    )


def _card(card: Card) -> str:
    parts = [f"### {escape(card.title)}", *map(_block, card.blocks), escape(card.text)]
    return "\n\n".join([*parts, _block(Links(card.links))])


def _table(columns: Any, rows: Any) -> str:
    rows = [list(row) for row in rows]
    right = [bool(rows) and all(is_number(row[i]) for row in rows) for i in range(len(columns))]
    lines = [
        "| " + " | ".join(escape(str(column)) for column in columns) + " |",
        "| " + " | ".join("---:" if number else "---" for number in right) + " |",
    ]
    lines += ["| " + " | ".join(escape(format_cell(cell)) for cell in row) + " |" for row in rows]
    return "\n".join(lines)
