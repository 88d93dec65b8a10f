"""A unit's page shows what the atlas and the model say about it, and has an address."""

from __future__ import annotations

import base64
import io
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
from clipprobe.runs import jsonio, load_run
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
    words = finding(unit, atlas.table(UNIT.rpartition(":")[0]))
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
    assert elements(test, "strip")[0]["kept"]["run"] == "demo/atlas"


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
            assert elements(test, "strip")[0]["kept"]["run"] == run


def test_a_link_changes_the_run_of_an_open_view(app: Any, two_atlases: Path, elements: Any) -> None:
    test = app(VIEW, unit=UNIT)
    assert test.selectbox(key="atlas_run").value == "a"
    test.query_params["run"] = "b"
    test.run()
    assert test.selectbox(key="atlas_run").value == "b"
    test.selectbox(key="atlas_run").set_value("a").run()
    assert elements(test, "strip")[0]["kept"]["run"] == "a"
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


def test_histogram_shows_the_counts_of_the_atlas(app: Any, atlas: Any, charts: Any) -> None:
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
    assert elements(test, "strip")[0]["kept"]["run"] == "demo/atlas"


def test_the_steps_lead_to_the_units_beside_it(app: Any, atlas: Any, elements: Any) -> None:
    hook = UNIT.rpartition(":")[0]
    last = atlas.sites[hook].n_units - 1
    for index, before, after in ((5, 4, 6), (0, last, 1), (last, last - 1, 0)):
        (strip,) = elements(app(VIEW, run="demo/atlas", unit=f"{hook}:{index}"), "strip")
        steps = dict(strip["steps"])
        found = [parse_qs(urlsplit(steps[name]).query)["unit"] for name in ("‹ Previous", "Next ›")]
        assert found == [[f"{hook}:{before}"], [f"{hook}:{after}"]]
        assert atlas.unit(parse_qs(urlsplit(steps["Random"]).query)["unit"][0]).n_images == 8


def test_strongest_images_stand_in_order_with_value_and_frame(
    app: Any, atlas: Any, clip: Any, elements: Any
) -> None:
    test = app(VIEW, unit=UNIT)
    top = atlas.unit(UNIT).top
    first = elements(test, "gallery")[0]
    assert len(top) == 3 and not first["missing"]
    for tile, firing in zip(first["tiles"], top, strict=True):
        assert tile["title"].startswith(f"{firing.value:.3g}".replace("-", "−"))
        assert firing.label in tile["title"] and firing.id in tile["hint"] and tile["alt"]
        view = clip.preprocess.to_grid(atlas.picture(firing.image))
        shown = decoded_image(first["sources"][tile["images"][0]])
        assert np.array_equal(np.asarray(shown), np.asarray(view.convert("RGB")))
        assert tile["heat"] is None
        if firing.place is None:
            assert tile["box"] is None
        else:
            rows, columns = clip.grid
            row, column = firing.place
            assert tile["box"] == [column / columns, row / rows, 1 / columns, 1 / rows]


def test_heat_is_the_unit_over_the_patches(app: Any, atlas: Any, clip: Any, elements: Any) -> None:
    test = app(VIEW, unit=UNIT)
    test.toggle(key="heat").set_value(True).run()
    tiles = elements(test, "gallery")[0]["tiles"]
    for tile, firing in zip(tiles, atlas.unit(UNIT).top, strict=True):
        found = clipprobe.neurons.unit_map(clip, atlas.picture(firing.image), UNIT).map
        expected = np.rint(230 * found / np.abs(found).max()).ravel()
        assert np.abs(np.array(tile["heat"]["values"]) - expected).max() <= 1
        assert (tile["heat"]["h"], tile["heat"]["w"]) == found.shape


def test_the_whole_range_shows_an_image_for_every_filled_bin(
    app: Any, atlas: Any, elements: Any
) -> None:
    test = app(VIEW, unit=UNIT)
    bins = [one for one in atlas.unit(UNIT).bins if one.firings][::-1]
    stretches = elements(test, "gallery")[1:]
    assert [len(one["tiles"]) for one in stretches] == [len(one.firings) for one in bins]
    test.segmented_control(key="show").set_value("weakest").run()
    (weakest,) = elements(test, "gallery")[1:]
    ids = [one.id for one in atlas.unit(UNIT).bottom]
    assert all(name in tile["hint"] for name, tile in zip(ids, weakest["tiles"], strict=True))


