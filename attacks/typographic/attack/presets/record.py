"""The record of a preset, and the presets of ``assets/typographic/presets.json``.

A preset is after one of the field's generators, or a kind of real attack. In the file a knob that
ends in ``_px`` is in pixels of the original's image, whose side is ``pixels``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """How one paper, or one kind of real attack, writes its word."""

    name: str
    knobs: Mapping[str, Any]
    """Fields of :class:`TypographicAttack`."""
    source: str
    """The paper or code that it follows."""
    note: str
    """What of it is published, and what is our choice."""
    pixels: int | None = None
    """Side in pixels of the image that the original wrote on; None where it varied. Sizes are
    fractions, so that they mean the same on another image."""


def _read(value: Any, side: float, *, in_pixels: bool = False) -> Any:
    """Lists as tuples, pixels as fractions of a side."""
    if isinstance(value, dict):
        return {
            name.removesuffix("_px"): _read(one, side, in_pixels=name.endswith("_px"))
            for name, one in value.items()
        }
    if isinstance(value, list):
        return tuple(_read(one, side, in_pixels=in_pixels) for one in value)
    return value / side if in_pixels else value


_FILE = resources.files("clipprobe") / "assets" / "typographic" / "presets.json"
BUNDLED = {
    item["name"]: Preset(**{**item, "knobs": _read(item["knobs"], item.get("pixels", 1))})
    for item in json.loads(_FILE.read_text("utf-8"))
}
