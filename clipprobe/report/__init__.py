"""Reports: one self-contained HTML file and its Markdown twin, from plain results."""

from clipprobe.report.explorer import MapExplorer, MapLayer
from clipprobe.report.grid import Card, Cards
from clipprobe.report.html import render_html, write_html
from clipprobe.report.intervals import Intervals
from clipprobe.report.markdown import render_markdown, write_markdown
from clipprobe.report.page import (
    Block,
    Chart,
    Code,
    Histogram,
    ImageRows,
    Images,
    Lead,
    Links,
    Numbers,
    Page,
    Paragraph,
    Section,
    Table,
    Warning,
)

__all__ = [
    "Block",
    "Card",
    "Cards",
    "Chart",
    "Code",
    "Histogram",
    "ImageRows",
    "Images",
    "Intervals",
    "Lead",
    "Links",
    "MapExplorer",
    "MapLayer",
    "Numbers",
    "Page",
    "Paragraph",
    "Section",
    "Table",
    "Warning",
    "render_html",
    "render_markdown",
    "write_html",
    "write_markdown",
]
