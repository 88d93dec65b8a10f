"""The audit without a model: small cells, clusters, corrections, and what it does without bias."""

from __future__ import annotations

import math

import numpy as np
import pytest

from attacks.bias import Evaluation, Settings, cosines, evaluate, make_column
from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.association import effect_sizes
from clipprobe.errors import ConfigError, DataError, UnknownMethodError
from clipprobe.statistics import benjamini_hochberg

QUICK = Settings(n_boot=200, n_permutations=400)


def run(
    scores: np.ndarray,
    values: list[str],
    name: str = "perceived_gender",
    *,
    settings: Settings = QUICK,
    clusters: np.ndarray | None = None,
) -> Evaluation:
    words = [f"word{j}" for j in range(scores.shape[1])]
    columns: list[GroupColumn] = [make_column(name, values)]
    return evaluate({"occupations": (words, scores)}, columns, clusters=clusters, settings=settings)


def test_planted_difference_is_found_with_its_sign_and_the_control_is_not() -> None:
    rng = np.random.default_rng(0)
    values = ["man", "woman"] * 100
    scores = rng.normal(size=(200, 3))
    scores[:, 0] += np.tile([0.0, 1.0], 100)
    scores[:, 1] -= np.tile([0.0, 1.0], 100)
    towards, away, control = run(scores, values).select("association d")
    assert (towards.group, towards.reference) == ("woman", "man")
    assert towards.low > 0 and towards.flagged and away.high < 0 and away.flagged
    assert control.low < 0 < control.high and not control.flagged


def test_a_lean_common_to_all_words_is_not_relative() -> None:
    """Every word leans by 1; the first by 2: relative to the four together it leans, no other."""
    rng = np.random.default_rng(0)
    values = ["man", "woman"] * 150
    woman = np.tile([0.0, 1.0], 150)[:, None]
    scores = rng.normal(size=(300, 4)) + woman * np.array([2.0, 1.0, 1.0, 1.0])
    found = run(scores, values)
    assert all(c.flagged for c in found.select("association d"))
    assert found.select("mean signed d")[0].low > 0.5
    first, *others = found.select("relative d")
    # What is taken away from each word is the mean lean 1.25.
    assert first.value > 0.6 and first.flagged
    assert all(-0.5 < c.value < 0.1 for c in others)
    by_hand = effect_sizes(scores - scores.mean(axis=1, keepdims=True), woman[:, 0] == 1)
    assert [c.value for c in (first, *others)] == pytest.approx(by_hand.tolist())
    assert not run(scores[:, :2], values).select("relative d")


def test_three_groups_are_each_compared_with_the_rest() -> None:
    rng = np.random.default_rng(1)
    values = ["a", "b", "c"] * 50
    scores = rng.normal(size=(150, 1)) + 2.0 * (np.arange(150) % 3 == 2)[:, None]
    cells = run(scores, values).select("association d")
    assert [(c.group, c.reference, c.n, c.n_reference) for c in cells] == [
        ("a", "rest", 50, 100),
        ("b", "rest", 50, 100),
        ("c", "rest", 50, 100),
    ]
    assert cells[2].value > 1 > 0 > cells[0].value


def test_small_cells_are_shown_without_inference_or_not_at_all() -> None:
    rng = np.random.default_rng(2)
    values = ["big"] * 60 + ["small"] * 20 + ["tiny"] * 9
    found = run(rng.normal(size=(89, 2)), values, "skin_tone")
    assert {c.status for c in found.select("association d") if c.group == "small"} == {"shown"}
    for cell in found.cells:
        if cell.group == "tiny":
            assert cell.status == "insufficient" and math.isnan(cell.value)
            assert cell.reason.startswith("insufficient: below 10 images")
        if cell.status != "inferred":
            assert math.isnan(cell.p) and math.isnan(cell.low) and not cell.flagged
            assert cell.reason
    tiny = [c for c in found.cells if c.group == "tiny"]
    assert {(c.measure, c.item) for c in tiny} == {
        (measure, item) for measure in ("association d", "skew@k") for item in ("word0", "word1")
    }
    # The hidden group takes no part, so its numbers cannot be had from those of the others.
    alone = run(rng.normal(size=(80, 2)), values[:80], "skin_tone").select("ndkl")[0]
    assert found.select("ndkl")[0].n == alone.n == 80
    assert found.family_size == 0


def test_nothing_large_enough_gives_only_insufficient_cells() -> None:
    found = run(np.random.default_rng(3).normal(size=(45, 2)), ["a"] * 40 + ["b"] * 5)
    assert found.cells and {c.status for c in found.cells} == {"insufficient"}
    assert found.family_size == 0


