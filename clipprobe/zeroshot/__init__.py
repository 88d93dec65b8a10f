"""What a model calls an image when it may only choose among given texts."""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.zeroshot.audit import audit_zeroshot as audit_zeroshot
    from clipprobe.zeroshot.carriers.audit import audit_carriers as audit_carriers
    from clipprobe.zeroshot.classifier import ZeroShotResult as ZeroShotResult
    from clipprobe.zeroshot.classifier import build_classifier as build_classifier
    from clipprobe.zeroshot.classifier import zero_shot as zero_shot
    from clipprobe.zeroshot.few_shot.audit import audit_few_shot as audit_few_shot
    from clipprobe.zeroshot.limits.audit import audit_limits as audit_limits
    from clipprobe.zeroshot.prompts import TEMPLATES as TEMPLATES
    from clipprobe.zeroshot.prompts import fill as fill

__getattr__, __dir__ = later(__name__)
