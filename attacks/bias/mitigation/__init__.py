"""Mitigations, measured: fitted on one half of the images, scored on the other, with the cost."""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from attacks.bias.mitigation.mitigate import mitigate_bias as mitigate_bias
    from attacks.bias.mitigation.settings import METHODS as METHODS
    from attacks.bias.mitigation.transforms import clip_clip as clip_clip
    from attacks.bias.mitigation.transforms import prompt_projection as prompt_projection

__getattr__, __dir__ = later(__name__)
