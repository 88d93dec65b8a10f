"""What a labelling says, and how it is written down."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from clipprobe.errors import UnknownHookPointError
from clipprobe.neurons.instruments.value import UnitValue
from clipprobe.neurons.labels.validation import Validation
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, census

if TYPE_CHECKING:
    from clipprobe.data import Failure
    from clipprobe.neurons.instruments.store import Store


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
            "n": checked.auroc.n,
            "n_positive": checked.n_positive,
            "p": checked.p,
            "q": checked.q,
            "reason": self.reason,
        }

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
        }
        return cls(**{**known, "validation": Validation(**checked)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels(UnitValue):
    """The labels of many units.

    ``rows``: one per unit.
    ``scorer``, ``pool``: how labels were chosen and activations pooled.
    ``judge``: who said what the images show; ``circular``: whether it is the labelled model.
    ``note``: the sentence about that, shown in every rendering.
    ``truth``: how held-out images were counted as showing a label.
    ``n_concepts``, ``n_choose``, ``n_held_out``: concepts, and images of either half.
    ``settings``: of scorer and validation, hook points and concepts.
    ``data``, ``failures``, ``provenance``: the images, those that failed, model and versions.
    ``store``: the run, or what stands for it in memory.
    """

    instrument: ClassVar[str] = "labels"
    rows: tuple[UnitLabel, ...]
    scorer: str
    pool: str
    judge: str
    circular: bool
    note: str
    truth: str
    n_concepts: int
    n_choose: int
    n_held_out: int
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    failures: tuple[Failure, ...]
    provenance: Mapping[str, Any]
    store: Store | None = field(default=None, repr=False, compare=False)

    @property
    def family(self) -> int:
        """How many units the tests were corrected over."""
        return max((row.validation.family for row in self.rows), default=0)

    @property
    def abstention(self) -> Estimate:
        """Share of the units without a label."""
        n = len(self.rows)
        return census(sum(row.label is None for row in self.rows) / n, n)

    def unit(self, address: str) -> UnitLabel:
        """The label of one unit.

        Raises:
            UnknownHookPointError: this labelling does not hold it.
        """
        for row in self.rows:
            if row.address == address:
                return row
        raise UnknownHookPointError(
            f"This labelling holds no unit {address!r}: it has {len(self.rows)} units of "
            f"{', '.join(self.settings['sites'])}."
        )

    def labelled(self, label: str | None = None) -> list[UnitLabel]:
        """The units with a label (or this label), the highest held-out r first (in runs of versions
        without it, AUROC)."""
        kept = [
            row
            for row in self.rows
            if row.label is not None and (label is None or row.label == label)
        ]
        return sorted(kept, key=lambda row: (-_rank(row.validation), row.address))

    def table(self) -> list[dict[str, Any]]:
        """One row per unit, ``circular`` and the judge in each."""
        return [{**row.row(), "judge": self.judge, "circular": self.circular} for row in self.rows]

    def summary(self) -> dict[str, Any]:
        """Headline numbers."""
        kept = Counter(row.label for row in self.rows if row.label is not None)
        return {
            "kind": "labels",
            "headline": [
                {
                    "name": "units without a label",
                    "estimate": self.abstention,
                    "meaning": "share of units whose best label does not hold on held-out images"
                    + (" (circular: the judge is the model itself)" if self.circular else ""),
                }
            ],
            "note": self.note,
            "circular": self.circular,
            "judge": self.judge,
            "truth": self.truth,
            "scorer": self.scorer,
            "pool": self.pool,
            "n_units": len(self.rows),
            "n_labelled": sum(kept.values()),
            "n_labels": len(kept),
            "family": self.family,
            "n_concepts": self.n_concepts,
            "n_choose": self.n_choose,
            "n_held_out": self.n_held_out,
        }

    def to_json(self) -> dict[str, Any]:
        """Summary and table."""
        return {
            **self.summary(),
            "settings": dict(self.settings),
            "units": self.table(),
            "provenance": dict(self.provenance),
        }


def _rank(checked: Validation) -> float:
    return checked.pearson.value if checked.pearson.defined else checked.auroc.value
