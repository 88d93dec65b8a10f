"""Thresholds: the end of the interval that speaks for the model least decides."""

from __future__ import annotations

import math
from typing import Any

import pytest

from clipprobe.errors import ConfigError, ThresholdCrossedError
from clipprobe.statistics import undefined, wilson
from clipprobe.thresholds import check_thresholds, enforce, headline_figures, threshold_reader

SURE = wilson(45, 50)  # 0.9, from 0.786 to 0.957
FIGURES = {"accuracy": SURE.to_json(), "nothing": undefined("no image").to_json()}


def test_each_side_looks_at_its_own_end() -> None:
    enforce(FIGURES, {"accuracy": SURE.low}, {"accuracy": SURE.high})
    with pytest.raises(ThresholdCrossedError, match=r"accuracy is 0\.900 .* lower end .* under"):
        enforce(FIGURES, {"accuracy": SURE.low + 1e-6})
    with pytest.raises(ThresholdCrossedError, match="upper end of its interval is over"):
        enforce(FIGURES, None, {"accuracy": SURE.high - 1e-6})


def test_an_undefined_figure_crosses_any_threshold() -> None:
    with pytest.raises(ThresholdCrossedError, match=r"no interval \(no image\)"):
        enforce(FIGURES, {"nothing": 0.0})
    with pytest.raises(ThresholdCrossedError, match="stay under 1"):
        enforce(FIGURES, {}, {"nothing": 1.0})


def test_every_crossed_threshold_is_named() -> None:
    crossed = r"^accuracy .* under 0\.9\. nothing has no .* accuracy .* upper end .* over 0\.1\.$"
    with pytest.raises(ThresholdCrossedError, match=crossed):
        enforce(FIGURES, {"accuracy": 0.9, "nothing": 0.0}, {"accuracy": 0.1})


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"speed": 0.5}, "for 'speed': it can be given for accuracy, nothing"),
        ({"accuracy": 60}, "accuracy=60 is not a share"),
        ({"accuracy": math.nan}, "is not a share"),
        ({"accuracy": True}, "is not a share"),
    ],
)
def test_what_makes_no_sense_is_refused(limits: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_thresholds(limits, FIGURES)
    with pytest.raises(ConfigError, match=message):
        enforce(FIGURES, limits)


def test_texts_of_the_command_line_are_read() -> None:
    read = threshold_reader("--fail-under", "accuracy=0.6")
    assert read(["a=0.5", " b = 1"]) == {"a": 0.5, "b": 1.0}
    assert read({"a": 0.5}) == {"a": 0.5} and read(None) is None
    for text in ("a", "a=", "a=x", "a=nan", "a=inf"):
        with pytest.raises(ConfigError, match="is not NAME=NUMBER: give for example accuracy"):
            read([text])
    given = {"a": 0.5}
    assert read(given) is given and read("a=0.5") == given  # as Python gives them
    for value in (0.5, "a", {"a": math.nan}, {"a": "high"}, {"a": None}):
        with pytest.raises(ConfigError, match="is not NAME=NUMBER: give for example accuracy"):
            read(value)


def test_a_headline_by_its_names() -> None:
    item = {"name": "accuracy", "estimate": FIGURES["accuracy"], "meaning": "share"}
    assert headline_figures({"headline": [item]}) == {"accuracy": FIGURES["accuracy"]}
