"""What a report says, before it is HTML or Markdown: a page of sections of blocks.

Text is text: nothing in it is markup, so labels, words and file names of users need no care.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from PIL import Image

from clipprobe.errors import ConfigError
from clipprobe.report.explorer import MapExplorer
from clipprobe.report.grid import Cards
from clipprobe.report.intervals import Intervals
from clipprobe.report.words import need

# A number, text, ``None``, or an estimate: an object or mapping with value, low, high and n.
Cell = Any


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Warning:
    """Something the reader must know before using the numbers."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first column names the row.

    Attributes:
        columns: The head.
        rows: Each as long as ``columns``; a cell is text, a number, ``None`` or an estimate, which
            is shown as ``value [low, high] n=…``.
        caption: What the table shows; required, also by readers who cannot see it.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str

    def __post_init__(self) -> None:
        need(self.caption, "A table", "caption")
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ConfigError(
                    f"The table {self.caption!r} has {len(self.columns)} columns and a row of "
                    f"{len(row)} cells: give each row as many."
                )


@dataclass(frozen=True, slots=True)
class Chart:
    """A plotly figure.

    Attributes:
        figure: ``plotly.graph_objects.Figure``.
        alt: What the chart shows, in words; printed below it.
    """

    figure: Any
    alt: str

    def __post_init__(self) -> None:
        need(self.alt, "A chart", "alt text")


@dataclass(frozen=True, slots=True)
class Images:
    """Images with captions, embedded as thumbnails.

    Attributes:
        items: ``(image, caption)``; the image is a PIL image or a path. A file that cannot be
            read is shown as such. The caption is also the alternative text.
        columns: How many stand side by side where there is room.
        exact: Whether images of thumbnail size keep their pixels; without, pages are smaller.
    """

    items: Sequence[tuple[Image.Image | str | Path, str]]
    columns: int = 4
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Numbers:
    """Key figures: ``(label, value, note)``; the value is an estimate, a number or text."""

    items: Sequence[tuple[str, Cell, str]]


@dataclass(frozen=True, slots=True)
class Links:
    """Links ``(label, href)``, relative to the page or to an address on the web.

    A relative path may be given as it is on disk: it is quoted where a URL needs it.
    """

    items: Sequence[tuple[str, str]]

    def __post_init__(self) -> None:
        for _, href in self.items:
            safe_href(href)


@dataclass(frozen=True, slots=True)
class Code:
    """Commands or code to copy, as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts on a logarithmic axis, drawn without a script; for pages made by the hundred.

    Attributes:
        edges, counts: ``n + 1`` rising edges and ``n`` counts; n at least 1.
        axis: Title of the value axis, with its unit.
        what: What is counted, in the plural.
        marks: ``(name, value)`` of lines to draw.
        alt: What it shows, in words; printed below it.
    """

    edges: Sequence[float]
    counts: Sequence[int]
    axis: str
    what: str
    alt: str
    marks: Sequence[tuple[str, float]] = ()

    def __post_init__(self) -> None:
        need(self.alt, "A histogram", "alt text")
        if len(self.edges) != len(self.counts) + 1 or not len(self.counts):
            raise ConfigError(
                f"A histogram with {len(self.edges)} edges needs one count fewer and at least one, "
                f"not {len(self.counts)}."
            )


@dataclass(frozen=True, slots=True)
class ImageRows:
    """Rows of small images, compressed, each with a name and a note in front.

    Attributes:
        rows: ``(name, note, items)`` with items as in :class:`Images`; a row may have none.
    """

    rows: Sequence[tuple[str, str, Sequence[tuple[Image.Image | str | Path, str]]]]


Block = (
    Paragraph
    | Warning
    | Table
    | Chart
    | Images
    | Numbers
    | Links
    | Code
    | Histogram
    | ImageRows
    | Intervals
    | MapExplorer
    | Cards
)


Figure = Cards | Chart | Histogram | Images | ImageRows | Intervals | MapExplorer


@dataclass(frozen=True, slots=True)
class Section:
    """A headed part of a page.

    Attributes:
        id: Its anchor, made from the title where it is empty.
        short: One to three words for links to it, where the title is longer.
        open: Whether it stands open on a page that folds.
    """

    title: str
    blocks: Sequence[Block]
    id: str = ""
    short: str = ""
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """What a report opens with; everything else of its page folds.

    Attributes:
        verdict: What was found, in one plain sentence without a full stop: the heading.
        evidence: One or two sentences with n, the interval and the control.
        figure: The one figure that shows it.
        limits: What it cannot say, for a page that has no section for that (one with the anchor
            ``limits``, ``how-to-read-this`` or ``how-to-read-it``).
    """

    verdict: str
    evidence: str
    figure: Figure
    limits: Sequence[str] = ()

    def __post_init__(self) -> None:
        need(self.verdict, "The opening", "verdict")
        need(self.evidence, "The opening", "evidence")


@dataclass(frozen=True, slots=True)
class Page:
    """A report.

    Attributes:
        title: The heading.
        subtitle: One sentence under it.
        sections: In reading order.
        provenance: What made the numbers (model, data, seed, versions), nested mappings.
        lead: The verdict; without one, the sections stand open.
    """

    title: str
    subtitle: str = ""
    sections: Sequence[Section] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    lead: Lead | None = None


def safe_href(href: str) -> str:
    """``href`` as it may stand in a link.

    Raises:
        ConfigError: it would run a script or open a file by an address of another kind.
    """
    try:
        scheme = urlsplit(href.strip()).scheme.lower()
    except ValueError:
        scheme = "invalid"
    if scheme not in ("", "http", "https", "mailto"):
        raise ConfigError(f"The link {href!r} is of the kind {scheme!r}: give a path or http(s).")
    return quote(href, safe="/#?&=%:;,+@!~()'$*[]")
