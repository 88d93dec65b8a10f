"""Pieces that several views share: safe text, errors, numbers, images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import streamlit as st
from PIL import Image, ImageDraw, ImageOps

from clipprobe.arrays import missing
from clipprobe.errors import ClipprobeError
from clipprobe.report.numbers import estimate_parts, format_number

_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")
_LINK = re.compile(r"(?<=:)(?=[a-z/+-])|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_NUMBER = re.compile(r"[+−-]?[\d.,]+(e[+-]?\d+)?[ %]*")
CRISP_BELOW_PX = 192
ANY = "any"


def plain(text: object) -> str:
    """``text`` for an element that reads Markdown, shown as it is written.

    File names and labels are data: none may become a link, an image from the network, or HTML.
    Addresses and names of icons are found by the browser after escapes are read, so these are
    broken by an invisible character.
    """
    return _MARKUP.sub(r"\\\1", _LINK.sub("\u2060", visible(text)))


def visible(text: object) -> str:
    """``text`` on one line for a cell or a field, what cannot be printed as its escape."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in " ".join(str(text).split())
    )


def favicon() -> Image.Image:
    """The tab's icon. Drawn here, because Streamlit fetches named icons from the network."""
    icon = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    draw = ImageDraw.Draw(icon)
    draw.rounded_rectangle((0, 0, 63, 63), 14, fill="#0072B2")
    draw.ellipse((12, 12, 51, 51), outline="white", width=7)
    draw.ellipse((25, 25, 38, 38), fill="white")
    return icon


def choose_or_any(label: str, options: Iterable[str], key: str, **how: Any) -> str:
    """One of some options, or any; what was chosen is forgotten where it is no longer there.

    Args:
        how: More of the widget, such as where its choice is kept.
    """
    names = [ANY, *options]
    if st.session_state.get(key, ANY) not in names:
        st.session_state[key] = ANY
    return str(st.selectbox(label, names, key=key, **how))


def choose_part(label: str, parts: Sequence[str], key: str) -> str:
    """One of the parts of a page, the first until another is chosen; the choice is in the address.

    Args:
        label: For those who cannot see the parts.
    """
    return st.segmented_control(
        label, parts, default=parts[0], key=key, required=True, label_visibility="collapsed",
        bind="query-params",
    )  # fmt: skip


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show a user's mistake as one message and go on after the block."""
    try:
        yield
    except ClipprobeError as error:
        st.error(plain(error), icon=":material/error:")


def numbers_row(items: Sequence[Mapping[str, Any]], *, columns: int = 5) -> None:
    """Headline numbers side by side, each with its interval and n.

    Args:
        items: ``summary["headline"]``: name, estimate, meaning.
    """
    for start in range(0, len(items), columns):
        for place, item in zip(st.columns(columns), items[start : start + columns], strict=False):
            value, interval, reason = estimate_words(item.get("estimate"))
            name = str(item["name"]).replace("_", " ")
            meaning = str(item.get("meaning") or "")
            with place:
                number(name, value, interval, help=f"{meaning} {reason}".strip())


def number(name: str, value: str, note: str, *, help: str = "") -> None:
    """A number or a word, its name above (whole: a metric cuts its own off), its notes below."""
    if not _NUMBER.fullmatch(value):  # a metric reads Markdown
        value = plain(value)
    with st.container(gap="xxsmall"):
        st.caption(plain(name), help=plain(help) or None)
        st.metric(plain(name), value, label_visibility="collapsed")
        if note:
            st.caption(plain(note))


def estimate_words(estimate: Any) -> tuple[str, str, str]:
    """An estimate or its JSON form as value, interval with n, and a reason for what is missing."""
    parts = estimate_parts(estimate)
    if parts is None:
        return str(estimate), "", ""
    value, low, high, n, reason = parts
    note = f"({reason}.)" if reason else ""
    if missing(value):
        return "undefined", f"n={n:,}" + (f": {reason}" if reason else ""), ""
    if missing(low) or missing(high):
        return format_number(value), f"no interval, n={n:,}", note
    return format_number(value), f"95 % [{format_number(low)}, {format_number(high)}], n={n:,}", ""


def picture(image: Image.Image, alt: str, *lines: str) -> None:
    """An image at the width of its column, enlarged without a blur.

    Args:
        alt: What it shows, for those who cannot see it.
        lines: Of the caption.
    """
    caption = "  \n".join(plain(line) for line in lines)
    st.image(edged(image), caption=caption, alt=alt, width="stretch")


def download(label: str, data: str | bytes, name: str, mime: str, *, key: str = "") -> None:
    """A button that hands a file to the browser; the page does not run again for it."""
    st.download_button(
        label, data, name, mime, key=key or None, icon=":material/download:", on_click="ignore"
    )


def crisp(image: Image.Image, least: int = CRISP_BELOW_PX) -> Image.Image:
    """A small image enlarged by whole pixels, so that the browser does not blur what is there."""
    factor = -(-least // max(1, min(image.size)))
    if factor == 1 or max(image.size) * factor > 8 * least:
        return image
    size = (image.width * factor, image.height * factor)
    return image.resize(size, Image.Resampling.NEAREST)


def edged(image: Image.Image) -> Image.Image:
    """The image for the page: crisp, with an edge that shows where a white image ends."""
    return ImageOps.expand(crisp(image), border=1, fill=(136, 136, 136))
