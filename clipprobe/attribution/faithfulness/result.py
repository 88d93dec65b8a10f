"""What the harness found: a row per method, option, number of things and metric."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number."""

    method: str
    """Of attribution."""
    centred: bool
    """Whether the mean text was subtracted."""
    n_objects: int
    """Things shown in an image."""
    metric: str
    """Higher is better."""
    estimate: Estimate
    """Mean over cases, with an interval over scenes."""

    @property
    def low(self) -> float:
        """Lower end of the interval, by which rows are ordered; undefined ones come last."""
        return -math.inf if math.isnan(self.estimate.low) else self.estimate.low


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness(AsJson):
    """Which method to believe on this model and data."""

    rows: tuple[Row, ...]
    """Of the methods."""
    measures: tuple[Row, ...]
    """The same metrics of three explanations made from the truth: ``perfect``,
    ``random importance`` and ``random``."""
    refused_metrics: Mapping[str, str]
    """Metric and number of things -> why it is not printed: it does not rank those three in this
    order."""
    refused_methods: Mapping[str, str]
    """Method -> why it has no map of this model."""
    protocol: str
    """How patches are covered and scored, in a sentence."""
    settings: Mapping[str, Mapping[str, Any]]
    """Of the methods."""
    provenance: Mapping[str, Any]
    """Model, versions, number of cases and scenes, seed."""

    @property
    def table(self) -> pd.DataFrame:
        """One line per row: ``method, centred, n_objects, metric, value, low, high, n``."""
        return _table(self.rows)

    @property
    def measure_table(self) -> pd.DataFrame:
        """The three explanations made from the truth, in the same form."""
        return _table(self.measures)

    def get(self, method: str, metric: str, n_objects: int, *, centred: bool = False) -> Estimate:
        """One estimate.

        Raises:
            KeyError: there is no such row.
        """
        wanted = (method, metric, n_objects, centred)
        for row in self.rows:
            if (row.method, row.metric, row.n_objects, row.centred) == wanted:
                return row.estimate
        raise KeyError(f"{method}, {metric}, {n_objects} things, centred={centred}")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Faithfulness:
        """The inverse of :meth:`to_json`; a summary of a run is taken too, with a provenance."""
        return cls(
            rows=tuple(_of_row(one) for one in data["rows"]),
            measures=tuple(_of_row(one) for one in data["measures"]),
            refused_metrics=dict(data["refused_metrics"]),
            refused_methods=dict(data["refused_methods"]),
            protocol=str(data["protocol"]),
            settings={name: dict(one) for name, one in data["settings"].items()},
            provenance=dict(data.get("provenance", {})),
        )


def _of_row(data: Mapping[str, Any]) -> Row:
    return Row(**{**data, "estimate": Estimate.from_json(data["estimate"])})


def _table(rows: tuple[Row, ...]) -> pd.DataFrame:
    import pandas as pd

    of_row = ["method", "centred", "n_objects", "metric"]
    of_estimate = ["value", "low", "high", "n"]
    read = attrgetter(*of_row, *(f"estimate.{name}" for name in of_estimate))
    return pd.DataFrame([read(row) for row in rows], columns=of_row + of_estimate)
