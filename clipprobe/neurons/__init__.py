"""Neurons: what makes each unit fire, over all images and across its whole range."""

from clipprobe.neurons.atlas.atlas import Atlas, merge_atlases
from clipprobe.neurons.atlas.scanning import scan, scan_texts
from clipprobe.neurons.atlas.unit import Bin, Firing, Unit
from clipprobe.neurons.where import UnitMap, unit_map

__all__ = [
    "Atlas",
    "Bin",
    "Firing",
    "Unit",
    "UnitMap",
    "merge_atlases",
    "scan",
    "scan_texts",
    "unit_map",
]
