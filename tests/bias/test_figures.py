"""The charts of the bias report hold the numbers they were given, and labels as text."""

from __future__ import annotations

import math

import pytest

from clipprobe.figures.bias import association_chart, floor_chart, group_map, planted_chart
from clipprobe.statistics import Estimate, undefined


def estimate(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.1, high=value + 0.3, n=50, method="x")


def test_associations_keep_their_order_and_intervals() -> None:
    figure = association_chart(
        ["judge", "<b>x</b>", "pilot"],
        [estimate(0.5), undefined("too small"), estimate(-0.2)],
        flagged=[True, False, False],
        axis="d: man ← → woman",
    )
    flagged, others = figure.data
    assert list(flagged.y) == ["judge"] and list(flagged.x) == [0.5]
    assert flagged.error_x.arrayminus[0] == pytest.approx(0.1)
    assert flagged.error_x.array[0] == pytest.approx(0.3)
    assert list(others.x) == [None, -0.2] and others.y[0] == "&lt;b&gt;x&lt;/b&gt;"
    assert list(figure.layout.yaxis.categoryarray)[-1] == "judge"  # plotly draws upwards


def test_the_floor_runs_from_the_mean_to_the_95th_percentile() -> None:
    figure = floor_chart(["judge"], [estimate(0.4)], [(0.1, 0.25)], flagged=None, axis="MaxSkew@20")
    bar, observed = figure.data
    assert bar.base[0] == 0.1 and bar.x[0] == pytest.approx(0.15)
    assert observed.x[0] == 0.4 and "not tested" in observed.name


def test_planted_words_of_one_rate_stand_side_by_side() -> None:
    figure = planted_chart(
        ["a", "b", "c"],
        [0.9, 0.9, 0.5],
        [estimate(x) for x in (1.0, 0.8, 0.0)],
        group="woman",
        axis="d towards woman",
    )
    planted, control = figure.data
    assert planted.x[0] != planted.x[1] and sum(planted.x) == pytest.approx(1.8)
    assert list(planted.y) == [1.0, 0.8] and list(control.x) == [0.5]


def test_the_map_leaves_undefined_blank_and_outlines_what_is_flagged() -> None:
    figure = group_map(
        ["judge", "pilot"],
        ["light", "dark"],
        [[0.5, -0.5], [math.nan, 0.1]],
        unit="d",
        flagged=[[True, False], [False, False]],
    )
    assert [list(row) for row in figure.data[0].z] == [[0.5, -0.5], [None, 0.1]]
    assert any(list(trace.x or []) == [0] and list(trace.y or []) == [0] for trace in figure.data)
