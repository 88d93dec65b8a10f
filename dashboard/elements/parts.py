"""What the elements share: their files, and images as text."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image

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


def as_text(image: Image.Image, *, quality: int = 82) -> str:
    """An image as a ``data:`` address; small ones keep every pixel."""
    file = io.BytesIO()
    lossless = max(image.size) <= 128
    image.convert("RGB").save(file, "WEBP", quality=quality, lossless=lossless, method=2)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii")
