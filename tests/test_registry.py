"""Tables of names: loaded when asked, open to other packages, clear where a name is unknown."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from clipprobe import registry
from clipprobe.errors import ConfigError
from clipprobe.registry import Registry


def test_naming_the_names_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_when_asked.py").write_text("THING = 'here'\n")
    monkeypatch.syspath_prepend(tmp_path)
    table: Registry[str] = Registry("thing", {"b": "only_when_asked:THING", "a": "nowhere:X"})
    assert list(table) == ["a", "b"]
    assert "only_when_asked" not in sys.modules
    assert table["b"] == "here"
    assert "only_when_asked" in sys.modules


def test_another_package_adds_and_cannot_replace(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        EntryPoint(name="theirs", value="json:dumps", group="clipprobe.things"),
        EntryPoint(name="ours", value="json:loads", group="clipprobe.things"),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    table: Registry[object] = Registry("thing", {"ours": "json:dump"}, group="clipprobe.things")
    import json

    assert list(table) == ["ours", "theirs"]
    assert table["ours"] is json.dump and table["theirs"] is json.dumps


def test_an_unknown_name_says_the_nearest_and_all() -> None:
    table: Registry[object] = Registry(
        "layout",
        {"rta-100": "json:dump", "scam": "json:load"},
        error=ConfigError,
        help="Or a table.",
    )
    with pytest.raises(ConfigError) as error:
        table["rta-10"]
    assert str(error.value) == (
        "There is no layout 'rta-10': did you mean 'rta-100'? Known are rta-100, scam. Or a table."
    )


def test_what_is_added_is_there_under_any_spelling() -> None:
    table: Registry[int] = Registry("number", {}, spelling=str.lower)
    table.add("one", 1)
    assert table["ONE"] == 1 and "one" in table and list(table.values()) == [1]
