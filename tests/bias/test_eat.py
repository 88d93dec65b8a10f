"""Association tests against brute force, scipy's exact permutation test and known models."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from attacks.bias import Settings, evaluate, make_column
from attacks.bias.evidence.answers import FromEmbeddings, FromScores, LabelSet, NotAnswerableError
from attacks.bias.probe import ProbeOptions, Sample
from attacks.bias.probes.association_tests import association_test
from attacks.bias.probes.association_tests.answer import NAME, WORDS, answer
from attacks.bias.probes.association_tests.effect import EXACT_LIMIT, from_leans, partitions
from attacks.bias.probes.word_lists import concepts, word_pairs, word_tests
from clipprobe.errors import ConfigError, DataError

D = 24
QUICK = Settings(n_boot=200, n_permutations=500)


def brute_force(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, ...]:
    """WEAT as it is written in the paper, one cosine at a time; p one- and two-sided."""

    def cos(u: np.ndarray, v: np.ndarray) -> float:
        return float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))

    def s(w: np.ndarray) -> float:
        return float(np.mean([cos(w, v) for v in a]) - np.mean([cos(w, v) for v in b]))

    sx, sy = [s(w) for w in x], [s(w) for w in y]
    both = sx + sy
    d = (np.mean(sx) - np.mean(sy)) / np.std(both, ddof=1)
    observed = sum(sx) - sum(sy)
    stats_ = []
    for chosen in itertools.combinations(range(len(both)), len(sx)):
        inside = sum(both[i] for i in chosen)
        stats_.append(inside - (sum(both) - inside))
    close = np.array(stats_)
    return (
        float(d),
        float(np.mean(close >= observed - 1e-12)),
        float(np.mean(np.abs(close) >= abs(observed) - 1e-12)),
    )


def test_it_is_weat_to_1e_6_with_exact_p() -> None:
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.6, 2.0):
        a, b, x, y = (rng.normal(size=(6, D)) * rng.uniform(0.5, 3) for _ in range(4))
        x = x + shift * a.mean(axis=0)
        d, greater, two_sided = brute_force(x, y, a, b)
        found = association_test(x, y, a, b)
        assert found.exact and found.n_partitions == math.comb(12, 6) == 924
        assert found.d == pytest.approx(d, abs=1e-6)
        assert found.p == pytest.approx(two_sided, abs=1e-12)
        one = association_test(x, y, a, b, alternative="greater")
        assert one.p == pytest.approx(greater, abs=1e-12)


def test_exact_p_is_scipys_and_sampled_p_is_near() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(0.8, 1, 7), rng.normal(0, 1, 8)
    theirs = stats.permutation_test(
        (x, y), lambda u, v: u.mean() - v.mean(), vectorized=False, n_resamples=np.inf,
        alternative="greater",
    ).pvalue  # fmt: skip
    assert from_leans(x, y, alternative="greater").p == pytest.approx(theirs, abs=1e-12)
    big_x, big_y = rng.normal(0.4, 1, 30), rng.normal(0, 1, 30)
    assert math.comb(60, 30) > EXACT_LIMIT
    found = from_leans(big_x, big_y, n_permutations=20_000)
    assert not found.exact and found.n_partitions == 20_000
    assert found.p == pytest.approx(stats.ttest_ind(big_x, big_y).pvalue, abs=0.01)
    assert found.low < found.d < found.high
    assert from_leans(big_x, big_y, seed=3) == from_leans(big_x, big_y, seed=3)
    assert from_leans(big_x, big_y, seed=3) != from_leans(big_x, big_y, seed=4)


def test_the_largest_d_of_equal_sets_is_its_bound() -> None:
    """All of X leans one way, all of Y the other: d = 2 sqrt((2n - 1) / 2n)."""
    found = from_leans(np.ones(8), -np.ones(8))
    assert found.d == pytest.approx(2 * math.sqrt(15 / 16))
    assert found.p == pytest.approx(2 / math.comb(16, 8))


def test_ties_and_wrong_input() -> None:
    same = from_leans(np.full(5, 0.3), np.full(5, 0.1 + 0.2))
    assert math.isnan(same.d) and math.isnan(same.p)
    assert partitions(4, 2).tolist() == [list(c) for c in itertools.combinations(range(4), 2)]
    with pytest.raises(DataError, match="two targets on each side"):
        from_leans(np.ones(1), np.ones(5))
    with pytest.raises(ConfigError, match="'two-sided' or 'greater'"):
        from_leans(np.arange(3.0), np.arange(3.0), alternative="less")
    with pytest.raises(DataError, match="one width"):
        association_test(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(DataError, match="NaN"):
        association_test(*(np.full((2, 3), math.nan) for _ in range(4)))


def test_the_word_lists_are_whole_and_name_nobody() -> None:
    assert len(concepts().words) == 29 == len(set(concepts().words))
    pairs = {pair.name: pair for pair in word_pairs()}
    assert len(pairs) == len(word_pairs())
    for pair in pairs.values():
        assert all(isinstance(word, str) and word for word in pair.words)
        assert len(set(pair.words)) == len(pair.words)
        assert pair.source and pair.licence and pair.caveat
        assert pair.about in ("people", "things", "terms")
    sizes = {t.name: (len(t.targets.first), len(t.attributes.first)) for t in word_tests()}
    assert sizes["weat-1"] == sizes["weat-2"] == (25, 25) and sizes["weat-7"] == (8, 8)
    names = {"john", "amy", "katie", "lisa", "jeffrey", "paul"}  # of WEAT 3 to 6
    assert not names & {word.lower() for pair in pairs.values() for word in pair.words}


class Words:
    """Random directions; career words and images of men share one, in a planted model."""

    def __init__(self, planted: Sequence[str] = ()) -> None:
        self.planted = set(planted)
        self.direction = np.random.default_rng(9).normal(size=D)

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        rows = [np.random.default_rng(zlib.crc32(t.encode())).normal(size=D) for t in texts]
        return np.stack(
            [row + 2 * self.direction * (t in self.planted)
             for row, t in zip(rows, texts, strict=True)]
        )  # fmt: skip


def asked(planted: bool, n: int = 160) -> tuple[FromEmbeddings, Sample]:
    career = next(p for p in word_pairs() if p.name == "career against family")
    words = Words([*career.first, "man"] if planted else ())
    rng = np.random.default_rng(3)
    gender = ["man", "woman"] * (n // 2)
    images = rng.normal(size=(n, D)) + 1.0  # a common direction, as in CLIP
    images += 0.8 * words.direction * (planted * (np.array(gender) == "man"))[:, None]
    columns = (
        make_column("perceived_gender", gender),
        make_column("skin_tone", rng.permutation(np.resize(["light", "dark"], n)).tolist()),
    )
    sample = Sample(columns=columns, truth={}, clusters=None, settings=QUICK)
    return FromEmbeddings(images, words, 50.0), sample


def test_a_planted_association_is_found_in_both_modes_and_nothing_else_is() -> None:
    evidence, sample = asked(planted=True)
    found = evaluate({}, sample.columns, settings=QUICK,
                     answers={NAME: answer(evidence, sample, ProbeOptions())})  # fmt: skip
    cells = {(c.item, c.column, c.group): c for c in found.select("association d")}
    images = cells["images as targets: career against family", "perceived_gender", "woman"]
    words = cells["words as targets: career against family", "perceived_gender", "woman"]
    assert images.flagged and images.value < -0.8 and images.high < 0
    assert words.flagged and words.value < -0.8 and "the larger p" in words.method
    assert not any(c.flagged for c in found.cells if c.column == "skin_tone")
    modes = {c.item.split(": ")[0] for c in found.cells}
    assert {"images as targets", "words as targets", "images and images", "weat-7"} <= modes
    assert found.answers[NAME].facts["pairs"][0]["licence"]


def test_pictures_are_never_compared_with_themselves() -> None:
    """One column twice, under two names, would be a perfect association with itself."""
    evidence, sample = asked(planted=False)
    twin = make_column("twin", ["man" if v else "woman" for v in sample.columns[0].labels == 0])
    both = Sample(columns=(sample.columns[0], twin), truth={}, clusters=None, settings=QUICK)
    cells = [
        c for c in answer(evidence, both, ProbeOptions()).cells if c.item.startswith("images and")
    ]
    assert len(cells) == 2 and all(c.n + c.n_reference == 80 for c in cells)
    assert all(c.p > 0.05 and abs(c.value) < 0.5 for c in cells)


def test_a_table_of_scores_answers_what_it_can() -> None:
    evidence, sample = asked(planted=True)
    career = next(p for p in word_pairs() if p.name == "career against family")
    one = LabelSet(name="x", labels=career.words, templates=("{}",))
    table = FromScores(dict(zip(career.words, evidence.cosines(one).T, strict=True)), "cosine")
    got = answer(table, sample, ProbeOptions())
    whole = answer(evidence, sample, ProbeOptions())
    mine = {(c.item, c.column, c.group): (c.value, c.low, c.p) for c in got.cells}
    theirs = {(c.item, c.column, c.group): (c.value, c.low, c.p) for c in whole.cells}
    assert mine and all(theirs[key] == value for key, value in mine.items())
    assert any(WORDS in text for text in got.missing)
    with pytest.raises(NotAnswerableError):
        answer(FromScores({"x": np.zeros(160)}, "cosine"), sample, ProbeOptions())
