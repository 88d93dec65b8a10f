"""A unit's page shows what the atlas and the model say about it, and has an address."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st

import clipprobe
from clipprobe.report.numbers import format_number
from clipprobe.runs import load_run

VIEW = "views/neuron.py"
UNIT = "vision.blocks.1.mlp.post:5"


@pytest.fixture(scope="module")
def atlas(scenery: Any) -> Any:
    """The atlas that the page shows."""
    return clipprobe.Atlas.load(scenery.runs / "demo" / "atlas")


def test_the_address_opens_the_unit_with_its_statistics(app: Any, atlas: Any, markup: Any) -> None:
    test = app(VIEW, run="demo/atlas", unit=UNIT)
    unit = atlas.unit(UNIT)
    shown = {item.label: item.value for item in test.metric}
    assert shown["Images"] == "8" and unit.n_images == 8
    assert shown["Mean"] == format_number(unit.mean)
    assert shown["Median"] == format_number(unit.quantiles[0.5])
    assert shown["Largest"] == format_number(unit.high)
    assert shown["Above 0"] == f"{unit.share_positive:.1%}"
    assert shown["Peak"].split() == [f"{unit.peak:.1f}", "σ"]
    assert UNIT in [markup(item.value) for item in test.header]
    (facts,) = [markup(item.value) for item in test.caption if "max over tokens" in item.value]
    model, data = atlas.config["model"], atlas.config["data"]
    for fact in (model["id"], model["weights_sha256"][:12], data["fingerprint"][:12], "8 used"):
        assert fact in facts


def test_the_run_is_in_the_address_even_where_it_is_the_only_one(app: Any) -> None:
    # That the unit gets there too is the browser's doing: see the journey.
    assert app(VIEW).query_params["run"] == "demo/atlas"


@pytest.fixture
def two_atlases(scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runs folder with an atlas ``a`` and an atlas ``b``."""
    for name in ("a", "b"):
        shutil.copytree(scenery.runs / "demo" / "atlas", tmp_path / name)
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    return tmp_path


def test_a_view_keeps_its_run_while_others_are_open(app: Any, two_atlases: Path) -> None:
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
            assert test.query_params["run"] == run


def test_a_link_changes_the_run_of_an_open_view(app: Any, two_atlases: Path) -> None:
    test = app(VIEW, unit=UNIT)
    assert test.selectbox(key="atlas_run").value == "a"
    test.query_params["run"] = "b"
    test.run()
    assert test.selectbox(key="atlas_run").value == "b"
    test.selectbox(key="atlas_run").set_value("a").run()
    assert test.query_params["run"] == "a"
    shutil.rmtree(two_atlases / "a")
    st.cache_data.clear()
    test.run()
    assert test.selectbox(key="atlas_run").value is None and not test.metric
    assert "no run 'a'" in test.warning[0].value.replace("\\", "")


def test_a_negative_block_is_counted_from_the_end(app: Any, markup: Any) -> None:
    test = app(VIEW, unit="vision.blocks.-1.mlp.post:5")
    assert "vision.blocks.2.mlp.post:5" in [markup(item.value) for item in test.header]


def test_histogram_shows_the_counts_of_the_atlas(app: Any, atlas: Any, charts: Any) -> None:
    unit = atlas.unit(UNIT)
    histogram = charts(app(VIEW, unit=UNIT))[0]
    assert np.array_equal(decoded(histogram["data"][0]["y"]), unit.histogram)
    assert f"mean {unit.mean:.4g}" in histogram["alt"]


def test_strongest_images_stand_in_order_with_value_and_place(
    app: Any, atlas: Any, markup: Any
) -> None:
    test = app(VIEW, unit=UNIT)
    top = atlas.unit(UNIT).top
    captions = [markup(text) for image in test.get("image") for text in image.captions]
    assert len(top) == 3
    for caption, firing in zip(captions[:-1], top, strict=True):  # the last is beside the map
        assert caption.startswith(f"{firing.value:.3g}: {firing.label}")
        if firing.place is not None:
            assert f"row {firing.place[0] + 1}, column {firing.place[1] + 1}" in caption
    alts = [alt for image in test.get("image") for alt in alternatives(image)]
    assert len(alts) == len(captions) and all(alts)


def test_the_whole_range_shows_an_image_for_every_filled_bin(app: Any, atlas: Any) -> None:
    test = app(VIEW, unit=UNIT)
    test.segmented_control(key="show").set_value("whole range").run()
    bins = [one for one in atlas.unit(UNIT).bins if one.firings]
    lines = [item.value for item in test.markdown if "image" in item.value]
    assert len(lines) == len(bins)
    n_images = sum(len(one.firings) for one in bins)
    assert len(test.get("image")) == n_images + 1  # and the image beside the map


