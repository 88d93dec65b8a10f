"""Help texts are plain text; Typer would let Rich read them."""

from __future__ import annotations

import re

_TAG = re.compile(r"\[(?=[a-zA-Z#/@])")  # what Rich takes for the start of one


def plain(text: str) -> str:
    """Text that Rich shows as it is."""
    return _TAG.sub(r"\\[", text)
