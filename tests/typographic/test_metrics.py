"""Metrics on outcomes that can be counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from attacks.typographic.scoring.metrics import (
    Outcomes,
    condition_rates,
    distill_fractions,
    effects,
    margin_shift,
    rate,
)


def made(correct: str, hit: str, targets: str = "1111111111", clusters: str = "") -> Outcomes:
    n = len(correct)
    bits = [np.array([c == "1" for c in text]) for text in (correct, hit, targets[:n])]
    return Outcomes(
        pair=np.arange(n).astype(str),
        cluster=np.array(list(clusters) or [str(i) for i in range(n)]),
        correct=bits[0],
        hit=bits[1],
        has_target=bits[2],
        margin=np.where(bits[0], -1.0, np.where(bits[1], 2.0, 0.0)),
    )


CLEAN = made("1111111100", "0000000010")
ATTACK = made("1100000000", "0011110011")
NONSENSE = made("1111100000", "0000001010")


def test_rates_have_the_stated_denominators() -> None:
    rates = condition_rates(ATTACK, CLEAN, seed=0)
    assert (rates["accuracy"]["all"].value, rates["accuracy"]["all"].n) == (0.2, 10)
    targeted = rates["targeted_success"]
    assert (targeted["all"].value, targeted["all"].n) == (0.6, 10)
    assert (targeted["clean_right"].value, targeted["clean_right"].n) == (4 / 8, 8)
    assert (targeted["not_already_target"].value, targeted["not_already_target"].n) == (5 / 9, 9)
    untargeted = rates["untargeted_success"]
    assert (untargeted["clean_right"].value, untargeted["clean_right"].n) == (6 / 8, 8)
    # A tie of the logits (margin 0) counts as wrong.
    assert rates["pairwise_accuracy"]["all"].value == 0.2
    low, high = proportion_confint(2, 10, method="wilson")
    assert (rates["accuracy"]["all"].low, rates["accuracy"]["all"].high) == pytest.approx(
        (low, high), abs=1e-12
    )


def test_a_word_without_a_class_counts_for_accuracy_only() -> None:
    attack = made("1100000000", "0011110000", "1111110000")
    rates = condition_rates(attack, CLEAN, seed=0)
    assert rates["accuracy"]["all"].n == 10
    assert (rates["targeted_success"]["all"].value, rates["targeted_success"]["all"].n) == (
        4 / 6,
        6,
    )
    assert rates["untargeted_success"]["clean_right"].n == 8


def test_a_share_of_nothing_says_why() -> None:
    nowhere, wrong = made("1100000000", "0000000000", "0000000000"), made("0" * 10, "1" * 10)
    conditions = {"attack": nowhere, "nonsense": made("1" * 10, "0" * 10, "0" * 10)}
    reading = effects(conditions, seed=0)["reading_effect"]["estimate"]
    apart = {"attack": ATTACK.take(np.arange(5)), "nonsense": NONSENSE.take(np.arange(5, 10))}
    for figure in effects(apart, seed=0).values():  # whatever its outcome
        assert figure["estimate"].reason == "no image has both conditions with the same word"
    targeted = condition_rates(nowhere, CLEAN, seed=0)["targeted_success"]
    for estimate in (reading, *targeted.values()):
        assert (estimate.n, estimate.reason) == (0, "no written word means one of the classes")
    rates = condition_rates(ATTACK, wrong, seed=0)
    for measure in ("targeted_success", "untargeted_success"):
        assert rates[measure]["clean_right"].reason.endswith("answered correctly without text")
    why = rates["targeted_success"]["not_already_target"].reason
    assert why == "every clean answer is the written word already"


def test_without_clean_pictures_their_denominators_are_undefined() -> None:
    rates = condition_rates(ATTACK, None, seed=0)
    assert rates["targeted_success"]["all"].value == 0.6
    assert math.isnan(rates["targeted_success"]["clean_right"].value)
    assert "no clean image" in rates["untargeted_success"]["clean_right"].reason


def test_the_four_fractions_of_distill() -> None:
    fractions = distill_fractions(ATTACK, CLEAN)
    assert fractions == {
        "changed_to_target": 0.5,
        "already_target": 0.1,
        "changed_away_from_target": 0.0,
        "both_not_target": 0.4,
    }


def test_effects_are_paired_differences_with_exact_mcnemar_and_holm() -> None:
    shuffled = NONSENSE.take(np.random.default_rng(0).permutation(10))  # pairing, not order, counts
    found = effects({"clean": CLEAN, "attack": ATTACK, "nonsense": shuffled}, seed=0)
    reading = found["reading_effect"]
    assert reading["estimate"].value == pytest.approx(0.6 - 0.2)
    # attack only: 2, 3, 4, 5, 9; nonsense only: 6; both: 8; neither: 0, 1, 7
    expected = mcnemar([[1, 5], [1, 3]], exact=True).pvalue
    assert reading["mcnemar_p"] == pytest.approx(expected, abs=1e-12)
    assert found["accuracy_lost_to_clutter"]["estimate"].value == pytest.approx(0.8 - 0.5)
    assert found["accuracy_lost_to_reading"]["estimate"].value == pytest.approx(0.5 - 0.2)
    assert "reading_effect_over_blank" not in found
    p = sorted((item["mcnemar_p"], item["holm_p"]) for item in found.values())
    assert p[0][1] == pytest.approx(min(1.0, p[0][0] * len(p)))


def test_several_rows_of_one_picture_are_no_independent_test() -> None:
    clusters = "aabbccddee"
    attack = made("1100000000", "0011110011", clusters=clusters)
    nonsense = made("1111100000", "0000001010", clusters=clusters)
    reading = effects({"attack": attack, "nonsense": nonsense}, seed=0)["reading_effect"]
    assert reading["mcnemar_p"] is None and "one cluster" in reading["reason"]
    assert "5 clusters" in reading["estimate"].method


def test_a_rate_over_clusters_is_wider_than_one_over_rows() -> None:
    hits = np.repeat([True, False, True, False], 25)
    rows = rate(hits, np.arange(100).astype(str), seed=0)
    clustered = rate(hits, np.repeat(list("abcd"), 25), seed=0)
    assert rows.value == clustered.value == 0.5
    assert clustered.high - clustered.low > 2 * (rows.high - rows.low)
    alike = rate(np.ones(100, bool), np.repeat(list("abcd"), 25), seed=0)
    assert alike.value == 1.0
    assert alike.low == pytest.approx(proportion_confint(4, 4, method="wilson")[0])
    single = rate(hits, np.repeat("a", 100), seed=0)
    assert single.value == 0.5 and math.isnan(single.low)


def test_margin_shift() -> None:
    shift = margin_shift(ATTACK, CLEAN, seed=0)
    assert shift.value == pytest.approx(float((ATTACK.margin - CLEAN.margin).mean()))
    blind = made("11", "00")
    blind = blind.take(np.arange(0))
    assert math.isnan(margin_shift(blind, blind, seed=0).value)
