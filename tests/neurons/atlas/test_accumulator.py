"""The accumulator against a brute-force pass, and the algebra of its merge."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from neurons import brute

from clipprobe.neurons.atlas.statistics import exact, ranking
from clipprobe.neurons.atlas.statistics.accumulator import Settings, UnitStatistics
from clipprobe.neurons.atlas.statistics.samples import NO_SAMPLE

KEEP = Settings(top_k=3, per_bin=2, threshold=0.5, seed=1)


@pytest.fixture(scope="module")
def thousand() -> np.ndarray:
    """1,000 images x 6 units: bell, heavy tail, rectified and sparse, constant, ties, tiny."""
    rng = np.random.default_rng(0)
    columns = [
        rng.normal(0.3, 1, 1000),
        rng.standard_cauchy(1000).clip(-3e4, 3e4),
        np.maximum(rng.normal(-1.5, 1, 1000), 0),
        np.full(1000, 0.1),
        rng.integers(-2, 3, 1000),
        rng.normal(0, 1e-7, 1000),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def test_everything_equals_a_brute_force_pass_over_1000_images(thousand: np.ndarray) -> None:
    kept = Settings(top_k=16, per_bin=4, threshold=0.5)
    seen = brute.accumulate(thousand, settings=kept)
    means, variances = exact.mean_and_variance(seen.count, seen.sums, seen.squares)
    for unit, column in enumerate(thousand.T):
        mean, variance = brute.moments(column)
        assert (seen.count[unit], seen.low[unit], seen.high[unit]) == (
            1000,
            column.min(),
            column.max(),
        )
        assert (means[unit], variances[unit]) == (mean, variance)
        assert seen.n_positive[unit] == sum(column > 0)
        assert seen.n_above[unit] == sum(column > 0.5)
        assert seen.ranges.half_range[unit] == brute.half_range(column)
        assert seen.ranges.histogram[unit].tolist() == brute.histogram(column)
        for end in (seen.top, seen.bottom):
            values, images = ranking.unpack(end.keys[unit], largest=end.largest)
            expected = brute.ranked(column, 16, largest=end.largest)
            assert list(zip(values.tolist(), images.tolist(), strict=True)) == expected
        expected_samples = brute.samples(column, unit, thousand.shape[1], 4)
        for place, expected_images in enumerate(expected_samples):
            keys = seen.ranges.samples.keys[unit, place]
            images = [int(key) & 0xFFFFFFFF for key in keys if key != NO_SAMPLE]
            assert images == expected_images
            values = seen.ranges.samples.values[unit, place, : len(images)]
            assert values.tolist() == [float(column[i]) for i in images]


def test_the_brute_force_pass_notices_a_changed_activation(thousand: np.ndarray) -> None:
    changed = thousand.copy()
    changed[17, 0] += 0.5
    seen = brute.accumulate(changed, settings=KEEP)
    assert seen.ranges.histogram[0].tolist() != brute.histogram(thousand[:, 0])


def test_seven_shards_merge_to_the_same_bytes_in_any_order(thousand: np.ndarray) -> None:
    tokens = np.random.default_rng(1).integers(0, 50, thousand.shape).astype(np.int32)
    whole = brute.state_bytes(brute.accumulate(thousand, tokens, settings=KEEP))
    edges = np.linspace(0, 1000, 8).astype(int)
    shards = [
        brute.accumulate(thousand[a:b], tokens[a:b], images=np.arange(a, b), settings=KEEP, batch=7)
        for a, b in itertools.pairwise(edges)
    ]
    rng = np.random.default_rng(2)
    for _ in range(5):
        order = rng.permutation(7)
        merged = shards[order[0]]
        for place in order[1:]:
            merged = merged.merge(shards[place])
        assert brute.state_bytes(merged) == whole
    pairs = [shards[i].merge(shards[i + 1]) for i in (0, 2, 4)]
    tree = pairs[0].merge(pairs[1]).merge(pairs[2].merge(shards[6]))
    assert brute.state_bytes(tree) == whole


# Magnitudes from denormals to the limit, signed zeros, many ties, and what is left out.
ACTIVATIONS = st.one_of(
    st.floats(-65504, 65504, width=32),
    st.sampled_from([0.0, -0.0, 0.5, 1.0, -1.0, 1e-38, -1e-38, 2.0**-33, -(2.0**-32), 65504.0]),
    st.sampled_from([np.nan, np.inf, -np.inf, 65536.0, 1e30]),
)


@st.composite
def three_parts(draw: st.DrawFn) -> tuple[np.ndarray, list[np.ndarray]]:
    """Activations (n, 2) and a partition of the rows into three sets of any size."""
    values = draw(hnp.arrays(np.float32, (draw(st.integers(0, 40)), 2), elements=ACTIVATIONS))
    part_of = np.array(
        draw(st.lists(st.integers(0, 2), min_size=len(values), max_size=len(values)))
    )
    return values, [np.flatnonzero(part_of == part) for part in range(3)]


@given(three_parts())
@settings(max_examples=150, deadline=None)
def test_merge_is_associative_commutative_and_equals_one_pass(
    case: tuple[np.ndarray, list[np.ndarray]],
) -> None:
    values, parts = case
    a, b, c = (
        brute.accumulate(values[rows], images=rows, settings=KEEP, batch=5) for rows in parts
    )
    whole = brute.state_bytes(brute.accumulate(values, settings=KEEP))
    assert brute.state_bytes(a.merge(b)) == brute.state_bytes(b.merge(a))
    assert brute.state_bytes(a.merge(b).merge(c)) == whole
    assert brute.state_bytes(a.merge(b.merge(c))) == whole


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 30), st.just(1)), elements=ACTIVATIONS))
@settings(max_examples=100, deadline=None)
def test_values_that_are_not_finite_or_too_large_are_counted_and_enter_nothing(
    values: np.ndarray,
) -> None:
    inside = np.isfinite(values[:, 0]) & (np.abs(values[:, 0]) < 2**16)
    seen = brute.accumulate(values, settings=KEEP)
    assert (seen.count[0], seen.n_outside[0]) == (inside.sum(), (~inside).sum())
    alone = brute.accumulate(values[inside], images=np.flatnonzero(inside), settings=KEEP)
    with_outside, without = brute.state_bytes(seen), brute.state_bytes(alone)
    del with_outside["n_outside"], without["n_outside"]
    assert with_outside == without


@given(
    hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(-65504, 65504, width=32)),
)
@settings(max_examples=150, deadline=None)
def test_moments_are_exact(column: np.ndarray) -> None:
    ticks = exact.to_ticks(column[:, None])
    sums, squares = exact.sum_limbs(ticks), exact.square_limbs(ticks)
    assert exact.to_integers(sums) == [sum(ticks[:, 0].tolist())]
    assert exact.to_integers(squares) == [sum(tick * tick for tick in ticks[:, 0].tolist())]


def test_a_large_offset_does_not_eat_the_variance() -> None:
    column = np.array([[30000.0], [30000.001953125]] * 500, np.float32)
    seen = brute.accumulate(column)
    _, variances = exact.mean_and_variance(seen.count, seen.sums, seen.squares)
    assert variances[0] == (0.001953125 / 2) ** 2  # float64 sums of squares give 0 or rubbish


def test_limbs_carry_at_the_extreme() -> None:
    ticks = exact.to_ticks(
        np.full((exact.MAX_ROWS, 1), np.nextafter(np.float32(65536), np.float32(0)))
    )
    total = squares = np.zeros((1, 3), np.int64)
    total = np.zeros((1, 2), np.int64)
    for _ in range(5):
        total = exact.add(total, exact.sum_limbs(-ticks))
        squares = exact.add(squares, exact.square_limbs(-ticks))
    n, tick = 5 * exact.MAX_ROWS, int(ticks[0, 0])
    assert exact.to_integers(total) == [-n * tick]
    assert exact.to_integers(squares) == [n * tick * tick]


def test_ties_go_to_the_first_image_and_bring_their_token() -> None:
    values = np.full((40, 1), 2.0, np.float32)
    tokens = np.arange(40, dtype=np.int32)[:, None]
    order = np.random.default_rng(3).permutation(40)
    seen = brute.accumulate(values[order], tokens[order], images=order, settings=KEEP, batch=9)
    for end in (seen.top, seen.bottom):
        assert ranking.unpack(end.keys[0], largest=end.largest)[1].tolist() == [0, 1, 2]
        assert end.tokens[0].tolist() == [0, 1, 2]


def test_samples_are_a_uniform_draw_from_their_bin() -> None:
    """Every image of a bin must stand for it equally often over seeds (chi-squared, 19 df)."""
    column = np.full((20, 1), 1.5, np.float32)
    times = np.zeros(20)
    for seed in range(400):
        seen = brute.accumulate(column, settings=Settings(top_k=1, per_bin=2, seed=seed))
        keys = seen.ranges.samples.keys[0]
        times[keys[keys != NO_SAMPLE] & 0xFFFFFFFF] += 1
    assert times.sum() == 800
    assert ((times - 40) ** 2 / 40).sum() < 43.8  # 99.9 % quantile


def test_units_draw_different_images_for_the_same_bin() -> None:
    column = np.full((200, 8), 1.5, np.float32)
    seen = brute.accumulate(column, settings=Settings(top_k=1, per_bin=2))
    drawn = {
        tuple(sorted((row[row != NO_SAMPLE] & 0xFFFFFFFF).tolist()))
        for row in seen.ranges.samples.keys
    }
    assert len(drawn) >= 7


def test_state_round_trips(thousand: np.ndarray) -> None:
    seen = brute.accumulate(thousand, settings=KEEP)
    again = UnitStatistics.from_state(brute.NAME, KEEP, seen.state())
    assert brute.state_bytes(again) == brute.state_bytes(seen)


def test_other_settings_or_hook_points_do_not_merge() -> None:
    left = UnitStatistics.empty("vision.blocks.0.mlp.post", 4, KEEP)
    for other in (
        UnitStatistics.empty("vision.blocks.1.mlp.post", 4, KEEP),
        UnitStatistics.empty("vision.blocks.0.mlp.post", 4, Settings(top_k=9)),
    ):
        with pytest.raises(ValueError, match="Cannot merge"):
            left.merge(other)
