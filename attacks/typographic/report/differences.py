"""What changed between two audits, pair by pair: B minus A, with intervals and exact tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from attacks.typographic.scoring.metrics import Outcomes, correct, difference, paired, rate
from clipprobe.figures.typographic import ORDER, TITLES
from clipprobe.statistics import cluster_bootstrap, difference_of_estimates, mcnemar
from clipprobe.study import Change


def differences(
    first: Mapping[str, Outcomes], second: Mapping[str, Outcomes], *, seed: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Rows of paired differences, B minus A, and how many pairs each side has."""
    rows: list[dict[str, Any]] = []
    for kind in (name for name in ORDER if name in first and name in second):
        x, y = paired(first[kind], second[kind])
        if kind == "clean":  # stands once for each word: it counts once
            keep = np.unique(x.cluster, return_index=True)[1]
            x, y = x.take(keep), y.take(keep)
        if len(x.pair):
            rows.append(_difference(f"accuracy, {TITLES[kind]}", x, y, "correct", seed))
        if kind == "attack":
            keep = np.flatnonzero(x.has_target & y.has_target)
            if len(keep):
                x, y = x.take(keep), y.take(keep)
                rows.append(_difference("targeted success", x, y, "hit", seed))
    reading = _reading(first, second, seed)
    if reading is not None:
        rows.append(reading)
    correct(rows)
    n = {"pairs": 0, "only_a": 0, "only_b": 0}
    if "attack" in first and "attack" in second:
        shared = len(np.intersect1d(first["attack"].pair, second["attack"].pair))
        n = {
            "pairs": shared,
            "only_a": len(first["attack"].pair) - shared,
            "only_b": len(second["attack"].pair) - shared,
        }
    return rows, n


def changes(summary: Mapping[str, Any]) -> Iterator[Change]:
    """The figures of a comparison that can get better or worse."""
    better: dict[str, Literal["higher", "lower"]] = {
        f"accuracy, {TITLES['clean']}": "higher",
        f"accuracy, {TITLES['attack']}": "higher",
        "targeted success": "lower",
        "reading effect": "lower",
    }
    for row in summary["differences"]:
        if row["name"] in better:
            yield Change(name=row["name"], difference=row["difference"], better=better[row["name"]])


def _difference(name: str, x: Outcomes, y: Outcomes, outcome: str, seed: int) -> dict[str, Any]:
    before, after = getattr(x, outcome), getattr(y, outcome)
    independent = len(np.unique(x.cluster)) == len(x.cluster)
    return {
        "name": name,
        "a": rate(before, x.cluster, seed=seed),
        "b": rate(after, x.cluster, seed=seed),
        "difference": difference(after, before, x.cluster, seed=seed),
        "mcnemar_p": mcnemar(before, after) if independent else None,
        "holm_p": None,
        "reason": "" if independent else "no test: several rows belong to one cluster",
    }


def _reading(
    first: Mapping[str, Outcomes], second: Mapping[str, Outcomes], seed: int
) -> dict[str, Any] | None:
    """The difference of the reading effects: a difference of differences over the same pairs."""
    if any(k not in side for side in (first, second) for k in ("attack", "nonsense")):
        return None
    names = first["attack"].pair[first["attack"].has_target]
    for outcomes in (first["nonsense"], second["attack"], second["nonsense"]):
        names = np.intersect1d(names, outcomes.pair[outcomes.has_target])
    if not len(names):
        return None
    sides = [[_at(side[k], names) for k in ("attack", "nonsense")] for side in (first, second)]
    clusters = sides[0][0].cluster
    # As each audit computes it, so that both say the same of the same pairs.
    effects = [difference(attack.hit, plain.hit, clusters, seed=seed) for attack, plain in sides]
    a, b = (attack.hit.astype(float) - plain.hit for attack, plain in sides)
    independent = len(np.unique(clusters)) == len(clusters)
    change = cluster_bootstrap(b - a, clusters=None if independent else clusters, seed=seed)
    if change.low == change.high:  # no resample differs, which is not certainty
        change = difference_of_estimates(
            effects[1], effects[0], n=len(names), why="all pairs changed alike"
        )
    return {
        "name": "reading effect",
        "a": effects[0],
        "b": effects[1],
        "difference": change,
        "mcnemar_p": None,
        "holm_p": None,
        "reason": "no test: a difference of differences is not a yes/no outcome; see its interval",
    }


def _at(outcomes: Outcomes, names: Any) -> Outcomes:
    _, rows, _ = np.intersect1d(outcomes.pair, names, return_indices=True)
    return outcomes.take(rows)
