"""Captions: what units have to do with texts, as two separate questions."""

from clipprobe.neurons.captions.lists import default_captions
from clipprobe.neurons.captions.ranking import text_prompts, vision_captions
from clipprobe.neurons.captions.result import ALIGNMENT, TEXT_ALONE, CaptionScore, UnitCaptions
from clipprobe.neurons.captions.run import captions_run, load_captions

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
