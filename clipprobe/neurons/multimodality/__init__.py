"""Is a unit one concept in picture, drawing and word? See ``docs/neurons/multimodality.md``."""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.neurons.multimodality.bundled import bundled_probes as bundled_probes
    from clipprobe.neurons.multimodality.counting import MultimodalCount as MultimodalCount
    from clipprobe.neurons.multimodality.counting import count_multimodal as count_multimodal
    from clipprobe.neurons.multimodality.probes import Probes as Probes
    from clipprobe.neurons.multimodality.result import Multimodality as Multimodality
    from clipprobe.neurons.multimodality.run import multimodality as multimodality

__getattr__, __dir__ = later(__name__)
