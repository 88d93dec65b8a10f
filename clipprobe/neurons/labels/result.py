"""What a labelling says, and how it is written down."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from clipprobe.errors import UnknownHookPointError
from clipprobe.neurons.instruments.value import UnitValue
from clipprobe.neurons.labels.rendered import Rendered
from clipprobe.neurons.labels.validation import Validation
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, census, cluster_bootstrap, undefined

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
    ``twin_labelled``, ``twin_units``: units of random twins that got a label by the same rules, and
    all of them; 0 of 0 where none was labelled.
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
    twin_labelled: int = 0
    twin_units: int = 0
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

    def collisions(self) -> int:
        """Labelled units whose label another unit of their hook point has too."""
        counts = Counter((row.address.rpartition(":")[0], row.label) for row in self.labelled())
        return sum(n for n in counts.values() if n > 1)

    def rates(self) -> dict[str, Estimate]:
        """Mean over the units with renderings: how often they respond to their own label, by
        modality, and to other labels; bootstrap over units."""
        known = [row.rendered for row in self.rows if row.rendered is not None]
        found = {}
        for name in ("picture", "drawing", "word", "others"):
            values = [getattr(one, name).value for one in known]
            values = [value for value in values if not math.isnan(value)]
            found[name] = (
                cluster_bootstrap(np.array(values), seed=0)
                if values
                else undefined("no unit has a label that can be rendered")
            )
        return found

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
            "n_shared": self.collisions(),
            "twin": {"n_labelled": self.twin_labelled, "n_units": self.twin_units},
            "rates": self.rates(),
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
