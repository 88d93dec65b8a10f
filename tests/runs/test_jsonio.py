"""JSON of a run: the same bytes for the same values, and nothing that JSON does not know."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipprobe.errors import ConfigError
from clipprobe.runs.jsonio import JsonRecord, dumps, loads, plain


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_back_to_the_same_number(value: float) -> None:
    back = loads(dumps({"x": value}))["x"]
    assert back == value and math.copysign(1, back) == math.copysign(1, value)


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none() | st.booleans()))
def test_key_order_does_not_reach_the_file(mapping: dict[str, object]) -> None:
    turned = dict(reversed(list(mapping.items())))
    assert dumps(mapping) == dumps(turned)
    assert loads(dumps(mapping)) == mapping


def test_what_json_does_not_know() -> None:
    class Colour(Enum):
        RED = "red"

    @dataclass
    class Point:
        x: float
        y: tuple[int, ...]

    value = {
        "nan": math.nan,
        "inf": [math.inf, -math.inf],
        "single": np.float32(0.1),
        "whole": np.int64(7),
        "flag": np.bool_(True),
        "array": np.array([[1.5, math.nan]]),
        "path": Path("a") / "b",
        "enum": Colour.RED,
        "set": {"b", "a"},
        "point": Point(1.0, (2, 3)),
        3: "number as key",
    }
    assert plain(value) == {
        "nan": None,
        "inf": ["Infinity", "-Infinity"],
        "single": float(np.float32(0.1)),
        "whole": 7,
        "flag": True,
        "array": [[1.5, None]],
        "path": "a/b",
        "enum": "red",
        "set": ["a", "b"],
        "point": {"x": 1.0, "y": [2, 3]},
        "3": "number as key",
    }
    assert "NaN" not in dumps(value) and type(plain(np.bool_(True))) is bool


def test_an_object_that_knows_its_json_is_asked() -> None:
    class Result:
        def to_json(self) -> dict[str, float]:
            return {"value": math.nan}

    assert plain([Result()]) == [{"value": None}]


def test_unwritable_values_are_named() -> None:
    with pytest.raises(ConfigError, match="type object"):
        dumps({"x": object()})
    with pytest.raises(ConfigError, match="two that are the same"):
        dumps({1: "a", "1": "b"})
    with pytest.raises(ConfigError, match="key None"):
        dumps({None: 1})


def test_a_file_name_that_is_no_utf8_survives() -> None:
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    text = dumps({"id": name})
    text.encode("utf-8")  # raises when a lone surrogate is left
    assert json.loads(text)["id"] == name


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(JsonRecord):
    name: str
    low: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(JsonRecord):
    value: float
    pairs: tuple[tuple[str, float], ...]
    parts: tuple[Part, ...]
    best: Part | None
    n: int = 3


def test_a_dataclass_is_read_back_with_its_undefined_numbers_and_defaults() -> None:
    part = Part(name="a", low=-math.inf)
    whole = Whole(value=0.5, pairs=(("x", 1.0),), parts=(part, part), best=None, n=2)
    data = loads(dumps(whole))
    assert Whole.from_json(data) == whole
    data |= {"value": None, "best": {"name": "b", "low": None}, "no field": 1}
    del data["n"]  # written before there was such a field
    read = Whole.from_json(data)
    assert math.isnan(read.value) and read.n == 3 and read.parts == (part, part)
    assert read.best is not None and read.best.name == "b" and math.isnan(read.best.low)
