"""Every study by name, as text; another package adds its own through an entry-point group."""

from __future__ import annotations

from typing import Any

from clipprobe.registry import Registry
from clipprobe.study.plan import Study

STUDIES: Registry[Study[Any, Any]] = Registry(
    "study",
    {
        "carriers": "clipprobe.zeroshot.carriers.audit:CARRIERS",
        "faithfulness": "clipprobe.attribution.faithfulness.audit:FAITHFULNESS",
        "few-shot": "clipprobe.zeroshot.few_shot.audit:FEW_SHOT",
        "limits": "clipprobe.zeroshot.limits.audit:LIMITS",
        "zeroshot": "clipprobe.zeroshot.audit:ZEROSHOT",
        "atlas": "clipprobe.neurons.atlas.scanning:ATLAS",
        "atlas-merge": "clipprobe.neurons.atlas.merge:MERGED",
        "atlas-save": "clipprobe.neurons.atlas.merge:SAVED",
        "bias": "attacks.bias.audit:BIAS",
        "bias-against": "attacks.bias.report.against:AGAINST",
        "bias-comparison": "attacks.bias.report.comparison:COMPARISON",
        "bias-gap": "attacks.bias.gap.explain:GAP",
        "bias-mitigation": "attacks.bias.mitigation.mitigate:MITIGATION",
        "bias-written": "attacks.bias.written.audit:WRITTEN",
        "captions": "clipprobe.neurons.captions.run:CAPTIONS",
        "composition": "clipprobe.neurons.effects.composing.store:COMPOSITION",
        "demo": "attacks.demo.study:DEMO",
        "effects": "clipprobe.neurons.effects.store:EFFECTS",
        "labels": "clipprobe.neurons.labels.store:LABELS",
        "multimodality": "clipprobe.neurons.multimodality.run:MULTIMODALITY",
        "similar": "clipprobe.neurons.effects.similar_store:SIMILAR",
        "suite": "clipprobe.study.suite.engine:SUITE",
        "suite-comparison": "clipprobe.study.suite.comparison:COMPARISON",
        "stroop": "attacks.typographic.stroop.audit:STROOP",
        "typographic": "attacks.typographic.audit:TYPOGRAPHIC",
        "carriers-comparison": "clipprobe.zeroshot.comparison:CARRIERS",
        "faithfulness-comparison": "clipprobe.attribution.faithfulness.comparison:COMPARISON",
        "few-shot-comparison": "clipprobe.zeroshot.comparison:FEW_SHOT",
        "limits-comparison": "clipprobe.zeroshot.comparison:LIMITS",
        "zeroshot-comparison": "clipprobe.zeroshot.comparison:ZEROSHOT",
        "typographic-comparison": "attacks.typographic.report.comparison:COMPARISON",
        "typographic-search": "attacks.typographic.search.run:SEARCH",
        "typographic-sweep": "attacks.typographic.sweep.run:SWEEP",
        "why": "attacks.typographic.reading.run:READING",
        "words": "clipprobe.neurons.words.probe:WORD_PROBE",
    },
    group="clipprobe.studies",
    help="Another package adds one through the entry points of clipprobe.studies.",
)
"""Kind of run (or :attr:`Study.name`) -> ``"package.module:STUDY"``: a :class:`Study`."""

COMPARISONS: Registry[Study[Any, Any]] = Registry(
    "comparison",
    {
        "bias": "attacks.bias.report.comparison:COMPARISON",
        "bias-written": "attacks.bias.report.comparison:COMPARISON",
        "carriers": "clipprobe.zeroshot.comparison:CARRIERS",
        "demo": "clipprobe.study.suite.comparison:COMPARISON",
        "faithfulness": "clipprobe.attribution.faithfulness.comparison:COMPARISON",
        "few-shot": "clipprobe.zeroshot.comparison:FEW_SHOT",
        "limits": "clipprobe.zeroshot.comparison:LIMITS",
        "suite": "clipprobe.study.suite.comparison:COMPARISON",
        "zeroshot": "clipprobe.zeroshot.comparison:ZEROSHOT",
        "typographic": "attacks.typographic.report.comparison:COMPARISON",
    },
    group="clipprobe.comparisons",
    help="Runs of that kind cannot be compared.",
)
"""Kind of both runs -> the study that compares them: its settings have the fields a and b."""
