"""Mitigations, measured: fitted on one half of the pictures, scored on the other, with the cost."""

from attacks.bias.mitigation.mitigate import METHODS, mitigate_bias
from attacks.bias.mitigation.transforms import clip_clip, prompt_projection

__all__ = ["METHODS", "clip_clip", "mitigate_bias", "prompt_projection"]
