"""What the elements share: their files, and images as text."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image

from clipprobe.neurons.atlas.thumbnails import encoded

HERE = Path(__file__).parent


def element(name: str, *shared: str) -> Any:
    """The element of that name: its script, its style and the style of all.

    Args:
        shared: Scripts of functions that it shares with others.
    """
    files = [(HERE / f"{file}.js").read_text(encoding="utf-8") for file in (*shared, name)]
    script = "\n".join(files)
    styles = [(HERE / f"{file}.css").read_text(encoding="utf-8") for file in ("common", name)]
    return st.components.v2.component(
        f"clipprobe.{name}", html='<div class="root"></div>', css="\n".join(styles), js=script
    )


def as_text(image: Image.Image) -> str:
    """An image as a ``data:`` address; small ones keep every pixel."""
    return webp_text(encoded(image, quality=82))


def webp_text(data: bytes) -> str:
    """A WEBP file as a ``data:`` address."""
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")
