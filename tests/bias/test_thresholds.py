"""Labels that reach a threshold: the tests are scipy's, the lists are sorted as the paper's."""

from __future__ import annotations

import csv
import math
from importlib import resources

import numpy as np
import pytest
from scipy.stats import chi2_contingency, fisher_exact
from statsmodels.stats.proportion import confint_proportions_2indep

from attacks.bias.core import evaluate
from attacks.bias.evidence.answers import FromScores, LabelSet
from attacks.bias.groups.columns import make_column
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.measures.frame import make_frame
from attacks.bias.measures.inference import Settings
from attacks.bias.probe import ProbeOptions, Sample
from attacks.bias.probes.registry import get_probe
from attacks.bias.probes.thresholds.answer import most_marked
from attacks.bias.probes.thresholds.label_tests import chi_squared, compare_labels
from attacks.bias.probes.thresholds.lists import appearance, label_sets, occupations
from clipprobe.statistics import wilson

NAME = "label-thresholds"
QUICK = Settings(n_boot=200, n_permutations=500)


def frame_of(values, clusters=None):  # type: ignore[no-untyped-def]
    column = make_column("perceived_gender", values)
    return make_frame(np.zeros((len(values), 1)), column, clusters, QUICK)


def test_each_label_has_scipys_p() -> None:
    rng = np.random.default_rng(0)
    values = ["man"] * 120 + ["woman"] * 80
    hits = rng.random((200, 5)) < np.array([0.3, 0.02, 0.5, 0.0, 1.0])
    hits[:120, 0] |= rng.random(120) < 0.3
    found, sizes = compare_labels(frame_of(values), hits, QUICK, "t"), np.array([120, 80])
    for j in range(3):
        x, y = hits[:120, j].sum(), hits[120:, j].sum()
        table = [[x, 120 - x], [y, 80 - y]]
        chi = chi2_contingency(table, correction=False)
        assert chi_squared(found.counts, sizes)[j] == pytest.approx(chi.statistic)
        expected = chi.pvalue if chi.expected_freq.min() >= 5 else fisher_exact(table).pvalue
        assert found.p[j] == pytest.approx(expected)
    assert found.method[0] == "chi-squared" and found.method[1] == "Fisher's exact test"
    assert np.isnan(found.p[3:]).all()  # nobody has it, everybody has it


def test_many_groups_and_few_hits_are_dealt_at_random() -> None:
    values = ["a"] * 40 + ["b"] * 40 + ["c"] * 40
    hits = np.zeros((120, 2), dtype=bool)
    hits[:6, 0] = True
    hits[::40, 1] = True
    found = compare_labels(frame_of(values), hits, QUICK, "t")
    assert found.method == ("chi-squared, 500 random deals", "chi-squared, 200 random deals")
    assert found.p[0] < 0.02 and found.p[1] > 0.9


def test_copies_count_once() -> None:
    values = ["man"] * 100 + ["woman"] * 100
    clusters = np.repeat(np.arange(40), 5)
    hits = np.isin(clusters, [0, 1, 2, 3, 20])[:, None]
    plain = compare_labels(frame_of(values), hits, QUICK, "t").p[0]
    assert plain < 0.01 < 0.05 < compare_labels(frame_of(values, clusters), hits, QUICK, "t").p[0]


def clustered(hits: dict[str, np.ndarray]):  # type: ignore[no-untyped-def]
    """Tested cells of one label, five images of each of 12 drawings a group."""
    values = [group for group in hits for _ in range(60)]
    p = np.where(np.concatenate(list(hits.values())), 0.5, 0.0)[:, None]
    sample = Sample(
        columns=(make_column("perceived_race", values),), truth={}, settings=QUICK,
        clusters=np.repeat(np.arange(12 * len(hits)), 5),
    )  # fmt: skip
    answer = get_probe(NAME).answer
    assert answer is not None
    evidence = FromScores({"hat": p[:, 0], "cup": 1 - p[:, 0]}, "probability")
    found = evaluate(
        {}, sample.columns, settings=QUICK,
        answers={NAME: answer(evidence, sample, ProbeOptions(words=("hat", "cup")))},
    )  # fmt: skip
    return [c for c in found.cells if c.item == "words: hat" and c.measure.endswith("at 4 %")]


def test_a_clustered_gap_of_three_groups_has_no_interval_and_says_why() -> None:
    """Its bootstrap covered 55 to 92 %, always too high."""
    rng = np.random.default_rng(3)
    hits = {g: np.repeat(rng.random(12) < 0.3, 5) for g in "abc"}
    [gap] = [c for c in clustered(hits) if c.measure.startswith("label share gap")]
    assert gap.value == pytest.approx(np.ptp([h.mean() for h in hits.values()])) and gap.p <= 1
    assert math.isnan(gap.low) and math.isnan(gap.high) and "resampling clusters" in gap.reason
    assert "no interval" in gap.method and "95 %" not in gap.method


def test_a_clustered_difference_keeps_a_width_where_all_drawings_of_a_side_are_alike() -> None:
    [found] = [
        c for c in clustered({"a": np.ones(60, bool), "b": np.zeros(60, bool)})
        if c.measure.startswith("label share difference")
    ]  # fmt: skip
    far = 1 - wilson(12, 12).low
    assert found.value == -1 and found.low == pytest.approx(-1)
    assert found.high == pytest.approx(-1 + math.hypot(far, far))


