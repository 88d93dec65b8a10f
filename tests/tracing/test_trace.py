"""A new claim costs a score: a planted neuron is found, and nothing where nothing is planted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from clipprobe.errors import ConfigError, DataError
from clipprobe.tracing import Score, Trace, trace
from clipprobe.tracing.split import resamples
from tests.planting import PLANTED, images, one_neuron

N = 60
RED = np.arange(N) % 2 == 1


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return one_neuron(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def reds() -> list[Image.Image]:
    return images([180 if red else 70 for red in RED])


def ask(clip: Any, items: list[Image.Image], score: Score, **more: Any) -> Trace:
    return trace(clip, items, score, n_random=20, n_boot=200, k=5, **more)


def chance(clip: Any, inside: np.ndarray) -> Score:
    """A claim that no engine knows: the chance of a word among four, for some images and others."""
    words = [f"a photo of a {word}" for word in ("judge", "pilot", "artist", "cook")]
    texts = torch.from_numpy(clip.encode_texts(words))
    return Score(
        name="the chance of a judge",
        function=lambda vectors, rows: (vectors.float() @ texts.T).softmax(dim=-1)[:, 0],
        inside=inside,
    )


def test_the_planted_neuron_is_found_and_no_other(planted: Any, reds: list[Image.Image]) -> None:
    found = ask(planted, reds, chance(planted, RED), kinds=["neuron"], least_share=0.1)
    assert found.confirmed == (PLANTED,)
    assert found.ranked[0].top(1) == [PLANTED]
    one = next(r for r in found.removals if r.k == 1)
    assert one.removed.value > 0.8 and one.removed.low > 0.5
    assert one.random.max() < 0.5 and one.p < 0.06 and one.chosen
    assert found.value != 0 and not found.absent


def test_nothing_is_found_where_nothing_is_planted(planted: Any) -> None:
    """Groups that do not differ, of images that do not: three draws of them."""
    for seed in range(3):
        items = images([125] * N, seed=seed + 1)
        found = ask(planted, items, chance(planted, RED), kinds=["neuron"], seed=seed)
        assert found.ranked[0].n == N // 2
        assert found.confirmed == ()
        assert not any(r.removed.defined and r.removed.low > 0 and r.p < 0.05
                       for r in found.removals)  # fmt: skip


def test_directions_and_functions_give_the_same_numbers(
    planted: Any, reds: list[Image.Image]
) -> None:
    """What is linear, what has a direction for each input, what is a function: the same numbers."""
    one, other = planted.encode_texts(["judge", "pilot"]).astype(np.float64)
    each = np.tile(one, (N, 1))
    plain = Score(name="a", direction=one, inside=RED, factor=2.0)
    per_input = Score(name="b", direction=each, inside=RED, factor=2.0)
    text = torch.from_numpy(one)
    function = Score(name="c", function=lambda v, rows: 2 * (v.double() @ text), inside=RED)
    vectors = planted.encode_images(reds)
    expected = 2 * (vectors.astype(np.float64) @ one)
    half = np.flatnonzero(np.arange(N) % 3 == 0)
    for score in (plain, per_input, function):
        assert np.allclose(score.numbers(vectors), expected, atol=1e-12)
        assert np.allclose(score.among(half).numbers(vectors[half]), expected[half], atol=1e-12)
        assert score.value(expected) == pytest.approx(expected[RED].mean() - expected[~RED].mean())
    distinct = Score(name="d", direction=np.stack([one, other]))
    assert np.allclose(
        distinct.among(np.array([1])).numbers(vectors[:1]), vectors[:1] @ other, atol=1e-7
    )


def test_clusters_stay_in_one_half_and_weigh_as_one(planted: Any, reds: list[Image.Image]) -> None:
    """Copies are not evidence: ten images six times over are not sixty."""
    few = [reds[i % 10] for i in range(N)]
    names = [i % 10 for i in range(N)]
    free = ask(planted, few, chance(planted, RED), kinds=["neuron"], least_share=0.1)
    held = ask(
        planted, few, chance(planted, RED), kinds=["neuron"], least_share=0.1, clusters=names
    )
    p = [{u.column: u.p for u in found.listed["neuron"][1].units} for found in (free, held)]
    assert p[0][0] < 0.001 < 0.05 < p[1][0]
    assert free.confirmed == (PLANTED,) and held.confirmed == ()


@pytest.mark.parametrize("kind", [list, lambda row: np.array(row, int)])
def test_inside_may_be_a_list_or_ones_and_zeros(kind: Any) -> None:
    row = [True, False, True, False]
    vectors = np.eye(4)
    direction = np.array([4.0, 3.0, 2.0, 1.0])
    own = Score(name="gap", direction=direction, inside=kind(row))
    assert own.value(own.numbers(vectors)) == 1.0  # (4 + 2) / 2 - (3 + 1) / 2


def test_no_share_is_given_where_a_draw_left_a_side_empty() -> None:
    """One cluster spans the sides, so whole clusters are drawn over both at once."""
    inside, clusters = np.arange(60) >= 50, np.arange(60) // 2
    clusters[50] = 0
    score = Score(name="the gap", direction=np.ones(1), inside=inside)
    before, among = inside + np.linspace(0, 0.1, 60), np.ones(60, bool)
    weights = resamples(inside, clusters, 1000, np.random.default_rng(0))
    assert (weights[:, inside].sum(axis=1) == 0).any()
    removed = score.removed(before, 0.1 * before, among, weights)
    assert not removed.defined and "not told from 0" in removed.reason
    whole = weights[weights[:, inside].sum(axis=1) > 0]
    removed = score.removed(before, 0.1 * before, among, whole)
    assert removed.value == pytest.approx(0.9) and removed.low == pytest.approx(0.9)


def test_what_cannot_be_traced_is_said(planted: Any, reds: list[Image.Image]) -> None:
    with pytest.raises(ConfigError, match="a direction or a function"):
        Score(name="nothing")
    with pytest.raises(ConfigError, match="name the inputs inside"):
        ask(planted, reds, Score(name="all", direction=np.ones(planted.d_embed)))
    with pytest.raises(DataError, match="each needs 10"):
        ask(planted, reds[:20], chance(planted, RED[:20]))
    along = np.ones(planted.d_embed)
    with pytest.raises(DataError, match="'odd' must hold only true and false"):
        Score(name="odd", direction=along, inside=np.array([0, 1, 2]))
    with pytest.raises(DataError, match="one of each for every input"):
        ask(planted, reds, Score(name="few", direction=along, inside=[True, False]))
    with pytest.raises(DataError, match="one of each for every input"):
        ask(planted, reds, chance(planted, RED), clusters=["a", "b"])
    wide = Score(name="wide", direction=np.ones(planted.d_embed))
    found = ask(planted, reds, wide, replacement="zero", kinds=["head"])
    assert [r.k for r in found.removals] and found.ranked[0].n == N // 2
