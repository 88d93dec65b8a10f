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

__getattr__, __dir__ = later(__name__)
