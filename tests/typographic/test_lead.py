"""The verdicts say what the numbers say: it reads, it is not shown to, or nothing can be said."""

from __future__ import annotations

from typing import Any

import pytest

from attacks.typographic.report.lead import lead_of
from attacks.typographic.stroop.lead import lead_of as stroop_lead
from clipprobe.statistics import Estimate, undefined, wilson


def effect(value: float, low: float, high: float) -> dict[str, Any]:
    estimate = Estimate(value=value, low=low, high=high, n=60, method="paired")
    return {"estimate": estimate.to_json()}


def summary(hits: int, reading: dict[str, Any] | None) -> dict[str, Any]:
    def condition(right: int, hit: int | None) -> dict[str, Any]:
        share = {} if hit is None else {"targeted_success": {"all": wilson(hit, 60).to_json()}}
        return {"accuracy": {"all": wilson(right, 60).to_json()}, **share}

    return {
        "conditions": {
            "clean": condition(59, None),
            "nonsense": condition(34, 0),
            "attack": condition(22, hits),
        },
        "effects": {} if reading is None else {"reading_effect": reading},
    }


def test_it_reads_only_where_the_whole_interval_is_above_the_nonsense_word() -> None:
    reads = lead_of(summary(18, effect(0.3, 0.18, 0.42)))
    assert reads.verdict == (
        "It reads the word: on 30 % of the images the answer becomes what was written (with a "
        "nonsense word in its place: 0 of 60)"
    )
    assert reads.evidence.startswith(
        "Beyond a nonsense word in the same place: +30 points [+18, +42], n = 60. Accuracy goes "
        "from 98 % without text to 37 % [26, 49], n = 60"
    )
    assert lead_of(summary(2, effect(0.03, -0.02, 0.08))).verdict.startswith("It is not shown")
    assert "less often" in lead_of(summary(0, effect(-0.1, -0.2, -0.01))).verdict


def test_without_a_control_nothing_is_said_of_reading() -> None:
    alone = lead_of(summary(18, None))
    assert "reads" not in alone.verdict and "reading or clutter" in alone.evidence
    nowhere = summary(18, None)
    nowhere["conditions"]["attack"]["targeted_success"]["all"] = undefined("no class").to_json()
    assert lead_of(nowhere).verdict == "Whether it reads cannot be said: no class"
    union = {"targeted_success": wilson(3, 4).to_json()}
    beside = lead_of({**nowhere, "candidate_sets": {"union": union}}).evidence
    assert "the answer becomes the word on 75 % [30, 95], n = 4 of the images that" in beside


@pytest.mark.parametrize(
    ("ink", "word", "said"),
    [
        (90, effect(0.4, 0.3, 0.5), "The written colour draws the answer"),
        (90, effect(0.0, -0.1, 0.1), "No pull of the written colour is shown"),
        (2, effect(0.0, -0.1, 0.1), "Nothing can be said about word against ink"),
    ],
)
def test_a_model_that_does_not_know_the_ink_cannot_show_its_pull(
    ink: int, word: dict[str, Any], said: str
) -> None:
    share = wilson(40, 100).to_json()
    numbers = {"control_ink_accuracy": wilson(ink, 100), "incongruent_word_rate": wilson(40, 100)}
    headline = [{"name": k, "estimate": v.to_json()} for k, v in numbers.items()]
    headline.append({"name": "reading_effect", "estimate": word["estimate"]})
    kinds = {"incongruent": {"ink": share, "word": share}}
    found = stroop_lead(
        {
            "headline": headline,
            "headline_of": "upright",
            "n": {"inks": 8},
            "presentations": {"upright": {"kinds": kinds}},
        }
    )
    assert found.verdict.startswith(said)
    assert "(guessing: 12 %)" in found.evidence
