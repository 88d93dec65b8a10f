"""A unit's page shows what the atlas and the model say about it, and has an address."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import streamlit as st
from PIL import Image

import clipprobe
from clipprobe.neurons.sheet.finding import finding
from clipprobe.report.numbers import format_number
from clipprobe.runs import jsonio
from dashboard.address import Address

VIEW = "views/unit.py"
UNIT = "vision.blocks.1.mlp.post:5"
SHOW = (("show", "whole range"),)


@pytest.fixture(scope="module")
def atlas(scenery: Any) -> Any:
    """The atlas that the page shows."""
    return clipprobe.Atlas.load(scenery.runs / "demo" / "atlas")


def test_the_address_opens_the_unit_with_its_statistics(
    app: Any, atlas: Any, markup: Any, elements: Any
) -> None:
    test = app(VIEW, run="demo/atlas", unit=UNIT)
    unit = atlas.unit(UNIT)
    assert UNIT in [markup(item.value) for item in test.title]
    captions = [markup(item.value) for item in test.caption]
    (line,) = [text for text in captions if text.startswith("n = 8 ")]
    for number in (unit.mean, unit.std, unit.quantiles[0.5], unit.low, unit.high):
        assert format_number(number) in line
    assert f"above 0: {unit.share_positive:.1%}" in line
    assert "neuron, max over tokens" in captions
    words = finding(unit, atlas.row(UNIT))
    assert words in [markup(item.value) for item in test.markdown]
    (strip,) = elements(test, "strip")
    chips = dict(strip["chips"])
    model, data = atlas.config["model"], atlas.config["data"]
    assert model["id"] in chips["Model"] and model["weights_sha256"][:12] in chips["Model"]
    assert data["fingerprint"][:12] in chips["Data"] and "8 used" in chips["Data"]
    assert (
        strip["link"]
        == Address(page="unit", run="demo/atlas", unit=UNIT, part="Range", knobs=SHOW).link
    )
    assert json.loads(strip["texts"]["JSON"]) == jsonio.plain(unit.to_json())
    assert strip["texts"]["Copy as command"].startswith(f"clipprobe neurons show {UNIT} --atlas ")


def test_the_run_is_in_the_address_even_where_it_is_the_only_one(
    app: Any, elements: Any, copied: Any
) -> None:
    test = app(VIEW)  # the strip puts it there, and the browser the unit: see the journeys
    assert copied(test, "Copy link") == "/unit?run=demo%2Fatlas"
    assert elements(test, "strip")[0]["kept"]["run"] == ["demo/atlas"]


@pytest.fixture
def two_atlases(scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runs folder with an atlas ``a`` and an atlas ``b``."""
    for name in ("a", "b"):
        shutil.copytree(scenery.runs / "demo" / "atlas", tmp_path / name)
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    return tmp_path


def test_a_view_keeps_its_run_while_others_are_open(
    app: Any, two_atlases: Path, elements: Any
) -> None:
    test = app(VIEW, run="b", unit=UNIT)
    for view, key, run in (
        ("views/reports.py", "report_run", "a"),
        ("views/overview.py", "", ""),
        (VIEW, "atlas_run", "b"),
        ("views/reports.py", "report_run", "a"),
    ):
        test.query_params.clear()  # as the browser does when it changes views
        test.switch_page(view).run()
        if key:
            assert test.selectbox(key=key).value == run
            assert elements(test, "strip")[0]["kept"]["run"] == [run]


def test_a_link_changes_the_run_of_an_open_view(app: Any, two_atlases: Path, elements: Any) -> None:
    test = app(VIEW, unit=UNIT)
    assert test.selectbox(key="atlas_run").value == "a"
    test.query_params["run"] = "b"
    test.run()
    assert test.selectbox(key="atlas_run").value == "b"
    test.selectbox(key="atlas_run").set_value("a").run()
    assert elements(test, "strip")[0]["kept"]["run"] == ["a"]
    test.run()  # the browser's address may lag behind
    assert test.selectbox(key="atlas_run").value == "a"
    shutil.rmtree(two_atlases / "a")
    st.cache_data.clear()
    test.run()
    assert test.selectbox(key="atlas_run").value is None and not test.metric
    assert "no run 'a'" in test.warning[0].value.replace("\\", "")


def test_a_negative_block_is_counted_from_the_end(app: Any, markup: Any) -> None:
    test = app(VIEW, unit="vision.blocks.-1.mlp.post:5")
    assert "vision.blocks.2.mlp.post:5" in [markup(item.value) for item in test.title]


