"""Blocks as the template takes them: with their images as data, captions and addresses."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image, features

from clipprobe.data import decode_image, to_rgb
from clipprobe.errors import UnreadableImageError
from clipprobe.report.bars import histogram_svg
from clipprobe.report.charts import figure_json, script_json
from clipprobe.report.explorer import EXPLORED, MapExplorer, explorer_data
from clipprobe.report.grid import Cards
from clipprobe.report.intervals import Intervals, tracks
from clipprobe.report.page import (
    Block,
    Chart,
    Histogram,
    ImageRows,
    Images,
    Numbers,
    Section,
    Table,
)

THUMBNAIL = 256  # longest side in pixels; sharp on a dense screen at the width it is shown
FOLDED_AFTER = 10
"""Rows of a table that stand open."""
_WIDE, _WIDER = 7, 10
"""Columns from which on the type of a table is smaller."""
_LINK = 26
"""Characters of a link to a section."""
_TURN = re.compile(r"[:,;]| (?:by|of|that|and|with) ")
_IN_BRACKETS = re.compile(r" \([^()]*\d[^()]*;[^()]*\d[^()]*\)")
_FIGURES = (Chart, Histogram, Images, ImageRows, Intervals, MapExplorer)


class Addresses:
    """Anchors of one page, each given once."""

    def __init__(self, *used: str) -> None:
        self._used = set(used)

    def of(self, stem: str) -> str:
        """``stem``, or with the first number that makes it new."""
        anchor, copy = stem, 2
        while anchor in self._used:
            anchor, copy = f"{stem}-{copy}", copy + 1
        self._used.add(anchor)
        return anchor


def slug(title: str) -> str:
    """A title as an anchor."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"


def view_of(
    block: Block, section: str, addresses: Addresses, numbers: Iterator[int]
) -> dict[str, Any]:
    """``block`` as the template takes it; ``kind`` names the macro.

    Args:
        section: Anchor of the section that it stands in.
        numbers: Of the charts of the page.
    """
    view: dict[str, Any] = {"kind": type(block).__name__.lower(), "block": block}
    if isinstance(block, (*_FIGURES, Table)):
        what = "table" if isinstance(block, Table) else "figure"
        view["id"] = addresses.of(f"{section}-{what}")
    if isinstance(block, Chart):
        view.update(
            plot=f"chart_{next(numbers)}",
            json=Markup(figure_json(block.figure)),
            caption=short_caption(block.alt),
        )
    elif isinstance(block, Intervals):
        view.update(tracks(block))
    elif isinstance(block, MapExplorer):
        view.update(
            uri=data_uri(block.picture, longest=EXPLORED),
            small=max(block.picture.size) < EXPLORED // 2,
            json=Markup(script_json(explorer_data(block))),
        )
    elif isinstance(block, Images):
        view["items"] = [_image_view(image, caption, block.exact) for image, caption in block.items]
    elif isinstance(block, ImageRows):
        view["rows"] = [
            (name, note, [_image_view(image, caption, exact=False) for image, caption in items])
            for name, note, items in block.rows
        ]
    elif isinstance(block, Histogram):
        view["svg"] = histogram_svg(
            block.edges,
            block.counts,
            alt=block.alt,
            axis=block.axis,
            what=block.what,
            marks=block.marks,
        )
    elif isinstance(block, Table):
        n_columns = len(block.columns)
        view["size"] = "wider" if n_columns >= _WIDER else "wide" if n_columns >= _WIDE else ""
        view["first"] = block.rows[:FOLDED_AFTER]
        view["rest"] = block.rows[FOLDED_AFTER:]
    elif isinstance(block, Cards):
        view["cards"] = [
            (
                addresses.of(slug(card.title)),
                card,
                [view_of(one, slug(card.title), addresses, numbers) for one in card.blocks],
            )
            for card in block.items
        ]
    elif isinstance(block, Numbers):
        view["cards"] = [
            (addresses.of(f"{section}-{slug(label)}"), label, value, note)
            for label, value, note in block.items
        ]
    return view


def links_to(parts: Sequence[Section]) -> list[str]:
    """A few words for each section; those that would read alike say by what they differ."""
    short = [part.short or in_few_words(part.title) for part in parts]
    return [
        f"{words}: {part.title.rpartition(' by ')[2]}"
        if short.count(words) > 1 and " by " in part.title
        else words
        for words, part in zip(short, parts, strict=True)
    ]


def in_few_words(title: str) -> str:
    """A title as a link: its beginning, where it is a sentence."""
    if len(title) <= _LINK:
        return title
    stem = _TURN.split(title)[0]
    words = stem.split()
    return stem if len(stem) <= _LINK else " ".join(words[:3]) + ("…" if len(words) > 3 else "")


def short_caption(alt: str) -> str:
    """A chart's words without the numbers that it shows; all of them are read out to the blind."""
    text = _IN_BRACKETS.sub("", alt)
    head, colon, tail = text.partition(": ")
    return f"{head}." if colon and len(re.findall(r"\d+\.\d+", tail)) > 1 else text


def hint_of(blocks: Sequence[Block]) -> str:
    """What a fold holds, in a few words."""
    figures = sum(isinstance(one, _FIGURES) for one in blocks)
    rows = sum(len(one.rows) for one in blocks if isinstance(one, Table))
    parts = []
    if figures:
        parts.append(f"{figures} figure{'s' if figures > 1 else ''}")
    if rows:
        parts.append(f"{rows:,} row{'s' if rows > 1 else ''}")
    return ", ".join(parts)


def _image_view(image: Any, caption: str, exact: bool) -> dict[str, Any]:
    try:
        return {"uri": data_uri(image, exact=exact), "caption": caption, "reason": ""}
    except UnreadableImageError as error:
        return {"uri": "", "caption": caption, "reason": str(error)}


def data_uri(
    image: Image.Image | str | Path, *, longest: int = THUMBNAIL, exact: bool = True
) -> str:
    """``image`` as a ``data:`` address: WebP where Pillow can write it, else PNG.

    Args:
        image: A PIL image of any mode, or a path. An image smaller than ``longest`` keeps its
            pixels, without loss.
        longest: Longest side of the thumbnail in pixels.
        exact: Whether a small image keeps its pixels; if not, all are compressed.

    Raises:
        UnreadableImageError: the file cannot be decoded.
    """
    pixels = to_rgb(image) if isinstance(image, Image.Image) else decode_image(Path(image))
    if pixels.width * pixels.height == 0:
        raise UnreadableImageError("the image has no pixels")
    small = max(pixels.size) <= longest
    if not small:
        factor = longest / max(pixels.size)
        size = (max(1, round(pixels.width * factor)), max(1, round(pixels.height * factor)))
        pixels = pixels.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    kind = "webp" if features.check("webp") else "png"
    if kind == "webp":
        # Without loss, quality is effort: more than 20 takes twice as long for 5 % fewer bytes.
        lossless = small and exact
        pixels.save(buffer, "WEBP", lossless=lossless, quality=20 if lossless else 82, method=4)
    else:
        pixels.save(buffer, "PNG", optimize=True)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