def test_the_map_is_what_the_model_computes(app: Any, atlas: Any, clip: Any, elements: Any) -> None:
    test = app(VIEW, unit=UNIT, part="Where")
    unit = atlas.unit(UNIT)
    found = clipprobe.neurons.unit_map(clip, atlas.picture(unit.top[0].image), UNIT)
    (heat,) = elements(test, "heat")
    assert np.allclose(heat["panels"][0]["values"], found.map.ravel(), rtol=1e-4, atol=1e-7)
    shown = {item.label: item.value for item in test.metric}
    assert shown["At the class token"] == f"{found.class_token:.4g}"
    assert shown["Pooled as in the atlas"] == f"{found.pooled('max'):.4g}"
    assert found.pooled("max") == pytest.approx(unit.high, abs=1e-5)
    share = unit.share_below(found.pooled("max"))
    assert any(f"above {share:.1%}" in item.value.replace("\\", "") for item in test.caption)
    test.selectbox(key=f"image of {UNIT}").select_index(1).run()
    other = clipprobe.neurons.unit_map(clip, atlas.picture(unit.top[1].image), UNIT).map
    values = elements(test, "heat")[0]["panels"][0]["values"]
    assert np.allclose(values, other.ravel(), rtol=1e-4, atol=1e-7)


def test_an_upload_and_a_written_word_are_mapped(
    app: Any, scenery: Any, clip: Any, elements: Any
) -> None:
    test = app(VIEW, unit=UNIT, part="Where")
    control = test.segmented_control(key="where_source")
    control.set_value("an image of mine").run()
    assert "No image was uploaded yet" in test.error[0].value
    path = scenery.images / "car-line.png"
    test.file_uploader(key="own_picture").upload("mine.png", path.read_bytes(), "image/png").run()
    found = clipprobe.neurons.unit_map(clip, path, UNIT).map.ravel()
    (heat,) = elements(test, "heat")
    assert np.allclose(heat["panels"][0]["values"], found, rtol=1e-4, atol=1e-7)
    space: dict[str, Any] = {"Path": lambda _: path}
    code = elements(test, "strip")[0]["texts"]["Copy as Python"]
    exec(code.replace("from pathlib import Path", ""), space)
    assert np.allclose(space["values"].numpy()[1:], found, atol=1e-6)

    test.segmented_control(key="where_source").set_value("a word that I write").run()
    test.text_input(key="words").set_value("cat").run()
    space = {}
    exec(elements(test, "strip")[0]["texts"]["Copy as Python"], space)
    heat = elements(test, "heat")[0]["panels"][0]
    assert heat["title"] == "cat"
    assert np.allclose(heat["values"], space["values"].numpy()[1:], rtol=1e-4, atol=1e-6)
    for word in ("猫", " "):
        test.text_input(key="words").set_value(word).run()
        assert not test.exception
    assert any("cannot be written" in one.value for one in test.error) or elements(test, "heat")


def test_an_upload_that_is_no_image_is_one_sentence(app: Any, elements: Any) -> None:
    test = app(VIEW, unit=UNIT, part="Where")
    test.segmented_control(key="where_source").set_value("an image of mine").run()
    test.file_uploader(key="own_picture").upload("mine.png", b"not an image", "image/png").run()
    assert not test.exception
    assert len(test.error) == 1 and "cannot be read" in test.error[0].value
    assert len(elements(test, "gallery")[0]["tiles"]) == 3  # the rest of the page stands


