"""The data of maps that can be clicked through, as the script of the page reads them."""

from __future__ import annotations

from typing import Any

from clipprobe.errors import ConfigError
from clipprobe.report.page import MapExplorer

EXPLORED = 640
"""Longest side of the image in pixels."""


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
