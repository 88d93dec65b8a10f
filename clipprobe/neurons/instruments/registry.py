"""Every instrument by name, as text; another package adds its own through an entry-point group."""

from __future__ import annotations

from clipprobe.neurons.instruments.instrument import Instrument
from clipprobe.registry import Registry

INSTRUMENTS: Registry[Instrument] = Registry(
    "instrument",
    {
        "atlas": "clipprobe.neurons.atlas.instrument:ATLAS",
        "captions": "clipprobe.neurons.captions.instrument:CAPTIONS",
        "effects": "clipprobe.neurons.effects.instruments:EFFECTS",
        "labels": "clipprobe.neurons.labels.instrument:LABELS",
        "multimodal": "clipprobe.neurons.multimodality.instrument:MULTIMODAL",
        "similar": "clipprobe.neurons.effects.instruments:SIMILAR",
        "words": "clipprobe.neurons.words.instrument:WORDS",
    },
    group="clipprobe.instruments",
    help="Another package adds one through the entry points of clipprobe.instruments.",
)
"""Name -> ``"package.module:INSTRUMENT"``: an :class:`.instrument.Instrument`."""


def beside_atlas() -> list[Instrument]:
    """The instruments whose runs are shown beside an atlas, in the order of a sheet."""
    every = (one for one in INSTRUMENTS.values() if one.place)
    return sorted(every, key=lambda one: (one.place, one.name))