def test_the_map_is_what_the_model_computes(app: Any, atlas: Any, clip: Any, charts: Any) -> None:
    test = app(VIEW, unit=UNIT)
    first = atlas.unit(UNIT).top[0]
    with clipprobe.capture(clip, [UNIT]) as seen:
        clip.encode_images([atlas.picture(first.image)])
    tokens = seen[UNIT][0].numpy()
    heat = charts(test)[1]
    shown = np.array(heat["data"][0]["z"], float)
    assert shown.shape == clip.grid
    assert np.allclose(shown.ravel(), tokens[1:], atol=1e-6)
    assert f"{tokens[1:].max():.4g}" in heat["alt"]
    shown_numbers = {item.label: item.value for item in test.metric}
    assert shown_numbers["At the class token"] == f"{tokens[0]:.4g}"
    assert max(tokens) == pytest.approx(first.value, abs=1e-5)


def test_another_picture_of_the_atlas_has_another_map(app: Any, atlas: Any, charts: Any) -> None:
    test = app(VIEW, unit=UNIT)
    before = charts(test)[1]["data"][0]["z"]
    test.selectbox(key=f"image of {UNIT}").select_index(1).run()
    after = charts(test)[1]["data"][0]["z"]
    assert before != after
    assert f"atlas.picture({atlas.unit(UNIT).top[1].image})" in test.code[-1].value


def test_an_uploaded_picture_is_mapped(app: Any, scenery: Any, clip: Any, charts: Any) -> None:
    test = app(VIEW, unit=UNIT)
    path = scenery.images / "car-line.png"
    test.file_uploader(key="own_picture").upload("mine.png", path.read_bytes(), "image/png").run()
    with clipprobe.capture(clip, [UNIT]) as seen:
        clip.encode_images([path])
    shown = np.array(charts(test)[1]["data"][0]["z"], float)
    assert np.allclose(shown.ravel(), seen[UNIT][0].numpy()[1:], atol=1e-6)


def test_an_upload_that_is_no_image_is_one_sentence(app: Any) -> None:
    test = app(VIEW, unit=UNIT)
    test.file_uploader(key="own_picture").upload("mine.png", b"not an image", "image/png").run()
    assert not test.exception
    assert len(test.error) == 1 and "cannot be read" in test.error[0].value
    assert test.metric[0].value == "8"  # the rest of the page stands


def test_the_snippet_runs_and_says_the_same(
    app: Any, atlas: Any, charts: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    test = app(VIEW, unit=UNIT)
    space: dict[str, Any] = {}
    exec(test.code[-1].value, space)
    shown = np.array(charts(test)[1]["data"][0]["z"], float)
    assert np.allclose(space["values"].numpy()[1:], shown.ravel(), atol=1e-6)
    printed = capsys.readouterr().out
    for firing in atlas.unit(UNIT).top:
        assert f"{firing.value} {firing.id} {firing.label}" in printed


def test_a_row_of_the_table_opens_its_unit(app: Any, scenery: Any, markup: Any) -> None:
    test = app(VIEW)
    table = test.dataframe[0]
    address = table.value["address"].iloc[2]
    path = scenery.runs / "demo" / "atlas"
    key = f"units {path} vision.blocks.0.mlp.post any any"
    test.session_state[key] = {"selection": {"rows": [2], "columns": [], "cells": []}}
    test.run()
    assert test.text_input(key="unit").value == address
    assert address in [markup(item.value) for item in test.header]
    # The row stays chosen, and the text field can still be changed.
    test.text_input(key="unit").set_value(UNIT).run()
    assert UNIT in [markup(item.value) for item in test.header]


def test_the_table_lists_every_unit_of_a_hook_point(app: Any, atlas: Any) -> None:
    test = app(VIEW)
    site = "vision.blocks.1.mlp.post"
    test.selectbox(key="site").set_value(site).run()
    addresses = test.dataframe[0].value["address"]
    assert sorted(addresses) == sorted(f"{site}:{i}" for i in range(atlas.sites[site].n_units))
    test.selectbox(key="label_of").set_value("dog").run()
    assert set(test.dataframe[0].value["label"]) == {"dog"}


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


def test_an_unknown_run_in_the_address_stops_the_page_until_one_is_chosen(
    app: Any, markup: Any
) -> None:
    test = app(VIEW, run="../../etc", unit=UNIT)
    for _ in range(2):  # the question stays until it is answered
        assert "There is no run '../../etc' to show here" in markup(test.warning[0].value)
        assert test.query_params["run"] == "../../etc"
        assert not test.metric and not test.header and not test.dataframe
        test.run()
    test.selectbox(key="atlas_run").set_value("demo/atlas").run()
    assert not test.warning and UNIT in [markup(item.value) for item in test.header]
    assert test.query_params["run"] == "demo/atlas"


def test_another_model_shows_statistics_and_no_map(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, charts: Any, markup: Any
) -> None:
    from clipprobe.testing import checkpoints as tiny

    other = tiny.tiny_clip(tmp_path / "other", seed=1)
    monkeypatch.setenv("CLIPPROBE_MODEL", str(other))
    test = app(VIEW, unit=UNIT)
    assert test.metric[0].value == "8"
    assert len(charts(test)) == 1
    assert "maps cannot be computed" in markup(test.warning[0].value)
    assert len(test.get("image")) == 3  # the top images, without frames
    space: dict[str, Any] = {}
    exec(test.code[-1].value, space)
    assert space["unit"].n_images == 8 and "clip" not in space


def test_images_that_are_gone_are_said(
    app: Any, clip: Any, scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, markup: Any
) -> None:
    images = tmp_path / "moved"
    images.mkdir()
    for path in sorted(scenery.images.glob("*.png"))[:3]:
        (images / path.name).write_bytes(path.read_bytes())
    clipprobe.scan(clip, images, out=tmp_path / "runs" / "atlas", top_k=2, workers=0)
    for path in images.glob("*.png"):
        path.unlink()
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path / "runs"))
    test = app(VIEW, unit=UNIT)
    assert {item.label: item.value for item in test.metric}["Images"] == "3"
    assert len(test.warning) == 2
    assert all("cannot be shown" in markup(item.value) for item in test.warning)
    assert "cannot be shown" in markup(test.error[0].value)


