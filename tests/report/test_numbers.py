"""How a number reads."""

from __future__ import annotations

import math

import numpy as np
import pytest
from report.pages import SURE, UNDEFINED

from clipprobe.report.numbers import format_cell, is_number
from clipprobe.statistics import Estimate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (np.bool_(False), "no"),
        (1234567, "1,234,567"),
        (np.int64(5), "5"),
        (0.5, "0.500"),
        (-0.25, "−0.250"),
        (0.0, "0.000"),
        (999.9996, "1,000.000"),
        (12345.6, "12,346"),
        (3.2e12, "3.2e+12"),
        (0.00012, "1.20e-04"),
        (-0.00012, "−1.20e-04"),
        (math.nan, "undefined"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        ("text", "text"),
        (SURE, "0.713 [0.655, 0.765] n=1,240"),
        (SURE.to_json(), "0.713 [0.655, 0.765] n=1,240"),
        (UNDEFINED, "undefined, n=0 (no image was attacked)"),
        (UNDEFINED.to_json(), "undefined, n=0 (no image was attacked)"),
        ({"value": 2, "low": 1, "high": "Infinity", "n": 3}, "2 [1, ∞] n=3"),
    ],
)
def test_cells(value: object, text: str) -> None:
    assert format_cell(value) == text


def test_a_value_without_interval_says_so() -> None:
    one = Estimate(
        value=1.0, low=math.nan, high=math.nan, n=1, method="none", reason="one image only"
    )
    assert format_cell(one) == "1.000 [no interval] n=1 (one image only)"


def test_what_is_set_to_the_right() -> None:
    assert all(map(is_number, (1, 0.5, np.float32(1), SURE, SURE.to_json())))
    assert not any(map(is_number, (None, True, "1", "text")))
