"""What a labelling says of one unit, and how it is written down."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from clipprobe.neurons.labels.validation import Validation
from clipprobe.runs.jsonio import AsJson, JsonRecord
from clipprobe.statistics import Estimate

RATES = ("picture", "drawing", "word", "others")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered(AsJson):
    """What ``construct`` measures: rates of one unit on fresh renderings of its label.

    ``picture``, ``drawing``, ``word``: share above ``level``, with Wilson's interval.
    ``others``: the same on renderings of the other labels of the run, all modalities together.
    ``level``: the activation that 1 % of the probe images exceed.
    """

    picture: Estimate
    drawing: Estimate
    word: Estimate
    others: Estimate
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLabel(JsonRecord):
    """One unit's label, or why it has none.

    ``address``: the unit. ``name``: address and pooling, as every page shows it.
    ``label``: the label; None where no label holds on held-out images.
    ``candidate``: the best concept on the choosing half, kept or not.
    ``score``: its score by the scorer; not comparable across scorers.
    ``alternatives``: the next best concepts.
    ``explanation``: the concepts of a linear explanation with their weights; else the label alone.
    ``validation``: the held-out scores and the test.
    ``reason``: why there is no label; empty where there is one.
    ``rendered``: how often it responds to fresh renderings of its label; None where there are none.
    """

    address: str
    name: str
    label: str | None
    candidate: str
    score: float
    alternatives: tuple[str, ...]
    validation: Validation
    reason: str
    explanation: tuple[tuple[str, float], ...] = ()
    rendered: Rendered | None = None

    @property
    def formula(self) -> str:
        """The explanation in one line, the largest weight scaled to 1; empty for one concept."""
        if len(self.explanation) < 2:
            return ""
        size = max(abs(weight) for _, weight in self.explanation)
        parts = [f"{weight / size:+.2f} {name}" for name, weight in self.explanation]
        return " ".join(parts).removeprefix("+")

    def row(self) -> dict[str, Any]:
        """Flat, for tables and JSON."""
        site, _, unit = self.address.rpartition(":")
        checked = self.validation
        return {
            "site": site,
            "unit": int(unit),
            "label": self.label,
            "candidate": self.candidate,
            "explanation": self.formula,
            "score": self.score,
            "alternatives": "; ".join(self.alternatives),
            "pearson": checked.pearson.value,
            "pearson_low": checked.pearson.low,
            "pearson_high": checked.pearson.high,
            "pearson_low_corrected": checked.pearson_low_corrected,
            "auprc": checked.auprc,
            "lift": checked.lift,
            "auroc": checked.auroc.value,
            "auroc_low": checked.auroc.low,
            "auroc_high": checked.auroc.high,
            "auroc_low_corrected": checked.low_corrected,
            **{
                f"{name}_rate": getattr(self.rendered, name).value if self.rendered else math.nan
                for name in RATES
            },
            "n": checked.auroc.n,
            "n_positive": checked.n_positive,
            "p": checked.p,
            "q": checked.q,
            "reason": self.reason,
        }
