"""Neurons: what activates each unit, over all images and across its whole range."""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.atlas import Atlas as Atlas
    from clipprobe.neurons.atlas.atlas import merge_atlases as merge_atlases
    from clipprobe.neurons.atlas.scanning import scan as scan
    from clipprobe.neurons.atlas.scanning import scan_texts as scan_texts
    from clipprobe.neurons.atlas.unit import Bin as Bin
    from clipprobe.neurons.atlas.unit import Firing as Firing
    from clipprobe.neurons.atlas.unit import Unit as Unit
    from clipprobe.neurons.one_image import ImageResponses as ImageResponses
    from clipprobe.neurons.one_image import responding as responding
    from clipprobe.neurons.where import TextMap as TextMap
    from clipprobe.neurons.where import UnitMap as UnitMap
    from clipprobe.neurons.where import text_map as text_map
    from clipprobe.neurons.where import unit_map as unit_map

__getattr__, __dir__ = later(__name__)
