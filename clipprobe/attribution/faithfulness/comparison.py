"""Two audits of attribution methods side by side; differences are B minus A.

On the same data every method and metric is compared case by case, with an interval over scenes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from clipprobe.attribution.faithfulness.settings import METRIC_NAMES
from clipprobe.runs import RunView
from clipprobe.statistics import cluster_bootstrap
from clipprobe.study.by_figure import comparison_of

_CASES = "cases.parquet"


def _paired(a: RunView, b: RunView, seed: int) -> Iterator[dict[str, Any]]:
    """Every figure that both print, over the cases that both measured."""
    one, other = (view.read_json("config.json")["config"] for view in (a, b))
    if one["data"] != other["data"] or not (a.has(_CASES) and b.has(_CASES)):
        return
    before, after = (_numbers(view) for view in (a, b))
    for name in sorted(_printed(a) & _printed(b)):
        method, centred, n_objects, metric = name
        key = (method, centred, n_objects)
        old, new = before[key], after[key]
        shared = sorted(old.keys() & new.keys())
        values = np.array([new[case][metric] - old[case][metric] for case in shared])
        known = ~np.isnan(values)
        if not known.any():
            continue
        difference = cluster_bootstrap(
            values[known], clusters=np.array([case[0] for case in shared])[known], seed=seed
        )
        less = " less the mean" if centred else ""
        yield {
            "name": f"{method}{less}, {metric}, {n_objects} shown",
            "n": difference.n,
            "p": None,
            "difference": difference.to_json(),
        }


def _printed(view: RunView) -> set[tuple[str, bool, int, str]]:
    """Method, centring, number of things and metric of every figure of a run."""
    return {
        (row["method"], row["centred"], row["n_objects"], row["metric"])
        for row in view.summary["rows"]
    }


def _numbers(view: RunView) -> dict[Any, dict[tuple[str, str], dict[str, float]]]:
    """(method, centring, number of things) -> case -> its metrics."""
    numbers_by_key: dict[Any, dict[tuple[str, str], dict[str, float]]] = {}
    for row in view.read_table(_CASES).to_pylist():
        if row["made"] == "method":
            key = (row["name"], row["centred"], row["n_objects"])
            numbers = {
                name: np.nan if row[name] is None else row[name]
                for name in METRIC_NAMES
                if name in row
            }
            numbers_by_key.setdefault(key, {})[row["scene"], row["text"]] = numbers
    return numbers_by_key


COMPARISON = comparison_of("faithfulness", _paired)
