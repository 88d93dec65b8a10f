"""Every study by name, as text; another package adds its own through an entry-point group."""

from __future__ import annotations

from typing import Any

from clipprobe.registry import Registry
from clipprobe.study.plan import Study

STUDIES: Registry[Study[Any, Any]] = Registry(
    "study",
    {
        "few-shot": "clipprobe.zeroshot.few_shot.audit:FEW_SHOT",
        "limits": "clipprobe.zeroshot.limits.audit:LIMITS",
        "zeroshot": "clipprobe.zeroshot.audit:ZEROSHOT",
        "typographic": "attacks.typographic.audit:TYPOGRAPHIC",
    },
    group="clipprobe.studies",
    help="Another package adds one through the entry points of clipprobe.studies.",
)
"""Kind of run -> ``"package.module:STUDY"``: a :class:`~clipprobe.study.plan.Study`."""

COMPARISONS: Registry[Study[Any, Any]] = Registry(
    "comparison",
    {},
    group="clipprobe.comparisons",
    help="Runs of that kind cannot be compared.",
)
"""Kind of both runs -> the study that compares them: its settings have the fields a and b."""
