"""Shots, validation images and test images never meet, and more shots hold the fewer."""

from __future__ import annotations

import numpy as np
import pytest

from clipprobe.errors import ConfigError, DataError
from clipprobe.zeroshot.few_shot.draws import (
    ALL,
    check_shots,
    mean_shots,
    sample,
    split_rows,
    validation_size,
)

NAMES = ("cat", "dog", "owl")
LABELS = np.array([0] * 40 + [1] * 44 + [2] * 50)


def test_the_three_parts_are_apart_and_complete() -> None:
    split = split_rows(LABELS, NAMES, test_share=0.5, seed=0)
    assert [len(rows) for rows in split.pool] == [20, 22, 25]
    assert sorted([*split.test, *np.concatenate(split.pool)]) == list(range(len(LABELS)))
    for shots in (1, 2, 4, 16, ALL):
        for draw in range(3):
            one = sample(split, NAMES, shots, draw=draw, seed=0)
            used = [*one.shots, *one.validation]
            assert len(used) == len(set(used))
            assert not set(used) & set(split.test)
            if shots == ALL:
                assert len(used) == sum(map(len, split.pool))
            else:
                assert np.bincount(LABELS[one.shots]).tolist() == [shots] * 3
                assert (
                    np.bincount(LABELS[one.validation]).tolist()
                    == [validation_size(int(shots))] * 3
                )
    assert mean_shots(split, 4) == 4
    assert mean_shots(split, ALL) == pytest.approx((16 + 18 + 21) / 3)


def test_more_shots_hold_the_fewer_and_draws_differ() -> None:
    split = split_rows(LABELS, NAMES, test_share=0.5, seed=0)
    few, many = (sample(split, NAMES, k, draw=0, seed=0) for k in (2, 8))
    assert set(few.shots) < set(many.shots)
    other = sample(split, NAMES, 8, draw=1, seed=0)
    assert set(other.shots) != set(many.shots)


def test_the_images_of_a_class_do_not_depend_on_the_other_classes() -> None:
    alone = split_rows(LABELS[40:] - 1, NAMES[1:], test_share=0.5, seed=3)
    beside = split_rows(LABELS, NAMES, test_share=0.5, seed=3)
    assert (alone.pool[0] + 40).tolist() == beside.pool[1].tolist()
    of_alone = sample(alone, NAMES[1:], 4, draw=2, seed=3)
    of_beside = sample(beside, NAMES, 4, draw=2, seed=3)
    assert set(of_alone.shots + 40) == set(of_beside.shots) - set(range(40))


def test_wrong_input_has_its_sentence() -> None:
    with pytest.raises(DataError, match="'owl' has 1 image"):
        split_rows(np.array([0] * 5 + [1] * 5 + [2]), NAMES, test_share=0.5, seed=0)
    split = split_rows(LABELS, NAMES, test_share=0.5, seed=0)
    with pytest.raises(DataError, match=r"32 shots and 4 validation images .* 'cat' has 20"):
        check_shots([1, 32], split, NAMES)
    with pytest.raises(ConfigError, match="positive"):
        check_shots([0], split, NAMES)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        split_rows(LABELS, NAMES, test_share=1.0, seed=0)
    assert check_shots([16, 1, ALL, 4], split, NAMES) == (1, 4, 16, ALL)


@pytest.mark.parametrize(
    ("images", "fit"),
    # Half of a class tests; k shots need k images and min(k, 4) more to choose the ridge on.
    [(3, (1,)), (6, (1, ALL)), (8, (1, 2)), (16, (1, 2, 4)), (60, (1, 2, 4, 8, 16, ALL))],
)
def test_without_shot_numbers_those_are_taken_that_fit(images: int, fit: tuple[object]) -> None:
    labels = np.repeat(np.arange(3), images)
    split = split_rows(labels, NAMES, test_share=0.5, seed=0)
    assert check_shots(None, split, NAMES) == fit
    for shots in fit:
        found = sample(split, NAMES, shots, draw=0, seed=0)  # type: ignore[arg-type]
        assert not set(found.shots) & set(found.validation)
        assert len(found.shots) == len(NAMES) * mean_shots(split, shots)  # type: ignore[arg-type]
