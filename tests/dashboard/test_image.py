"""The page Image shows the library's places and maps, and links to the units' pages."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

import clipprobe
from clipprobe.neurons import responding, unit_map
from clipprobe.stimuli import Picture, Scene, render

VIEW = "views/image.py"


def panels(test: Any) -> list[dict[str, Any]]:
    protos = [item.proto for item in test.get("bidi_component")]
    (one,) = (json.loads(p.json) for p in protos if p.component_name == "clipprobe.heat")
    found: list[dict[str, Any]] = one["panels"]
    return found


def apple(clip: Any) -> Any:
    scene = Scene(items=(Picture(concept="apple"),), size_px=clip.image_size)
    return clip.preprocess.to_grid(render(scene).image)


def test_places_and_maps_are_those_of_the_library(
    app: Any, clip: Any, scenery: Any, markup: Any
) -> None:
    test = app(VIEW)
    assert not test.error
    atlas = clipprobe.Atlas.load(scenery.runs / "demo" / "atlas")
    found = responding(clip, atlas, apple(clip), k=12)
    shown = panels(test)
    assert [f"vision.blocks.{one['title']}" for one in shown] == [u.address for u in found.units]
    for one, unit in zip(shown, found.units, strict=True):
        values = np.reshape(one["values"], (one["h"], one["w"]))
        where = unit_map(clip, apple(clip), unit.address)
        assert np.allclose(values, where.map, rtol=1e-3)
        at_class_token = where.class_token > where.map.max()  # the value that is nowhere on the map
        assert one["note"].endswith(" at the class token") == at_class_token
    assert {one["note"].endswith(" at the class token") for one in shown} == {True, False}
    said = markup(test.markdown[0].value)
    assert f"{found.n_above:,} of {found.n_units:,} units" in said
    links = test.get("page_link")
    assert len(links) == 12
    test = app(VIEW, units_of="vision.blocks.1.mlp.post")
    assert all(one["title"].startswith("1.mlp") for one in panels(test))


def test_the_code_gives_the_same_units(app: Any, capsys: Any, copied: Any) -> None:
    test = app(VIEW)
    exec(compile(copied(test), "snippet", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    titles = [f"vision.blocks.{one['title']}" for one in panels(test)]
    assert [line.split()[0] for line in lines][:12] == titles


def test_an_upload_and_one_that_cannot_be_read(app: Any, markup: Any) -> None:
    test = app(VIEW)
    test.segmented_control(key="source").set_value("Upload").run()
    assert "No image was uploaded yet" in test.error[0].value
    data = io.BytesIO()
    Image.effect_noise((50, 40), 90).save(data, "PNG")
    test.file_uploader(key="upload").upload("mine.png", data.getvalue(), "image/png").run()
    assert not test.error and len(panels(test)) == 12
    test.file_uploader(key="upload").upload("bad.png", b"hello", "image/png").run()
    assert not test.exception and "cannot be read" in test.error[0].value


def test_without_an_atlas_the_page_says_how_to_make_one(
    app: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = app()
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    test.switch_page(VIEW).run()
    assert not test.exception and "neurons scan" in test.info[0].value


def test_the_atlas_of_another_model_is_one_sentence(
    app: Any, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = app()
    monkeypatch.setenv("CLIPPROBE_MODEL", str(checkpoint("metaclip_2")))
    test.switch_page(VIEW).run()
    assert not test.exception and len(test.error) == 1
    assert "choose the model of the atlas" in test.error[0].value
