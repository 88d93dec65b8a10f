"""The wall of units: what is found stands there, best first, and leads to its page."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

import clipprobe
from clipprobe.neurons.atlas.statistics.plane import unit_plane

VIEW = "views/units.py"


@pytest.fixture(scope="module")
def atlas(scenery: Any) -> Any:
    """The atlas that the page shows."""
    return clipprobe.Atlas.load(scenery.runs / "demo" / "atlas")


def units_of(tiles: list[dict[str, Any]]) -> list[str]:
    """The units that the tiles lead to."""
    links = [urlsplit(tile["href"]) for tile in tiles]
    assert {link.path for link in links} == {"/unit"}
    queries = [parse_qs(link.query) for link in links]
    assert {one["run"][0] for one in queries} == {"demo/atlas"}
    return [one["unit"][0] for one in queries]


def test_all_units_stand_page_by_page_the_most_selective_first(
    app: Any, atlas: Any, elements: Any, markup: Any
) -> None:
    test = app(VIEW, run="demo/atlas")
    rows = atlas.search(limit=60)
    (wall,) = elements(test, "gallery")
    assert units_of(wall["tiles"]) == [row["address"] for row in rows[:24]]
    highest = rows[0]["peak"]
    for tile, row in zip(wall["tiles"], rows, strict=False):
        top = atlas.unit(row["address"]).top
        assert tile["images"] == [str(one.image) for one in top]
        assert set(tile["images"]) <= set(wall["sources"])
        assert tile["title"].endswith(row["address"].partition("mlp.")[2])
        assert f"{row['label']} {row['purity']:.0%}".replace("%", " %") in tile["note"]
        assert tile["value"] == pytest.approx(row["peak"] / highest, abs=1e-3)
        assert tile["chance"] == pytest.approx(min(1, row["peak_floor"] / highest), abs=1e-3)
    n_units = sum(site.n_units for site in atlas.sites.values())
    assert any(f"of {n_units:,} units" in markup(one.value) for one in test.caption)
    test.pagination(key="sheet").set_value(2).run()
    (wall,) = elements(test, "gallery")
    assert units_of(wall["tiles"]) == [row["address"] for row in rows[24:48]]


def test_a_search_narrows_the_wall_and_marks_the_map(app: Any, atlas: Any, elements: Any) -> None:
    test = app(VIEW, run="demo/atlas", find="dog peak>0.5")
    rows = [row for row in atlas.search(label="dog", limit=999) if row["peak"] > 0.5]
    (wall,) = elements(test, "gallery")
    assert units_of(wall["tiles"]) == [row["address"] for row in rows[:24]] != []
    assert all("label of images: dog" in tile["note"] for tile in wall["tiles"])
    (field,) = elements(test, "points")
    found = np.unpackbits(np.frombuffer(base64.b64decode(field["found"]), np.uint8))
    every = [f"{name}:{i}" for name, n in field["sites"] for i in range(n)]
    assert {every[i] for i in np.flatnonzero(found)} == {row["address"] for row in rows}
    places = np.frombuffer(base64.b64decode(field["places"]), "<u2").reshape(-1, 2) / 65535
    layout = unit_plane(atlas).places
    expected = (layout - layout.min(axis=0)) / np.ptp(layout, axis=0)
    assert np.allclose(places, expected, atol=1e-4)
    assert field["link"] == "/unit?run=demo%2Fatlas&unit="
    (strip,) = elements(test, "strip")
    assert strip["link"] == "/units?run=demo%2Fatlas&find=dog+peak%3E0.5"
    shown = json.loads(strip["texts"]["JSON"])
    assert [one["unit"] for one in shown] == [row["address"] for row in rows[:24]]


def test_code_and_command_find_what_the_page_shows(
    app: Any, atlas: Any, elements: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    import shlex

    from typer.testing import CliRunner

    from clipprobe.cli import app as cli

    test = app(VIEW, run="demo/atlas", find="dog")
    test.selectbox(key="block").set_value("1").run()
    (strip,) = elements(test, "strip")
    units = units_of(elements(test, "gallery")[0]["tiles"])
    assert units and all(".blocks.1." in one for one in units)
    assert "block=1" in strip["link"]
    exec(strip["texts"]["Copy as Python"], {})
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert printed == units
    words = shlex.split(strip["texts"]["Copy as command"])[1:]
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert [row["address"] for row in json.loads(done.stdout)] == units


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("psot:3", "error", "ends with 'psot'"),
        ("reads text", "error", "clipprobe neurons multimodal"),
        ("<script>alert(1)</script>", "info", "No unit is like that: <script>"),
        ("猫 كلب кот", "info", "No unit is like that: 猫"),
        ("nothing of the kind", "info", "words (clipprobe neurons words)"),
    ],
)
def test_what_cannot_be_found_is_one_sentence(
    app: Any, markup: Any, elements: Any, line: str, kind: str, words: str
) -> None:
    test = app(VIEW, run="demo/atlas", find=line)
    (message,) = test.error if kind == "error" else test.info
    assert words in markup(message.value)
    assert not elements(test, "gallery")
    test.text_input(key="find").set_value("").run()
    assert not test.error and len(elements(test, "gallery")[0]["tiles"]) == 24


def test_an_unknown_run_or_facet_in_the_address_does_no_harm(
    app: Any, markup: Any, elements: Any
) -> None:
    test = app(VIEW, run="demo/atlas", block="99", site="<b>", sheet="-3")
    assert not test.exception and len(elements(test, "gallery")[0]["tiles"]) == 24
    test = app(VIEW, run="gone")
    assert "There is no run 'gone' to show here" in markup(test.warning[0].value)
    assert not elements(test, "gallery")


def test_texts_have_tiles_without_images(
    app: Any, clip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elements: Any
) -> None:
    texts = ["a cat", "a dog", "<script>alert(1)</script>", "an ape"]
    atlas = clipprobe.scan_texts(clip, texts, top_k=2, out=tmp_path / "runs" / "texts")
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path / "runs"))
    test = app(VIEW)
    (wall,) = elements(test, "gallery")
    row = atlas.search(limit=1)[0]
    first = wall["tiles"][0]
    assert first["images"] == [] and wall["sources"] == {}
    assert first["note"].startswith(atlas.unit(row["address"]).top[0].id)


@pytest.mark.parametrize("view", [VIEW, "views/unit.py"])
@pytest.mark.parametrize("name", ["topk.parquet", "images.parquet", "stats.safetensors"])
def test_a_broken_atlas_is_one_sentence(
    app: Any, scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elements: Any,
    view: str, name: str,
) -> None:  # fmt: skip
    shutil.copytree(scenery.runs / "demo" / "atlas", tmp_path / "atlas")
    file = tmp_path / "atlas" / name
    file.write_bytes(file.read_bytes()[:100])
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    test = app(view, unit="vision.blocks.1.mlp.post:5")
    shown = [one.value.replace("\\", "") for one in (*test.error, *test.warning)]
    assert len(shown) == 1 and name in shown[0]
    assert not elements(test, "gallery") and not test.exception
