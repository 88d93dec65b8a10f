"""What lies below the fold of a unit's page: where it fires, what runs say, effects, neighbours."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

import clipprobe
from clipprobe.report.numbers import format_number
from clipprobe.runs import load_run

VIEW = "views/unit.py"
UNIT = "vision.blocks.1.mlp.post:5"
SHOW = (("show", "whole range"),)


@pytest.fixture(scope="module")
def atlas(scenery: Any) -> Any:
    """The atlas that the page shows."""
    return clipprobe.Atlas.load(scenery.runs / "demo" / "atlas")


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
        if word == "猫":
            assert any("cannot be written" in one.value for one in test.error)


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


def test_runs_are_not_looked_for_again_at_every_click(
    app: Any, scenery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clipprobe.neurons.sheet import evidence

    searches: list[Path] = []
    real = evidence.list_runs

    def counted(folder: Path, **more: Any) -> Any:
        searches.append(folder)
        return real(folder, **more)

    monkeypatch.setattr(evidence, "list_runs", counted)
    for view in (VIEW, "views/units.py"):
        assert not app(view, unit=UNIT).error
    assert searches == []
    monkeypatch.setenv("CLIPPROBE_RUNS", str(scenery.runs / "demo" / "atlas"))  # beside it is more
    app(VIEW, unit=UNIT)
    assert searches == [(scenery.runs / "demo").resolve()]


def test_provenance_has_the_command_of_the_scan(app: Any, atlas: Any) -> None:
    test = app(VIEW, unit=UNIT, part="Provenance")
    assert test.code[0].value.startswith("clipprobe neurons scan --images ")
    assert json.loads(test.json[0].value)["model"]["id"] == atlas.config["model"]["id"]


def test_the_effect_of_a_change_stands_among_those_of_controls(
    app: Any, atlas: Any, clip: Any, charts: Any, decoded: Any
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
