"""Maps that can be clicked through, and their data as the script of the page reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from clipprobe.errors import ConfigError
from clipprobe.report.words import need

EXPLORED = 640
"""Longest side of the image in pixels."""


@dataclass(frozen=True, slots=True)
class MapLayer:
    """One map of :class:`MapExplorer`.

    Attributes:
        name: What is chosen.
        values: ``(rows, columns)``; positive and negative numbers get colours of their own.
        note: What the numbers are.
        word: Number of the word that the map belongs to; None for the whole text.
    """

    name: str
    values: Sequence[Sequence[float]]
    note: str = ""
    word: int | None = None


@dataclass(frozen=True, slots=True)
class MapExplorer:
    """Maps over one image, to choose by map, word and patch; needs no server.

    Attributes:
        image: What the maps lie over.
        layers: At least one.
        words: ``(word, value)``; the value may be None.
        alt: What there is to see, in words; printed below it.
    """

    picture: Image.Image
    layers: Sequence[MapLayer]
    alt: str
    words: Sequence[tuple[str, float | None]] = ()

    def __post_init__(self) -> None:
        need(self.alt, "An image with maps", "alt text")
        if not self.layers:
            raise ConfigError("An image with maps has no map: give at least one.")


def explorer_data(block: MapExplorer) -> dict[str, Any]:
    """Layers with flat values (six digits, which no colour needs more of), and words.

    Raises:
        ConfigError: the maps differ in their shape, or a map names a word that is not there.
    """
    layers = []
    for layer in block.layers:
        rows, columns = len(layer.values), len(layer.values[0])
        if layer.word is not None and not 0 <= layer.word < len(block.words):
            raise ConfigError(
                f"The map {layer.name!r} is of word {layer.word}, which is not there."
            )
        layers.append(
            {
                "name": layer.name,
                "note": layer.note,
                "word": layer.word,
                "rows": rows,
                "columns": columns,
                "values": [float(f"{value:.6g}") for row in layer.values for value in row],
            }
        )
    if len({(one["rows"], one["columns"]) for one in layers}) > 1:
        raise ConfigError("Maps of one image must have one shape, so that patches are the same.")
    words = [
        {"text": text, "value": None if value is None else float(f"{value:.6g}")}
        for text, value in block.words
    ]
    return {"layers": layers, "words": words}
