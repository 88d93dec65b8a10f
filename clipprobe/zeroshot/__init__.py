"""What a model calls an image when it may only choose among given texts."""

from clipprobe.zeroshot.classifier import ZeroShotResult, build_classifier, zero_shot
from clipprobe.zeroshot.prompts import TEMPLATES, fill

__all__ = ["TEMPLATES", "ZeroShotResult", "build_classifier", "fill", "zero_shot"]
