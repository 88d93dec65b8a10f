"""What a model calls an image when it may only choose among given texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.later import later
from clipprobe.zeroshot.classifier import ZeroShotResult, build_classifier, zero_shot
from clipprobe.zeroshot.prompts import TEMPLATES, fill

if TYPE_CHECKING:
    from clipprobe.zeroshot.audit import audit_zeroshot as audit_zeroshot
    from clipprobe.zeroshot.carriers.audit import audit_carriers as audit_carriers
    from clipprobe.zeroshot.few_shot.audit import audit_few_shot as audit_few_shot
    from clipprobe.zeroshot.limits.audit import audit_limits as audit_limits

# Lazy, because they import torch, and this package is imported for a record of settings.
_AUDITS = {
    "audit_carriers": "clipprobe.zeroshot.carriers.audit",
    "audit_few_shot": "clipprobe.zeroshot.few_shot.audit",
    "audit_limits": "clipprobe.zeroshot.limits.audit",
    "audit_zeroshot": "clipprobe.zeroshot.audit",
}

__all__ = [
    "TEMPLATES",
    "ZeroShotResult",
    "audit_carriers",
    "audit_few_shot",
    "audit_limits",
    "audit_zeroshot",
    "build_classifier",
    "fill",
    "zero_shot",
]
__getattr__ = later(__name__, _AUDITS)