def test_a_unit_of_the_text_tower_shows_texts_and_no_pictures(
    app: Any, clip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, charts: Any
) -> None:
    texts = ["a cat", "a dog", "<script>alert(1)</script>", "an ape"]
    unit = "text.blocks.1.mlp.post:5"
    atlas = clipprobe.scan_texts(clip, texts, pool="max", top_k=3, out=tmp_path / "runs" / "texts")
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path / "runs"))
    test = app(VIEW, unit=unit)
    assert not test.warning and not test.error and not test.get("image")
    assert {item.label: item.value for item in test.metric}["Texts"] == "4"
    assert len(charts(test)) == 1 and "Texts by activation" in charts(test)[0]["alt"]
    assert charts(test)[0]["layout"]["yaxis"]["title"]["text"] == "texts"
    top = atlas.unit(unit).top
    shown = test.dataframe[-1].value
    assert shown["text"].tolist() == [one.id for one in top]
    assert shown["token that fired"].str.contains("token").all()
    space: dict[str, Any] = {}
    exec(test.code[-1].value, space)
    assert space["unit"].n_images == 4 and "clip" not in space
    test.segmented_control(key="show").set_value("whole range").run()
    bins = [one for one in atlas.unit(unit).bins if one.firings]
    assert test.dataframe[-1].value["texts"].tolist() == [one.n_images for one in bins[::-1]]


def test_what_other_runs_found_is_shown(
    app: Any, clip: Any, scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, markup: Any
) -> None:
    from clipprobe.neurons.captions import captions_run

    runs, site = tmp_path / "runs", UNIT.rpartition(":")[0]
    clipprobe.scan(clip, scenery.images, sites=[site], out=runs / "a/atlas", top_k=2, workers=0)
    folder = runs / "elsewhere" / "captions"  # not beside the atlas
    (found,) = captions_run(clip, [UNIT], ["a cat", "a dog"], n_random=9, out=folder)
    other = folder.with_name("of-another-model")
    shutil.copytree(folder, other)
    weights = load_run(folder).manifest["model"]["weights_sha256"]
    manifest = (other / "manifest.json").read_text().replace(weights, "0" * 64)
    (other / "manifest.json").write_text(manifest)
    monkeypatch.setenv("CLIPPROBE_RUNS", str(runs))
    test = app(VIEW, unit=UNIT)
    labels = [one.label for one in test.expander]
    assert labels.count("Captions") == 1 and "Not asked yet" in labels
    commands = [one.value for one in test.code[:-1]]
    assert any(one.startswith(f"clipprobe neurons words --sites {site} ") for one in commands)
    assert not any("neurons captions" in one for one in commands)
    assert not any("of-another-model" in one.value for one in test.caption)
    shown = test.dataframe[-2].value
    assert shown["highest captions"].tolist() == [one.caption for one in found.top]
    assert shown["score less mean"].tolist() == [format_number(one.score) for one in found.top]
    assert any(found.claim in markup(one.value) for one in test.caption)


def decoded(values: Any) -> np.ndarray:
    """A Plotly array, which may be packed as base64."""
    if isinstance(values, dict):
        import base64

        return np.frombuffer(base64.b64decode(values["bdata"]), np.dtype(values["dtype"]))
    return np.array(values)


def alternatives(image: Any) -> list[str]:
    """Alternative texts of an image element."""
    return [one.alt for one in image.proto.imgs]
