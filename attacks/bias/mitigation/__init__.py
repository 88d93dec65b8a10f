"""Mitigations, measured: fitted on one half of the images, scored on the other, with the cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from attacks.bias.mitigation.mitigate import mitigate_bias as mitigate_bias
    from attacks.bias.mitigation.settings import METHODS as METHODS
    from attacks.bias.mitigation.transforms import clip_clip as clip_clip
    from attacks.bias.mitigation.transforms import prompt_projection as prompt_projection

__all__ = ["METHODS", "clip_clip", "mitigate_bias", "prompt_projection"]

__getattr__ = later(
    __name__,
    {
        "METHODS": "attacks.bias.mitigation.settings",
        "clip_clip": "attacks.bias.mitigation.transforms",
        "mitigate_bias": "attacks.bias.mitigation.mitigate",
        "prompt_projection": "attacks.bias.mitigation.transforms",
    },
)