def test_the_snippet_runs_and_says_the_same(
    app: Any, atlas: Any, elements: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    test = app(VIEW, unit=UNIT, part="Where")
    space: dict[str, Any] = {}
    exec(elements(test, "strip")[0]["texts"]["Copy as Python"], space)
    shown = elements(test, "heat")[0]["panels"][0]["values"]
    assert np.allclose(space["values"].numpy()[1:], shown, rtol=1e-4, atol=1e-6)
    printed = capsys.readouterr().out
    for firing in atlas.unit(UNIT).top:
        assert f"{firing.value} {firing.id} {firing.label}" in printed


def test_another_model_shows_statistics_and_no_map(
    app: Any, atlas: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, markup: Any,
    elements: Any,
) -> None:  # fmt: skip
    from clipprobe.testing import checkpoints as tiny

    other = tiny.tiny_clip(tmp_path / "other", seed=1)
    monkeypatch.setenv("CLIPPROBE_MODEL", str(other))
    test = app(VIEW, unit=UNIT, part="Where")
    first = elements(test, "gallery")[0]
    assert len(first["tiles"]) == len(first["sources"]) == 3
    # Images and frames are those of the atlas; heat would need its model.
    placed = [one.place is not None for one in atlas.unit(UNIT).top]
    assert [tile["box"] is not None for tile in first["tiles"]] == placed and not test.toggle
    assert any("maps cannot be computed" in markup(item.value) for item in test.caption)
    assert "maps cannot be computed" in markup(test.error[0].value)
    space: dict[str, Any] = {}
    exec(elements(test, "strip")[0]["texts"]["Copy as Python"], space)
    assert space["unit"].n_images == 8 and "clip" not in space


@pytest.mark.parametrize("thumbnails", [True, False])
def test_images_that_are_gone_show_from_the_atlas_or_are_said_once(
    app: Any, clip: Any, scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    markup: Any, elements: Any, thumbnails: bool,
) -> None:  # fmt: skip
    images = tmp_path / "moved"
    images.mkdir()
    for path in sorted(scenery.images.glob("*.png"))[:3]:
        (images / path.name).write_bytes(path.read_bytes())
    atlas = clipprobe.scan(clip, images, out=tmp_path / "runs" / "atlas", top_k=2, workers=0,
                           thumbnails=thumbnails)  # fmt: skip
    views = {one.image: clip.preprocess.to_grid(atlas.picture(one.image))
             for one in atlas.unit(UNIT).top}  # fmt: skip
    for path in images.glob("*.png"):
        path.unlink()
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path / "runs"))
    test = app(VIEW, unit=UNIT)
    first = elements(test, "gallery")[0]
    assert len(first["tiles"]) == 2
    if thumbnails:
        assert not first["missing"]
        for number, view in views.items():
            shown = decoded_image(first["sources"][str(number)])
            assert np.array_equal(np.asarray(shown), np.asarray(view.convert("RGB")))
    else:
        gone = "2 of 2 images are no longer where the scan found them"
        assert first["missing"].startswith(gone) and first["sources"] == {}
    test.toggle(key="heat").set_value(True).run()
    assert not test.exception and not test.error
    test.segmented_control(key="part").set_value("Where").run()
    assert "cannot be shown" in markup(test.error[0].value)


def test_a_unit_of_the_text_tower_shows_texts_and_tokens(
    app: Any, clip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, charts: Any,
    elements: Any,
) -> None:  # fmt: skip
    texts = ["a cat", "a dog", "<script>alert(1)</script>", "an ape"]
    unit = "text.blocks.1.mlp.post:5"
    atlas = clipprobe.scan_texts(clip, texts, pool="max", top_k=3, out=tmp_path / "runs" / "texts")
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path / "runs"))
    test = app(VIEW, unit=unit)
    assert not test.warning and not test.error and not elements(test, "gallery")
    assert len(charts(test)) == 1 and "Texts by activation" in charts(test)[0]["alt"]
    assert charts(test)[0]["layout"]["yaxis"]["title"]["text"] == "texts"
    top = atlas.unit(unit).top
    shown = test.dataframe[0].value
    assert shown["text"].tolist() == [one.id for one in top]
    assert shown["token that fired"].str.contains("token").all()
    space: dict[str, Any] = {}
    exec(elements(test, "strip")[0]["texts"]["Copy as Python"], space)
    assert space["unit"].n_images == 4 and "clip" not in space
    bins = [one for one in atlas.unit(unit).bins if one.firings]
    assert test.dataframe[-1].value["texts"].tolist() == [one.n_images for one in bins[::-1]]
    test.segmented_control(key="part").set_value("Where").run()
    test.text_input(key="words").set_value("a cat").run()
    (words,) = elements(test, "words")
    ids = clip.tokenize(["a cat"])[0]
    found = clipprobe.neurons.text_map(clip, "a cat", unit)
    assert words["words"] == [clip.tokens.piece(one) for one in ids] == list(found.tokens)
    assert np.allclose(words["values"], found.values, rtol=1e-4)


