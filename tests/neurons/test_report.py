"""What people see of an atlas: report, unit page, charts, commands."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.data import ImageRecord
from clipprobe.figures.atlas import activation_histogram, peaks_by_site, shares_by_site
from clipprobe.neurons import Atlas, scan
from clipprobe.neurons.atlas.page import N_IMAGES, N_UNITS
from clipprobe.report import render_html
from clipprobe.runs.jsonio import dumps

POST = "vision.blocks.1.mlp.post"
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def labelled(clip: Any, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """An atlas whose labels and ids are hostile."""
    out = tmp_path_factory.mktemp("hostile") / "atlas"
    paths = sorted(pictures.glob("*/*.png"))
    records = [
        ImageRecord(f"{EVIL}\n{n:03d}\udcff.png", path, EVIL if n % 2 else "=cmd()")
        for n, path in enumerate(paths)
    ]
    scan(clip, records, sites=[POST], out=out, batch_size=8)
    return Atlas.load(out)


def test_hostile_names_are_shown_as_text(labelled: Atlas) -> None:
    assert labelled.path is not None
    page = (labelled.path / "report.html").read_text("utf-8")
    assert EVIL not in page
    assert escape(EVIL) in page
    assert "<script>alert" not in (labelled.path / "report.md").read_text("utf-8")


def test_hostile_names_survive_the_tables(labelled: Atlas, clip: Any, pictures: Path) -> None:
    """Names with bytes that are not UTF-8 still draw the same images after loading."""
    assert labelled.images.records[0].id == f"{EVIL}\n000\\udcff.png"
    paths = sorted(pictures.glob("*/*.png"))
    records = [ImageRecord(f"{EVIL}\n{n:03d}\udcff.png", path) for n, path in enumerate(paths)]
    fresh = scan(clip, records, sites=[POST], batch_size=8)
    expected = fresh.statistics[POST].state()["sample_keys"]
    assert labelled.statistics[POST].state()["sample_keys"].tobytes() == expected.tobytes()


def test_the_report_shows_units_with_their_pooling_and_pictures(labelled: Atlas) -> None:
    assert labelled.path is not None
    page = (labelled.path / "report.html").read_text("utf-8")
    for row in labelled.search(kind="selective", limit=N_UNITS):
        assert f"{row['address']} (max over tokens)" in page
    assert page.count("data:image/") >= N_UNITS * N_IMAGES
    assert "http://" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)
    summary = json.loads((labelled.path / "summary.json").read_text())
    assert summary["n_units"] == 64 and summary["pool"] == "max"
    assert summary["sites"][0]["always_on"] == int(labelled.table(POST).always_on.sum())


def test_the_report_survives_images_that_are_gone(clip: Any, tmp_path: Path) -> None:
    for value in (10, 200):
        Image.new("RGB", (32, 32), (value, value, value)).save(tmp_path / f"{value}.png")
    atlas = scan(clip, tmp_path, sites=[POST])
    for path in tmp_path.iterdir():
        path.unlink()
    from clipprobe.neurons.atlas.page import page_of

    assert "data:image/" in render_html(page_of(atlas))


def test_charts_hold_the_numbers(labelled: Atlas) -> None:
    unit = labelled.unit(f"{POST}:2")
    figure = activation_histogram(
        unit.histogram_edges, unit.histogram, pooled="max over tokens", mean=unit.mean
    )
    assert list(figure.data[0].y) == unit.histogram.tolist()
    assert figure.layout.xaxis.title.text == "activation (max over tokens)"
    assert figure.layout.yaxis.title.text == "images"
    for count, ticks in ((9, "D2"), (5000, 1)):  # below 10 the powers of ten are one tick
        texts = activation_histogram([0, 1, 2], [1, count], pooled="", mean=1.0, inputs="texts")
        assert (texts.layout.yaxis.title.text, texts.layout.yaxis.dtick) == ("texts", ticks)
    values = np.array([1.0, 2.0, 3.0, np.nan])
    box = peaks_by_site({"a<b": values, "silent": np.array([np.nan])}, 1.5).data[0]
    assert list(box.x) == ["a&lt;b"] and list(box.median) == [2.0]
    bars = shares_by_site(["x", "y"], {"dead": [0.25, 0.5]})
    assert list(bars.data[0].y) == [0.25, 0.5]


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_commands_from_scan_to_sheet(checkpoint: Any, pictures: Path, tmp_path: Path) -> None:
    common = ["--model", checkpoint("clip"), "--sites", POST, "--batch-size", "8", "--images"]
    common += [pictures]
    for i in range(2):
        done = run("neurons", "scan", *common, "--out", tmp_path / f"{i}", "--shard", f"{i}/2")
        assert done.exit_code == 0, done.output
    done = run(
        "neurons", "merge", tmp_path / "1", tmp_path / "0", "--out", tmp_path / "all", "--json"
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["n_images"] == 75
    assert "1 could not be read" in done.stderr
    atlas = Atlas.load(tmp_path / "all")
    done = run("neurons", "show", f"{POST}:3", "--atlas", tmp_path / "all", "--json")
    assert json.loads(done.stdout) == json.loads(dumps(atlas.unit(f"{POST}:3").to_json()))
    done = run(
        "neurons", "show", f"{POST}:3", "--atlas", tmp_path / "all", "--out", tmp_path / "u.html"
    )
    assert f"{POST}:3 (max over tokens)" in done.stdout
    assert f"{POST}:3 (max over tokens)" in (tmp_path / "u.html").read_text()
    done = run("neurons", "search", "--atlas", tmp_path / "all", "--label", "red", "--json")
    rows = json.loads(done.stdout)
    assert [row["address"] for row in rows] == [r["address"] for r in atlas.search(label="red")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", f"{POST}:3", "--atlas", "nowhere"), "holds no run"),
        (("search", "--atlas", "{atlas}", "--property", "odd"), "selective"),
        (("show", "vision.blocks.1.mlp.pots:3", "--atlas", "{atlas}"), "nearest"),
        (("show", POST, "--atlas", "{atlas}"), "add a colon"),
        (("merge", "{atlas}", "--out", "{atlas}-2"), "no shard"),
    ],
)
def test_mistakes_get_one_sentence_and_exit_code_2(
    labelled: Atlas, arguments: tuple[str, ...], words: str
) -> None:
    done = run("neurons", *[part.replace("{atlas}", str(labelled.path)) for part in arguments])
    assert done.exit_code == 2
    assert words in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