def test_histogram_shows_the_counts_of_the_atlas(
    app: Any, atlas: Any, charts: Any, decoded: Any
) -> None:
    unit = atlas.unit(UNIT)
    histogram = charts(app(VIEW, unit=UNIT))[0]
    assert np.array_equal(decoded(histogram["data"][0]["y"]), unit.histogram)
    assert f"mean {unit.mean:.4g}" in histogram["alt"]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("vision.blocks.1.mlp.pots:5", "vision.blocks.1.mlp.post"),
        ("vision.blocks.1.mlp.post:999999", "numbered 0 to"),
        ("vision.blocks.1.mlp.post", "add a colon and a number"),
        ("<script>alert(1)</script>:1", "script"),
    ],
)
def test_a_wrong_address_is_one_sentence(app: Any, markup: Any, asked: str, answer: str) -> None:
    test = app(VIEW, unit=asked)
    assert len(test.error) == 1
    assert answer in markup(test.error[0].value)
    assert not test.metric
    assert [item.value for item in test.title] == ["What does this unit respond to?"]


def test_an_unknown_run_in_the_address_stops_the_page_until_one_is_chosen(
    app: Any, markup: Any, elements: Any
) -> None:
    test = app(VIEW, run="../../etc", unit=UNIT)
    for _ in range(2):  # the question stays until it is answered
        assert "There is no run '../../etc' to show here" in markup(test.warning[0].value)
        assert elements(test, "strip")[0]["kept"] == {}
        assert not test.metric and not test.title and not test.dataframe
        test.run()
    test.selectbox(key="atlas_run").set_value("demo/atlas").run()
    assert not test.warning and UNIT in [markup(item.value) for item in test.title]
    assert elements(test, "strip")[0]["kept"]["run"] == ["demo/atlas"]


def test_a_damaged_run_in_the_address_is_said_to_be_damaged(
    app: Any, markup: Any, scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("whole", "cut"):
        shutil.copytree(scenery.runs / "demo" / "atlas", tmp_path / name)
    (tmp_path / "cut" / "stats.safetensors").write_bytes(b"")
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    test = app(VIEW, run="cut", unit=UNIT)
    said = markup(test.warning[0].value)
    assert "is damaged (stats.safetensors" in said and "Choose one of the 1 in the list" in said


def test_the_steps_lead_to_the_units_beside_it(app: Any, atlas: Any, elements: Any) -> None:
    hook = UNIT.rpartition(":")[0]
    last = atlas.sites[hook].n_units - 1
    for index, before, after in ((5, 4, 6), (0, last, 1), (last, last - 1, 0)):
        (strip,) = elements(app(VIEW, run="demo/atlas", unit=f"{hook}:{index}"), "strip")
        steps = dict(strip["steps"])
        found = [parse_qs(urlsplit(steps[name]).query)["unit"] for name in ("‹ Previous", "Next ›")]
        assert found == [[f"{hook}:{before}"], [f"{hook}:{after}"]]
        assert atlas.unit(parse_qs(urlsplit(steps["Random"]).query)["unit"][0]).n_images == 8


def test_a_label_stands_with_its_score_and_an_abstention_with_its_reason(
    app: Any, clip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, markup: Any,
    elements: Any,
) -> None:  # fmt: skip
    from clipprobe.neurons.labels import label_units

    images, runs, site = tmp_path / "images", tmp_path / "runs", UNIT.rpartition(":")[0]
    rng = np.random.default_rng(0)
    for channel, label in enumerate(("red", "green", "blue")):
        (images / label).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            pixels[..., channel] = 255
            Image.fromarray(pixels).save(images / label / f"{number:02d}.png")
    clipprobe.scan(clip, images, sites=[site], out=runs / "atlas", top_k=2, workers=0)
    labels = label_units(clip, images, sites=[site], judge="labels", twins=0, renderings=0,
                         out=runs / "labels")  # fmt: skip
    monkeypatch.setenv("CLIPPROBE_RUNS", str(runs))
    named = next(one for one in labels.rows if one.label is not None)
    test = app(VIEW, unit=named.address)
    assert f"“{named.label}”" in [markup(one.value) for one in test.subheader]
    (line,) = [text for one in test.caption if "held-out AUROC" in (text := markup(one.value))]
    auroc = named.validation.auroc
    assert f"held-out AUROC {format_number(auroc.value)}, 95 % [" in line
    assert f"n={auroc.n}" in line and f"judge: {labels.judge}; run: labels" in line
    unnamed = next(one for one in labels.rows if one.label is None)
    test = app(VIEW, unit=unnamed.address)
    captions = [markup(one.value) for one in test.caption]
    (line,) = [one for one in captions if one.startswith("No label holds")]
    assert f"({unnamed.reason})" in line and f"is {unnamed.candidate} (" in line
    assert not test.subheader
    wall = elements(app("views/units.py", find=named.label), "gallery")[0]
    assert any(f"“{named.label}”, AUROC {auroc.value:.2f}" in one["note"] for one in wall["tiles"])
