"""What ``call.json`` keeps of the settings, through the JSON that it is written as."""

from __future__ import annotations

import json
from dataclasses import KW_ONLY
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic.dataclasses import dataclass

from clipprobe.runs import jsonio
from clipprobe.settings import Flag
from clipprobe.settings.shared import Output
from clipprobe.study import Study
from clipprobe.study.call import call_of, settings_from


@dataclass(frozen=True)
class Toy(Output):
    """Count."""

    given: Annotated[Any, Flag(where="python")] = None
    """Anything."""
    _: KW_ONLY


TOY: Study[Toy, None] = Study(kind="toy", settings=Toy, prepare=lambda settings, clip: clip)


@pytest.mark.parametrize(
    "given",
    [
        {"b": 1, "a": 2},
        {"a": 2, "b": 1},
        {"size": [0.1], "opacity": {"z": None, "y": True}},
        [{"b": "x", "a": "y"}],
        {},
    ],
)
def test_a_mapping_comes_back_in_its_order(given: Any) -> None:
    call = json.loads(jsonio.dumps(call_of(TOY, Toy(given, out="run"), None)))
    back = settings_from(call)["given"]
    assert json.dumps(back) == json.dumps(given)
    assert call["give_again"] == [] and set(call["settings"]) == {"given"}


def test_what_no_file_can_hold_is_named() -> None:
    call = call_of(TOY, Toy({"b": object(), "a": 1}, out=Path("run")), None)
    assert call["give_again"] == ["given"] and call["settings"] == {}
