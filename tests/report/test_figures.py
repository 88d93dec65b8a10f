"""Charts hold the numbers that they were given, and labels that stay labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from report.pages import SURE, UNDEFINED

from clipprobe.errors import ConfigError
from clipprobe.figures.common import heatmap, histogram, interval_bars
from clipprobe.figures.theme import label


def test_bars_carry_their_intervals() -> None:
    figure = interval_bars(["clean", "attacked"], {"top 1": [SURE, UNDEFINED.to_json()]})
    (bar,) = figure.data
    assert list(bar.y) == [0.7131, None]
    np.testing.assert_allclose(bar.error_y.array, [0.765 - 0.7131, 0])
    np.testing.assert_allclose(bar.error_y.arrayminus, [0.7131 - 0.655, 0])
    assert list(bar.customdata) == ["0.7131 [0.655, 0.765] n=1,240", "undefined, n=0"]
    with pytest.raises(ConfigError, match="1 estimates for 2 groups"):
        interval_bars(["a", "b"], {"x": [SURE]})


def test_series_differ_by_more_than_colour() -> None:
    figure = interval_bars(["a"], {f"s{i}": [SURE] for i in range(7)})
    assert len({bar.marker.pattern.shape for bar in figure.data}) == 7
    assert len({bar.marker.color for bar in figure.data}) == 7


def test_a_histogram_stands_on_its_edges() -> None:
    figure = histogram([0, 1, 3], [5, 2], mark=2.0, mark_name="threshold")
    (bar,) = figure.data
    assert list(bar.x) == [0.5, 2.0] and list(bar.width) == [1, 2] and list(bar.y) == [5, 2]
    assert figure.layout.shapes[0].x0 == 2.0
    assert not histogram([0, 1], [5], mark=math.nan).layout.shapes
    with pytest.raises(ConfigError, match="3 edges needs 2 counts, not 3"):
        histogram([0, 1, 2], [1, 2, 3])


def test_every_cell_of_a_heat_map_can_be_clicked() -> None:
    values = np.array([[0.0, -2.0, 1.0], [math.nan, 0.5, 0.25]])
    figure = heatmap(values, diverging=True, marks=[(1, 2, "here")])
    grid, cells, marks = figure.data
    assert [list(row) for row in grid.z] == [[0.0, -2.0, 1.0], [None, 0.5, 0.25]]
    assert (grid.zmin, grid.zmax) == (-2.0, 2.0)
    assert [list(c) for c in cells.customdata] == [[i, j] for i in range(2) for j in range(3)]
    assert (cells.x[4], cells.y[4]) == (1, 1) and cells.text[3].endswith("undefined")
    assert (marks.x[0], marks.y[0], marks.text[0]) == (2, 1, "here")
    assert figure.layout.yaxis.range == (1.5, -0.5)  # row 0 on top
    with pytest.raises(ConfigError, match="two axes"):
        heatmap([1, 2])
    with pytest.raises(ConfigError, match="1 row and 3 column names"):
        heatmap(values, rows=["a"])


def test_labels_are_escaped_once() -> None:
    assert label("a <b> & c\nd") == "a &lt;b&gt; &amp; c d"
    figure = interval_bars(["<i>"], {"<b>": [SURE]}, title="<u>", axis="<s>")
    assert figure.data[0].name == "&lt;b&gt;" and figure.data[0].x[0] == "&lt;i&gt;"
    assert figure.layout.title.text == "&lt;u&gt;"
    assert figure.layout.yaxis.title.text == "&lt;s&gt;"
