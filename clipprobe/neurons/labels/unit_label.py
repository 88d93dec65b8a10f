"""What a labelling says of one unit, and how it is written down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clipprobe.neurons.labels.rendered import Rendered
from clipprobe.neurons.labels.validation import Validation
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLabel(AsJson):
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
            **self._rates(),
            "n": checked.auroc.n,
            "n_positive": checked.n_positive,
            "p": checked.p,
            "q": checked.q,
            "reason": self.reason,
        }

    def _rates(self) -> dict[str, float]:
        names = ("picture", "drawing", "word", "others")
        if self.rendered is None:
            return {f"{name}_rate": math.nan for name in names}
        return {f"{name}_rate": getattr(self.rendered, name).value for name in names}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> UnitLabel:
        """The inverse of :meth:`to_json`."""
        checked = {**data["validation"], "auroc": Estimate.from_json(data["validation"]["auroc"])}
        if "pearson" in checked:  # versions before had AUROC alone
            checked["pearson"] = Estimate.from_json(checked["pearson"])
        for name in ("low_corrected", "p", "q", "pearson_low_corrected", "auprc", "lift"):
            if name in checked:
                checked[name] = math.nan if checked[name] is None else checked[name]
        score = math.nan if data["score"] is None else data["score"]
        pairs = tuple((name, weight) for name, weight in data.get("explanation", ()))
        known = {
            **data,
            "score": score,
            "alternatives": tuple(data["alternatives"]),
            "explanation": pairs,
            "rendered": Rendered.from_json(data["rendered"]) if data.get("rendered") else None,
        }
        return cls(**{**known, "validation": Validation(**checked)})