def test_lists_are_chosen_by_chi_squared_and_sorted_by_frequency() -> None:
    """As in the paper: the 20 most gendered labels, then by absolute frequency."""
    values = ["man"] * 100 + ["woman"] * 100
    hits = np.zeros((200, 25), dtype=bool)
    for j in range(24):
        hits[: 10 + j, j] = True  # men only, the later the more
    hits[:, 24] = True  # everybody: no difference
    hits[100:160, 0] = True  # the first is rather women's
    found = compare_labels(frame_of(values), hits, QUICK, "t")
    men, women = most_marked(found.counts, (100, 100), ("man", "woman"))
    assert (men.group, women.group) == ("man", "woman")
    assert men.labels == tuple(range(23, 3, -1)) and women.labels == (0,)


def ask(p: np.ndarray, values: list[str], asked: ProbeOptions) -> Evaluation:
    columns = {word: p[:, j] for j, word in enumerate(asked.words or ())}
    column = make_column("perceived_gender", values)
    sample = Sample(columns=(column,), truth={}, clusters=None, settings=QUICK)
    probe = get_probe(NAME)
    assert probe.answer is not None
    answer = probe.answer(FromScores(columns, "probability"), sample, asked)
    return evaluate({}, [column], settings=QUICK, answers={NAME: answer})


def test_thresholds_differences_and_their_stability() -> None:
    n = 100
    values = ["man"] * n + ["woman"] * n
    p = np.full((2 * n, 4), 0.002)
    p[:60, 0] = 0.05  # suit: 60 men, far above both thresholds
    p[n : n + 50, 1] = 0.01  # nanny: 50 women, above 0.5 % only
    p[::2, 2] = 0.3  # hat: half of each
    words = ("suit", "nanny", "hat", "cup")
    found = ask(p, values, ProbeOptions(words=words, thresholds=(0.2,)))
    low = {c.item: c for c in found.select("label share difference at 0.5 %")}
    assert set(low) == {"words: suit", "words: nanny", "words: hat"}  # no image has the cup
    suit = low["words: suit"]
    assert suit.value == pytest.approx(-0.6) and suit.group == "woman" and suit.flagged
    assert (suit.low, suit.high) == pytest.approx(
        confint_proportions_2indep(0, n, 60, n, method="newcomb")
    )
    assert low["words: nanny"].value == pytest.approx(0.5)
    assert low["words: hat"].p == pytest.approx(1.0) and not low["words: hat"].flagged
    assert {c.item for c in found.select("label share difference at 4 %")} == {
        "words: suit",
        "words: hat",
    }
    assert {c.item for c in found.select("label share difference at 20 %")} == {"words: hat"}
    shares = {
        (c.item, c.group): c.value
        for c in found.select("label share at 0.5 %")
        if c.reference == "list of woman"
    }
    assert shares == {("words: nanny", "man"): 0.0, ("words: nanny", "woman"): 0.5}
    same = {(c.item, c.group): c.value for c in found.select("top labels in common with 0.5 %")}
    assert same["words at 0.5 %", "man"] == 1.0 and same["words at 4 %", "man"] == 1.0
    assert same["words at 4 %", "woman"] == 0.0  # nanny is gone there
    assert math.isnan(same["words at 20 %", "man"]) is False


def test_probabilities_use_the_scale_of_the_model() -> None:
    cosines = {"a": np.array([0.30]), "b": np.array([0.25])}
    asked = LabelSet(name="s", labels=("a", "b"))
    sharp = FromScores(cosines, "cosine", 100.0).probabilities(asked)[0, 1]
    assert sharp == pytest.approx(1 / (1 + np.exp(5.0)))
    flat = FromScores(cosines, "cosine", 14.3).probabilities(asked)[0, 1]
    assert flat == pytest.approx(1 / (1 + np.exp(0.715)))


def test_the_lists_say_where_each_word_is_from() -> None:
    assert len(occupations()) >= 300 and len(appearance()) >= 60
    assert {
        "nanny",
        "housekeeper",
        "prisoner",
        "mobster",
        "lawmaker",
        "newsreader",
        "judge",
    } <= set(occupations())
    assert {"brown hair", "blonde", "blond", "suit", "tie", "necktie"} <= set(appearance())
    jobs, both = label_sets(None, None)
    assert both.labels == tuple(sorted({*occupations(), *appearance()}))
    assert "a photo of an actor" in jobs.prompts
    folder = resources.files("clipprobe") / "assets" / "bias"
    for name in ("occupations.csv", "appearance.csv"):
        rows = list(csv.DictReader((folder / name).read_text(encoding="utf-8").splitlines()))
        words = [row["word"] for row in rows]
        assert words == sorted(set(words)) and all(row["source"] for row in rows)
    majors = {row["soc_2018_major_group"] for row in csv.DictReader(
        (folder / "occupations.csv").read_text(encoding="utf-8").splitlines())}  # fmt: skip
    assert len(majors - {""}) == 23
