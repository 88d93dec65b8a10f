"""How what an instrument found about one unit is shown: tables with names for people.

A :class:`View` names the tables of a run that it reads (``docs/store-format.md`` has their
columns) and turns the rows about a unit into :class:`UnitRows`. Values that are estimates are
shown with their interval and n, beside what chance gives.
"""

from __future__ import annotations

from collections.abc import Mapping

from clipprobe.neurons.sheet.views.concepts import labels, multimodal
from clipprobe.neurons.sheet.views.effects import effects, similar
from clipprobe.neurons.sheet.views.language import captions, words
from clipprobe.neurons.sheet.views.rows import UnitRows, View

__all__ = ["VIEWS", "UnitRows", "View"]

VIEWS: Mapping[str, View] = {
    "words": View(tables=("topwords.parquet", "units.parquet"), make=words),
    "captions": View(tables=("captions.parquet",), make=captions),
    "multimodal": View(tables=("units.parquet", "controls.parquet"), make=multimodal),
    "labels": View(tables=("labels.parquet",), make=labels),
    "effects": View(tables=("effects.parquet",), make=effects),
    "similar": View(tables=("similar.parquet",), make=similar),
}
"""Name of the instrument -> how it is shown."""
