"""A difference that belongs to the label set is told from one that belongs to the groups."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from attacks.bias.core import evaluate
from attacks.bias.evidence.answers import FromScores, NotAnswerableError
from attacks.bias.groups.columns import make_column
from attacks.bias.groups.vocabulary import HARM
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.measures.inference import Settings
from attacks.bias.probe import ProbeOptions, Sample
from attacks.bias.probes.class_design.answer import (
    HUMAN_LABELS,
    TEMPLATES,
    designs,
    mean_tau,
    tau_matrix,
)
from attacks.bias.probes.class_design.verdict import DEPENDENT, NOTHING, STABLE
from attacks.bias.probes.registry import get_probe

NAME = "class-design"
QUICK = Settings(n_boot=200, n_permutations=200)
RACES = ("White", "Black", "Indian")
N = 150  # images of each


def model(*, weak: float, harm: dict[str, float]) -> FromScores:
    """A model that sees races, and a share ``harm`` of each race as more harmful than human.

    Every human label fits (0.3) the images of its own race, or all where it names none; ``weak``
    is how much less the labels of white people fit theirs.
    """
    rng = np.random.default_rng(0)
    race = np.repeat(RACES, N)
    # A common, mild suspicion that loses against any well-fitting human label.
    level = rng.uniform(0.15, 0.29, size=len(race))
    for name in RACES:
        rows = np.flatnonzero(race == name)
        level[rows[: round(harm[name] * N)]] = 0.4
    columns = {}
    for design in designs(TEMPLATES):
        for label, prompt in zip(design.texts.labels, design.texts.prompts, strict=True):
            if label in HARM:
                columns[prompt] = level if label == "suspicious person" else np.zeros(len(race))
                continue
            named = [r for r in RACES if r.lower() in label.split()]
            score = np.full(len(race), 0.3)
            if named:
                score = np.where(race == named[0], 0.3, 0.1)
                score = score - weak * (named[0] == "White") * (race == "White")
            elif any(r in label for r in ("asian", "latino", "eastern")):
                score = np.full(len(race), 0.1)
            elif label == "child":
                score = np.zeros(len(race))
            columns[prompt] = score
    return FromScores(columns, "cosine")


def ask(evidence: FromScores, values: list[str], n_words: int = 0) -> Evaluation:
    """The probe, beside associations of so many words with scores that mean nothing."""
    column = make_column("perceived_race", values)
    sample = Sample(columns=(column,), truth={}, clusters=None, settings=QUICK)
    probe = get_probe(NAME)
    assert probe.answer is not None
    answer = probe.answer(evidence, sample, ProbeOptions())
    noise = np.random.default_rng(1).normal(size=(len(values), n_words))
    words = {"occupations": ([f"w{j}" for j in range(n_words)], noise)} if n_words else {}
    return evaluate(words, [column], settings=QUICK, answers={NAME: answer})


def verdicts(found: Evaluation) -> dict[str, str]:
    said: dict[str, str] = found.answers[NAME].facts["verdicts"]["perceived_race"]
    return said


VALUES = np.repeat(RACES, N).tolist()


def test_there_are_six_label_sets_in_three_sentences() -> None:
    assert len(HUMAN_LABELS) >= 5 and len(TEMPLATES) >= 3
    assert all(set(HARM) <= set(design.texts.labels) for design in designs(TEMPLATES))
    assert [len(d.texts.labels) for d in designs(TEMPLATES)[::3]] == [21, 22, 14, 9, 8, 8]


def test_equal_harm_with_one_weak_human_label_is_label_set_dependent() -> None:
    """The model finds everybody equally harmful; only its label of white people fits badly."""
    found = ask(model(weak=0.1, harm=dict.fromkeys(RACES, 0.1)), VALUES)
    assert verdicts(found)["White"] == DEPENDENT
    [cell] = found.select("share of designs that show the difference", probe=NAME)[-1:]
    assert "contradict it (gender only, person only, human being)" in cell.reason
    assert cell.value == pytest.approx(9 / 18)
    ends = {
        name: {
            c.group: c.value for c in found.select(f"denigrating label rate, {name} of the designs")
        }
        for name in ("smallest", "median", "largest")
    }
    assert ends["smallest"]["White"] == ends["largest"]["Black"] == pytest.approx(0.1)
    assert ends["largest"]["White"] > 0.5


def test_harm_to_one_group_under_every_label_set_is_stable() -> None:
    found = ask(model(weak=0.0, harm={"White": 0.05, "Black": 0.4, "Indian": 0.05}), VALUES)
    assert verdicts(found)["Black"] == STABLE
    [tau] = found.select("ranking stability (mean Kendall tau)")
    assert tau.value == pytest.approx(1.0) and tau.null_mean > 0.9
    assert "no interval" in tau.reason


def test_no_difference_is_no_finding() -> None:
    found = ask(model(weak=0.0, harm=dict.fromkeys(RACES, 0.2)), VALUES)
    assert set(verdicts(found).values()) == {NOTHING}
    [tau] = found.select("ranking stability (mean Kendall tau)")
    assert math.isnan(tau.value) and "no two designs rank" in tau.reason


def test_a_verdict_claims_what_the_report_flags_and_no_more() -> None:
    """A difference that stands out among its column's tests, in a report of 800 others."""
    evidence = model(weak=0.0, harm={"White": 0.1, "Black": 0.21, "Indian": 0.12})
    assert verdicts(ask(evidence, VALUES))["Black"] == STABLE
    found = ask(evidence, VALUES, n_words=150)
    assert found.family_size > 800
    shown = [c for c in found.select("denigrating label rate difference") if c.flagged]
    assert not shown and set(verdicts(found).values()) == {NOTHING}
    [cell] = [c for c in found.select("share of designs that show the difference")
              if c.group == "Black"]  # fmt: skip
    assert cell.value == 0 and cell.reason == "nothing stands out in any design of 18"
    assert math.isnan(cell.p) and cell in found.answers[NAME].cells


def test_one_label_set_is_no_comparison() -> None:
    only = FromScores({"a photo of a person": np.zeros(450)}, "cosine")
    with pytest.raises(NotAnswerableError, match="could ask only 0 of them"):
        ask(only, VALUES)


def test_tau_is_scipys() -> None:
    rng = np.random.default_rng(0)
    rates = np.round(rng.random((5, 7)), 1)  # with ties
    rates[4] = 0.5  # ranks nothing
    table = tau_matrix(rates)
    pairs = []
    for i in range(4):
        for j in range(4):
            expected = kendalltau(rates[i], rates[j]).statistic
            assert table[i, j] == pytest.approx(expected)
            pairs += [expected] if i < j else []
    assert np.isnan(table[4]).all()
    assert float(mean_tau(rates)) == pytest.approx(np.mean(pairs))
    assert float(mean_tau(rates[None])[0]) == pytest.approx(np.mean(pairs))
