"""Is a unit's concept one concept in picture, drawing and word? See ``docs/multimodality.md``."""

from clipprobe.neurons.multimodality.counting import MultimodalCount, count_multimodal
from clipprobe.neurons.multimodality.probes import Probes, bundled_probes
from clipprobe.neurons.multimodality.result import Multimodality
from clipprobe.neurons.multimodality.run import multimodality

__all__ = [
    "MultimodalCount",
    "Multimodality",
    "Probes",
    "bundled_probes",
    "count_multimodal",
    "multimodality",
]