def test_copies_are_no_evidence_once_they_are_named_as_clusters() -> None:
    rng = np.random.default_rng(4)
    people = np.arange(400) // 10
    values = ["woman" if p % 2 else "man" for p in people]
    scores = rng.normal(size=(40, 1))[people] + 0.01 * rng.normal(size=(400, 1))
    naive = run(scores, values).select("association d")[0]
    honest = run(scores, values, clusters=people).select("association d")[0]
    assert naive.value == pytest.approx(honest.value)
    assert honest.high - honest.low > 2.5 * (naive.high - naive.low)
    assert honest.p > naive.p and honest.null_high > 2.5 * naive.null_high
    one = run(scores[:40], (["a"] * 20 + ["b"] * 20), clusters=np.arange(40) // 5)
    assert {c.status for c in one.cells} == {"shown"}  # four clusters a side


def test_clusters_that_span_groups_are_permuted_within() -> None:
    """What is common to a cluster then cannot drown a difference within clusters."""
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(60), 2)
    values = ["a", "b"] * 60
    common = 5 * rng.normal(size=60)[clusters]
    scores = (common + np.tile([0.0, 1.0], 60) + 0.3 * rng.normal(size=120))[:, None]
    blocked = run(scores, values, clusters=clusters).select("association d")[0]
    ignored = run(scores, values).select("association d")[0]
    assert blocked.p == pytest.approx(1 / 401) and ignored.p > 0.1


def test_one_cluster_that_spans_groups_does_not_take_the_test_away() -> None:
    """One image of one person is annotated otherwise than the person's other images."""
    rng = np.random.default_rng(6)
    people = np.repeat(np.arange(60), 4)
    values = ["a" if p % 2 else "b" for p in people]
    scores = (rng.normal(size=60) + 2.0 * (np.arange(60) % 2))[people][:, None]
    clean = run(scores, values, clusters=people).select("association d")[0]
    values[0] = "a"
    found = run(scores, values, clusters=people).select("association d")[0]
    assert clean.p == found.p == pytest.approx(1 / 401)
    assert found.null_mean == pytest.approx(0, abs=0.1)  # of what groups do not explain
    assert found.null_high == pytest.approx(clean.null_high, rel=0.2)
    assert found.value < -1
    noise = [
        run(rng.normal(size=60)[people][:, None], values, clusters=people)
        .select("association d")[0].p
        for _ in range(60)
    ]  # fmt: skip
    assert np.mean(np.array(noise) <= 0.1) < 0.25 and np.median(noise) == pytest.approx(
        0.5, abs=0.2
    )


def test_a_word_that_all_images_share_leaves_the_mean_undefined_not_smaller() -> None:
    scores = np.column_stack([np.zeros(80), np.random.default_rng(0).normal(size=80)])
    found = run(scores, ["a", "b"] * 40)
    for measure in ("mean |d|", "mean signed d"):
        cell = found.select(measure)[0]
        assert math.isnan(cell.value) and math.isnan(cell.p)
        assert "same cosine with some word" in cell.estimate().reason


def test_draws_too_large_to_keep_are_the_same_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    scores, values = rng.normal(size=(60, 2)), ["a", "b"] * 30
    kept = run(scores, values)
    monkeypatch.setattr("attacks.bias.measures.draws._KEEP_BYTES", 0)
    assert str(run(scores, values).cells) == str(kept.cells)


def test_one_family_is_corrected_together() -> None:
    rng = np.random.default_rng(6)
    gender = make_column("perceived_gender", ["man", "woman"] * 60)
    tone = make_column("skin_tone", list(rng.permutation(["light", "dark"] * 60)))
    scores = rng.normal(size=(120, 3))
    found = evaluate({"occupations": (["x", "y", "z"], scores)}, [gender, tone], settings=QUICK)
    tested = [c for c in found.cells if not math.isnan(c.p)]
    # For each column: 3 d, 3 relative d, 3 MaxSkew (data set target), mean |d| and mean d.
    assert found.family_size == len(tested) == 2 * (3 + 3 + 3 + 2)
    assert [c.q for c in tested] == pytest.approx(benjamini_hochberg([c.p for c in tested]))
    alone = evaluate({"occupations": (["x", "y", "z"], scores)}, [tone], settings=QUICK)
    for mine, theirs in zip(found.select("association d", "skin_tone"), alone.cells, strict=False):
        assert (mine.p, mine.low, mine.high) == (theirs.p, theirs.low, theirs.high)


