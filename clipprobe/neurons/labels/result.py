"""What a labelling says of many units, in numbers and in a table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from clipprobe.errors import UnknownHookPointError
from clipprobe.neurons.instruments.value import UnitValue
from clipprobe.neurons.labels.unit_label import RATES, UnitLabel
from clipprobe.neurons.labels.validation import Validation
from clipprobe.statistics import Estimate, census, cluster_bootstrap, undefined

if TYPE_CHECKING:
    from clipprobe.data import Failure
    from clipprobe.neurons.instruments.store import Store


SUMMARISED = (
    "scorer",
    "pool",
    "judge",
    "circular",
    "note",
    "truth",
    "n_concepts",
    "n_choose",
    "n_held_out",
)
"""Fields that the summary keeps as they are."""


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
        rows = [
            row
            for row in self.rows
            if row.label is not None and (label is None or row.label == label)
        ]
        return sorted(rows, key=lambda row: (-_rank(row.validation), row.address))

    def collisions(self) -> int:
        """Labelled units whose label another unit of their hook point has too."""
        counts = Counter((row.address.rpartition(":")[0], row.label) for row in self.labelled())
        return sum(n for n in counts.values() if n > 1)

    def rates(self) -> dict[str, Estimate]:
        """Mean over the units with renderings: how often they respond to their own label, by
        modality, and to other labels; bootstrap over units."""
        known = [row.rendered for row in self.rows if row.rendered is not None]
        rates_by_name = {}
        for name in RATES:
            values = [getattr(one, name).value for one in known]
            values = [value for value in values if not math.isnan(value)]
            rates_by_name[name] = (
                cluster_bootstrap(np.array(values), seed=0)
                if values
                else undefined("no unit has a label that can be rendered")
            )
        return rates_by_name

    def table(self) -> list[dict[str, Any]]:
        """One row per unit, ``circular`` and the judge in each."""
        return [{**row.row(), "judge": self.judge, "circular": self.circular} for row in self.rows]

    def summary(self) -> dict[str, Any]:
        """Headline numbers."""
        counts = Counter(row.label for row in self.rows if row.label is not None)
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
            **{name: getattr(self, name) for name in SUMMARISED},
            "n_units": len(self.rows),
            "n_labelled": sum(counts.values()),
            "n_labels": len(counts),
            "n_shared": self.collisions(),
            "twin": {"n_labelled": self.twin_labelled, "n_units": self.twin_units},
            "rates": self.rates(),
            "family": self.family,
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
