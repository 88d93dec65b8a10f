"""The images of a unit's page: the strongest, heat over them, the whole range, and those gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipprobe

VIEW = "views/unit.py"
UNIT = "vision.blocks.1.mlp.post:5"


@pytest.fixture(scope="module")
def atlas(scenery: Any) -> Any:
    """The atlas that the page shows."""
    return clipprobe.Atlas.load(scenery.runs / "demo" / "atlas")


def test_strongest_images_stand_in_order_with_value_and_frame(
    app: Any, atlas: Any, clip: Any, elements: Any, decoded_image: Any
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


@pytest.mark.parametrize("thumbnails", [True, False])
def test_images_that_are_gone_show_from_the_atlas_or_are_said_once(
    app: Any, clip: Any, scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    markup: Any, elements: Any, thumbnails: bool, decoded_image: Any) -> None:  # fmt: skip
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