def test_a_trifle_is_not_flagged_however_significant() -> None:
    rng = np.random.default_rng(7)
    values = ["man", "woman"] * 4000
    scores = rng.normal(size=(8000, 1)) + 0.1 * np.tile([0.0, 1.0], 4000)[:, None]
    quick = Settings(n_boot=100, n_permutations=200)
    cell = run(scores, values, settings=quick).select("association d")[0]
    assert cell.q <= 0.05 and 0 < cell.value < 0.2 and not cell.flagged
    free = Settings(n_boot=100, n_permutations=200, min_effect=0.0)
    assert run(scores, values, settings=free).select("association d")[0].flagged


def test_the_same_seed_gives_the_same_cells_and_another_does_not() -> None:
    rng = np.random.default_rng(8)
    scores, values = rng.normal(size=(80, 2)), ["a", "b"] * 40
    assert str(run(scores, values).cells) == str(run(scores, values).cells)
    other = Settings(n_boot=200, n_permutations=400, seed=1)
    assert str(run(scores, values).cells) != str(run(scores, values, settings=other).cells)


@pytest.mark.slow
def test_without_bias_few_reports_flag_anything_and_intervals_hold() -> None:
    """150 whole reports, 12 tests each, about groups that do not matter; then a true d of 0.74."""
    chosen = Settings(n_boot=500, n_permutations=999, min_effect=0.0)
    values = ["man"] * 40 + ["woman"] * 40
    for shift, truth in ((0.0, 0.0), (0.8, 0.8 / np.sqrt(1 + 0.8**2 / 4))):
        flagged, covered, reports = 0, 0, 150
        for trial in range(reports):
            scores = np.random.default_rng(trial).normal(size=(80, 5))
            scores[40:] += shift
            found = run(scores, values, settings=chosen)
            flagged += any(c.flagged for c in found.cells)
            covered += sum(c.low <= truth <= c.high for c in found.select("association d"))
        assert 0.925 <= covered / (5 * reports) <= 0.97
        assert flagged == reports if shift else flagged / reports <= 0.06


def test_bounds_of_maxima_and_means_hold_where_plain_percentiles_do_not() -> None:
    """Five equal groups: true MaxSkew and mean |d| are 0, their resamples are far above."""
    values = [str(i % 5) for i in range(300)]
    held = {"max skew@k": 0, "mean |d|": 0}
    for trial in range(40):
        scores = np.random.default_rng(trial).normal(size=(300, 2))
        found = run(scores, values, settings=Settings(n_boot=200, n_permutations=100))
        for measure in held:
            cell = found.select(measure)[0]
            held[measure] += cell.low <= 0.02
            assert cell.low <= cell.value <= cell.high
    assert min(held.values()) >= 37


def test_what_cannot_be_used_is_refused_in_one_sentence() -> None:
    column = make_column("perceived_gender", ["a", "b"] * 20)
    good = np.random.default_rng(0).normal(size=(40, 1))
    broken = good.copy()
    broken[3] = math.nan
    with pytest.raises(DataError, match="1 of 40 images have a NaN"):
        evaluate({"occupations": (["x"], broken)}, [column])
    with pytest.raises(DataError, match="labels 40 images, but there are scores for 39"):
        evaluate({"occupations": (["x"], good[:39])}, [column])
    with pytest.raises(DataError, match="one column for each of 2 words"):
        evaluate({"occupations": (["x", "y"], good)}, [column])
    unknown = r"no bias probe 'no-such-probe': known are association, "
    with pytest.raises(UnknownMethodError, match=unknown):
        evaluate({"no-such-probe": (["x"], good)}, [column])
    with pytest.raises(ConfigError, match="Skew@40 was asked of 40 images"):
        evaluate({"occupations": (["x"], good)}, [column], settings=Settings(k=40))
    for wrong in ({"alpha": 0.0}, {"level": 95.0}, {"n_boot": 10}, {"seed": -1}):
        with pytest.raises(ConfigError):
            Settings(**wrong)  # type: ignore[arg-type]


def test_cosines_do_not_depend_on_length_and_refuse_broken_vectors() -> None:
    rng = np.random.default_rng(9)
    images, texts = rng.normal(size=(5, 3)), rng.normal(size=(2, 3))
    assert cosines(7 * images, 0.1 * texts) == pytest.approx(cosines(images, texts))
    assert cosines(images, images).diagonal() == pytest.approx(np.ones(5))
    images[2] = math.nan
    with pytest.raises(DataError, match="1 of 5 image embeddings are NaN"):
        cosines(images, texts)
    with pytest.raises(DataError, match="1 of 2 text embeddings"):
        cosines(np.ones((4, 3)), np.array([[0.0, 0, 0], [1, 1, 1]]))
    with pytest.raises(DataError, match="one width"):
        cosines(np.ones((4, 3)), np.ones((2, 4)))
