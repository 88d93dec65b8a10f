"""Captions: what units have to do with texts, as two separate questions."""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.neurons.captions.lists import default_captions as default_captions
    from clipprobe.neurons.captions.ranking import text_prompts as text_prompts
    from clipprobe.neurons.captions.ranking import vision_captions as vision_captions
    from clipprobe.neurons.captions.result import ALIGNMENT as ALIGNMENT
    from clipprobe.neurons.captions.result import TEXT_ALONE as TEXT_ALONE
    from clipprobe.neurons.captions.result import CaptionScore as CaptionScore
    from clipprobe.neurons.captions.result import UnitCaptions as UnitCaptions
    from clipprobe.neurons.captions.run import captions_run as captions_run
    from clipprobe.neurons.captions.run import load_captions as load_captions

__all__ = [
    "ALIGNMENT",
    "TEXT_ALONE",
    "CaptionScore",
    "UnitCaptions",
    "captions_run",
    "default_captions",
    "load_captions",
    "text_prompts",
    "vision_captions",
]

_HERE = "clipprobe.neurons.captions"
_LATER = {
    **dict.fromkeys(("ALIGNMENT", "TEXT_ALONE", "CaptionScore", "UnitCaptions"), f"{_HERE}.result"),
    **dict.fromkeys(("captions_run", "load_captions"), f"{_HERE}.run"),
    **dict.fromkeys(("text_prompts", "vision_captions"), f"{_HERE}.ranking"),
    "default_captions": f"{_HERE}.lists",
}
__getattr__ = later(__name__, _LATER)
