"""Softmax and rows of length 1, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from clipprobe.arrays import softmax, unit_rows

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4)])
def test_softmax_is_that_of_scipy(shape: tuple[int, ...]) -> None:
    logits = (RNG.normal(size=shape) * 50).astype(np.float32)
    shares = softmax(logits)
    assert shares.dtype == np.float64
    assert shares == pytest.approx(scipy.special.softmax(logits.astype(np.float64), axis=-1))
    assert softmax(np.array([1e4, 0.0])) == pytest.approx([1, 0])


def test_rows_have_length_one_and_nothing_stays_nothing() -> None:
    rows = RNG.normal(size=(4, 3)).astype(np.float32)
    rows[2] = 0
    found = unit_rows(rows)
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 1, 0, 1])
    assert found[0] == pytest.approx(rows[0] / np.linalg.norm(rows[0]))


def test_a_row_that_is_rounding_alone_can_be_nothing() -> None:
    rows = np.array([[1e-16, 0.0], [2.0, 0.0]])
    assert unit_rows(rows).tolist() == [[1.0, 0.0], [1.0, 0.0]]
    assert unit_rows(rows, least=1e-12).tolist() == [[0.0, 0.0], [1.0, 0.0]]
