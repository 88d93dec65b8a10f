"""Stars, notes and lists of units are changed on Unit, found on Units, and kept beside the runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import clipprobe
from clipprobe.identity import Identity
from clipprobe.neurons.notes import change_note, read_notes
from dashboard.units.notes import note_file

UNIT, OTHER = "vision.blocks.1.mlp.post:5", "vision.blocks.2.mlp.post:3"
VIEW = "views/unit.py"


@pytest.fixture
def runs(scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runs folder of this test alone, with an atlas ``a``."""
    shutil.copytree(scenery.runs / "demo" / "atlas", tmp_path / "a")
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    return tmp_path


@pytest.fixture
def model(runs: Path) -> Identity:
    """The model of the atlas."""
    return Identity.stored(clipprobe.Atlas.load(runs / "a").config["model"])


def keep(test: Any, unit: str, text: str, lists: list[str]) -> None:
    """Fill in the form and send it."""
    test.text_area(key=f"note of {unit}").set_value(text)
    test.session_state[f"lists of {unit}"] = lists
    (button,) = [one for one in test.button if one.label == "Keep it"]
    button.click().run()
    assert not test.exception


def test_a_unit_is_starred_noted_and_found_again(
    app: Any, runs: Path, model: Identity, elements: Any, copied: Any, markup: Any, capsys: Any
) -> None:
    assert note_file() == runs / "notes" / "units.json"
    test = app(VIEW, run="a", unit=UNIT)
    test.button(key="star").click().run()
    assert read_notes(note_file()).of(model)[UNIT].star
    assert test.button(key="star").label == "Starred"
    hostile = "<script>alert(1)</script> [x](http://example.invalid)"
    keep(test, UNIT, hostile, ["ears"])
    assert hostile in [markup(one.value) for one in test.info]
    change_note(note_file(), model, OTHER, add=["ears"])
    change_note(note_file(), Identity("0" * 64), OTHER, star=True)  # of another model

    wall = app("views/units.py", run="a")
    assert wall.selectbox(key="saved").options == ["any", "starred", "with a note", "ears"]
    wall.selectbox(key="saved").set_value("ears").run()
    tiles = elements(wall, "gallery")[0]["tiles"]
    shown = [parse_qs(urlsplit(tile["href"]).query)["unit"][0] for tile in tiles]
    assert sorted(shown) == [UNIT, OTHER]
    first = tiles[shown.index(UNIT)]
    assert first["title"].startswith("★ ") and hostile in first["hint"]
    assert "saved=ears" in copied(wall, "Copy link") and not copied(wall, "Copy as command")
    capsys.readouterr()
    exec(copied(wall), {})
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == shown
    found = {one.label: one.proto for one in wall.get("download_button")}
    assert set(found) == {"units.json", "units.csv"}

    test.button(key="star").click().run()
    keep(test, UNIT, "", [])
    assert list(read_notes(note_file()).of(model)) == [OTHER]


def test_two_sessions_lose_nothing_of_each_other(app: Any, runs: Path, model: Identity) -> None:
    one, two = app(VIEW, run="a", unit=UNIT), app(VIEW, run="a", unit=UNIT)
    keep(one, UNIT, "hers", ["a"])
    keep(two, UNIT, "his", ["b"])  # had been opened before
    note = read_notes(note_file()).of(model)[UNIT]
    assert note.text == "hers\n\nhis" and note.lists == ("a", "b")
    one.run()
    assert one.text_area(key=f"note of {UNIT}").value == "hers\n\nhis"
    two.button(key="star").click().run()
    keep(one, UNIT, "ours", ["a"])
    note = read_notes(note_file()).of(model)[UNIT]
    assert note.star and note.text == "ours" and note.lists == ("a",)


def test_a_broken_file_is_one_sentence_and_the_page_stands(
    app: Any, runs: Path, elements: Any, markup: Any
) -> None:
    note_file().parent.mkdir()
    note_file().write_text("{")
    for view in (VIEW, "views/units.py"):
        test = app(view, run="a", unit=UNIT)
        said = [markup(one.value) for one in test.error]
        assert said and all("cannot be read" in one for one in said)
        assert len(set(said)) == 1 and elements(test, "gallery")
    test = app(VIEW, run="a", unit=UNIT)
    test.button(key="star").click().run()
    assert not test.exception and note_file().read_text() == "{"


def test_too_long_a_name_is_one_sentence(app: Any, runs: Path, markup: Any) -> None:
    test = app(VIEW, run="a", unit=UNIT)
    keep(test, UNIT, "text", ["x" * 99])
    assert "cannot be called" in markup(test.error[0].value) and not note_file().exists()
    assert json.dumps(test.text_area(key=f"note of {UNIT}").value) == '"text"'
