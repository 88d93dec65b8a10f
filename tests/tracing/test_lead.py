"""The opening of a traced score: units carry it only where random sets do not."""

from __future__ import annotations

from typing import Any

from clipprobe.statistics import Estimate
from clipprobe.tracing.report import removal_lead

GAP = Estimate(value=0.02, low=0.01, high=0.03, n=120, method="Welch")


def removal(share: float, low: float, p: float, *, random: float) -> dict[str, Any]:
    removed = Estimate(value=share, low=low, high=share + 0.1, n=120, method="bootstrap")
    return {
        "k": 30,
        "kind": "neuron",
        "chosen": True,
        "removed": removed.to_json(),
        "random": {"mean": random, "low": random - 0.1, "high": random + 0.1,
                   "n_sets": 100, "largest": random + 0.15},
        "p": p,
    }  # fmt: skip


def verdict(rows: list[dict[str, Any]], score: Estimate = GAP) -> str:
    return removal_lead(rows, score, what="gap", named="the gap", unit="").verdict


def test_few_units_carry_a_score_only_beside_random_ones() -> None:
    assert verdict([removal(0.85, 0.7, 0.01, random=0.0)]) == (
        "30 neurons carry 85 % of the gap; as many at random carry 0 %"
    )
    assert verdict([removal(0.4, -0.1, 0.3, random=0.35)]).startswith("No few units are shown")
    assert verdict([]) == "Which units carry the gap cannot be said: no removal could be measured"


def test_a_score_that_is_not_told_from_0_has_nothing_to_explain() -> None:
    nothing = Estimate(value=-0.013, low=-0.024, high=0.003, n=120, method="Welch")
    lead = removal_lead([removal(0.85, 0.7, 0.01, random=0.0)], nothing, what="gap",
                        named="the gap", unit="")  # fmt: skip
    assert lead.verdict == "No gap is shown: the gap is not told from 0"
    assert "−0.013 [−0.024, 0.003]" in lead.evidence  # two decimals would print an end at 0