def test_a_part_shows_what_a_run_found_or_how_to_ask(
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
    test = app(VIEW, unit=UNIT, part="Captions")
    assert not any("of-another-model" in one.value for one in test.caption)
    shown = test.dataframe[0].value
    assert shown["highest captions"].tolist() == [one.caption for one in found.top]
    assert shown["score less mean"].tolist() == [format_number(one.score) for one in found.top]
    assert any(found.claim in markup(one.value) for one in test.caption)
    assert not test.code
    test.segmented_control(key="part").set_value("Words").run()
    assert test.code[0].value.startswith(f"clipprobe neurons words --sites {site} ")
    assert "It costs one forward pass" in test.info[0].value
    assert not test.dataframe
    test.session_state["unit"] = f"{site}:6"
    test.segmented_control(key="part").set_value("Captions").run()
    assert "1 runs of it on these weights leave this unit out" in test.info[0].value


def test_provenance_has_the_command_of_the_scan(app: Any, atlas: Any) -> None:
    test = app(VIEW, unit=UNIT, part="Provenance")
    assert test.code[0].value.startswith("clipprobe neurons scan --images ")
    assert json.loads(test.json[0].value)["model"]["id"] == atlas.config["model"]["id"]


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


def test_the_effect_of_a_change_stands_among_those_of_controls(
    app: Any, atlas: Any, clip: Any, charts: Any
) -> None:
    from clipprobe.neurons.effects import total_effects

    test = app(VIEW, unit=UNIT, part="Effects")
    image = clip.preprocess.to_grid(atlas.picture(atlas.unit(UNIT).top[0].image))
    for how, method in (("take it out", "zero"), ("drive it", "steer:2")):
        test.segmented_control(key="effect_how").set_value(how).run()
        test.text_input(key="effect_text").set_value("a dog").run()
        (one,) = total_effects(clip, [image], ["a dog"], [UNIT], methods=[method], n_boot=1)
        shown = {item.label: item.value for item in test.metric}["Change of the logit"]
        assert shown == f"{one.effect.value:+.4f}".replace("-", "−")
        bars = decoded(charts(test)[1]["data"][0]["y"])
        assert np.allclose(bars, sorted([one.effect.value, *one.control_effects]), atol=1e-6)
        assert len(bars) == 21
    for text, words in (("a woman", "person"), ("", "empty")):
        test.text_input(key="effect_text").set_value(text).run()
        assert not test.exception and words in test.error[0].value


def test_similar_units_lead_to_their_pages(app: Any, atlas: Any, elements: Any) -> None:
    from clipprobe.neurons.atlas.statistics.plane import nearest_units

    test = app(VIEW, run="demo/atlas", unit=UNIT, part="Similar")
    found = nearest_units(atlas, UNIT)
    wall = elements(test, "gallery")[1]
    links = [parse_qs(urlsplit(tile["href"]).query)["unit"][0] for tile in wall["tiles"]]
    assert links == [unit for unit, _ in found.units] != []
    assert wall["tiles"][0]["note"].startswith(f"cosine {found.units[0][1]:.2f}")
    assert any(
        f"stays below {found.floor:.2f}" in one.value.replace("\\", "") for one in test.caption
    )
    assert test.code[0].value.startswith(f"clipprobe neurons similar {UNIT} ")


def decoded(values: Any) -> np.ndarray:
    """A Plotly array, which may be packed as base64."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), np.dtype(values["dtype"]))
    return np.array(values)


def decoded_image(address: str) -> Image.Image:
    """An image that is text."""
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
