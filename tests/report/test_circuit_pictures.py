"""Figures of patching: every number stands where it belongs."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import numpy as np

from clipprobe.figures.circuits import paths_svg, predicted_svg, shares_svg
from clipprobe.figures.svg import ticks
from clipprobe.figures.theme import BLUE, ORANGE


def elements(svg: str, tag: str) -> list[dict[str, Any]]:
    found = ElementTree.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{tag}")
    return [one.attrib | {"words": one.text} for one in found]


def test_a_share_of_one_is_blue_of_minus_one_orange_and_none_white() -> None:
    tokens = np.array([[0.25, 1.0, -1.0, np.nan, 2.0, 0.5, 0.0]])  # the class token, then 2 x 3
    options: dict[str, Any] = {"columns": ["block 0"], "alt": '"<alt>"', "note": "note"}
    svg = shares_svg({"other": tokens}, (2, 3), **options)
    cells = elements(svg, "rect")[1:8]
    assert [one["fill"] for one in cells[1:]] == [
        BLUE.lower(), ORANGE.lower(), "#ffffff", BLUE.lower(), "#80b8d8", "#ffffff"
    ]  # fmt: skip
    assert [(one["x"], one["y"]) for one in cells[1:]] == [
        (str(96 + 14 * column), str(44 + 22 + 14 * row)) for row in range(2) for column in range(3)
    ]
    assert "class 0.25" in svg and "&lt;alt&gt;" in svg and "<alt>" not in svg
    without = shares_svg({"other": tokens[:, 1:]}, (2, 3), **options)
    assert "class" not in without and len(elements(without, "rect")) == 1 + 6 + 5


def test_dots_lie_in_the_order_of_their_numbers_and_the_dash_at_their_mean() -> None:
    svg = paths_svg(
        {"one": np.array([[0.0, 1.0], [2.0, 5.0]]), "other": np.array([-1.0])},
        axis="logit", alt="", note="",
    )  # fmt: skip
    x = [float(one["cx"]) for one in elements(svg, "circle")]
    scale = (x[2] - x[0]) / 2
    assert np.allclose(x, x[0] + scale * np.array([0, 1, 2, 5, -1]), atol=0.2)
    dashes = [float(one["x1"]) for one in elements(svg, "line")][-2:]
    assert np.allclose(dashes, [x[0] + scale * 2, x[4]], atol=0.2)


def test_what_was_predicted_right_lies_on_the_diagonal() -> None:
    svg = predicted_svg(
        np.array([0.0, 1.0, 0.5]), np.array([0.0, 1.0, -0.5]), [7, 7, 8], alt="", note=""
    )
    at = [
        (float(one["x"]), float(one["y"]) - 4)
        for one in elements(svg, "text")
        if one["words"] in ("7", "8") and one["font-weight"] == "bold"
    ]
    line = next(one for one in elements(svg, "line") if "stroke-dasharray" in one)
    (x0, y0), (x1, y1) = ((float(line[f"x{i}"]), float(line[f"y{i}"])) for i in (1, 2))
    off = [(x - x0) * (y1 - y0) - (y - y0) * (x1 - x0) for x, y in at]
    assert abs(off[0]) < 60 and abs(off[1]) < 60 and abs(off[2]) > 1000


def test_marks_are_round_and_within() -> None:
    for low, high in ((-0.42, 1.1), (0.003, 0.0049), (-950.0, 20.0)):
        found = ticks(low, high)
        assert 3 <= len(found) <= 8 and low <= found[0] and found[-1] <= high
        steps = np.diff(found)
        assert np.allclose(steps, steps[0])
        assert f"{steps[0]:.0e}"[0] in "125"
