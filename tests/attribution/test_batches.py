"""Batches, options, shared passes, and who refuses what."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_open_clip

import clipprobe
from clipprobe.attribution import (
    Maps,
    Method,
    attribution_methods,
    explain,
    explain_batch,
    explain_many,
    register,
)
from clipprobe.attribution.registry import METHODS, vision_tower_kind
from clipprobe.attribution.target import mean_text
from clipprobe.errors import ConfigError, UnsupportedHookError

QUICK: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"n_steps": 6},
    "rise": {"n_masks": 30},
    "banzhaf": {"n_masks": 64},
    "interactions": {"n_masks": 64},
}
UNIT = "vision.blocks.1.mlp.post:7"


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(2)]


def supported(clip: Any) -> list[str]:
    return [
        name for name in attribution_methods() if vision_tower_kind(clip) in METHODS[name].towers
    ]


def settings(names: list[str]) -> dict[str, dict[str, Any]]:
    return {name: QUICK.get(name, {}) for name in names}


@pytest.mark.parametrize("family", ["clip", "siglip", "altclip"])
def test_a_batch_is_its_pairs_one_by_one(
    load_tiny: Any, family: str, pictures: list[np.ndarray]
) -> None:
    clip = load_tiny(family)
    images = [pictures[0], pictures[1], pictures[0]]
    texts = ["a dog", "a cat", "a red square"]
    together = explain_many(clip, images, texts, settings(supported(clip)), centre=True)
    for name, found in together.items():
        assert [one.target for one in found] == texts
        for image, text, one in zip(images, texts, found, strict=True):
            alone = explain(clip, image, text, name, centre=True, **QUICK.get(name, {}))
            size = max(1e-3, float(np.abs(alone.map).max()))
            assert np.abs(alone.map - one.map).max() < 1e-4 * size, name
            assert one.score == pytest.approx(alone.score, abs=1e-6) and one.centred
    assert isinstance(explain_batch(clip, images, texts), tuple)


def test_two_texts_of_an_image_differ_where_the_method_reads_the_text(
    clip: Any, pictures: list[np.ndarray]
) -> None:
    names = supported(clip)
    found = explain_many(clip, [pictures[0]] * 2, ["a dog", "xyz"], settings(names))
    for name in names:
        first, second = found[name]
        same = np.abs(first.map - second.map).max() < 1e-6
        assert same == (not METHODS[name].reads_target and name != "random"), name


def test_against_and_centre_are_differences_where_a_map_is_linear(
    clip: Any, pictures: list[np.ndarray]
) -> None:
    for name in ("values_x_gradient", "head_tokens", "banzhaf", "occlusion", "keep_only"):
        options = QUICK.get(name, {})
        dog, cat, red = (
            explain(clip, pictures[0], text, name, **options) for text in ("dog", "cat", "red")
        )
        beats = explain(clip, pictures[0], "dog", name, against=["cat", "red", "dog"], **options)
        assert np.abs(beats.map - (dog.map - (cat.map + red.map) / 2)).max() < 1e-5
        assert beats.score == pytest.approx(dog.score - (cat.score + red.score) / 2, abs=1e-6)
        assert beats.against == ("cat", "red", "dog") and "less the mean of other" in beats.units
        both = explain(
            clip, pictures[0], "dog", name, against=["cat", "red", "dog"], centre=True, **options
        )
        assert np.abs(both.map - beats.map).max() < 1e-6
    centred = explain(clip, pictures[0], "dog", "head_tokens", centre=True)
    expected = clip.encode_images(pictures[:1])[0] @ (
        clip.encode_texts(["dog"])[0] - mean_text(clip)
    )
    assert centred.score == pytest.approx(float(expected), abs=1e-6)


def test_one_forward_pass_serves_every_method_of_the_shared_pass(
    clip: Any, pictures: list[np.ndarray]
) -> None:
    names = [name for name in supported(clip) if METHODS[name].single_pass]
    assert len(names) >= 10
    count = []
    handle = clip.module.vision_model.register_forward_hook(lambda m, a, o: count.append(1))
    try:
        found = explain_many(clip, pictures, ["a dog", "a cat"], settings(names))
    finally:
        handle.remove()
    assert len(count) == 1
    for name in names:
        assert np.isfinite(found[name][0].map).all()


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2", "altclip"])
def test_units_are_explained_or_refused_by_name(
    load_tiny: Any, family: str, pictures: list[np.ndarray]
) -> None:
    clip = load_tiny(family)
    for name in supported(clip):
        if METHODS[name].of_units:
            found = explain(clip, pictures[0], UNIT, name, **QUICK.get(name, {}))
            assert found.kind == "unit" and found.map.std() > 0
        else:
            with pytest.raises(UnsupportedHookError, match=f"{name} .*texts only"):
                explain(clip, pictures[0], UNIT, name)
    with pytest.raises(ConfigError, match="leave them"):
        explain(clip, pictures[0], UNIT, "grad_eclip", centre=True)
    with pytest.raises(UnsupportedHookError, match="none comes before"):
        explain(clip, pictures[0], "vision.blocks.0.resid_pre:3", "chefer")


@pytest.fixture
def load_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Any]:
    monkeypatch.setitem(sys.modules, "open_clip", tiny_open_clip.library())

    def fetch(name: str) -> Any:
        def download(repository: str, filename: str) -> str:
            return str(tiny_open_clip.save_weights(tmp_path / name, name, True))

        monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
        return clipprobe.load(f"open_clip:{name}/openai")

    return fetch


@pytest.mark.parametrize(("name", "kind"), [("RN50", "ResNet"), ("ViT-T", "fused")])
def test_other_towers_get_what_they_support_and_refusals_by_name(
    load_open: Callable[[str], Any], name: str, kind: str
) -> None:
    clip = load_open(name)
    assert vision_tower_kind(clip) == kind
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for method in attribution_methods():
        if kind in METHODS[method].towers:
            found = explain(clip, picture, "a dog", method, **QUICK.get(method, {}))
            assert np.isfinite(found.map).all() and found.grid == clip.grid
        else:
            with pytest.raises(UnsupportedHookError, match=f"{method} has no map here") as error:
                explain(clip, picture, "a dog", method)
            assert "integrated_gradients" in str(error.value)
    if kind == "ResNet":
        with pytest.raises(UnsupportedHookError, match="ResNet"):
            clipprobe.interactions(clip, picture, "a dog")


def test_images_that_are_not_square_keep_their_grid(load_tiny: Any) -> None:
    naflex = load_tiny("siglip2")
    picture = np.random.default_rng(0).integers(0, 256, (60, 20, 3), dtype=np.uint8)
    square = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for name in ("grad_eclip", "keep_only", "occlusion", "attnlrp", "cci"):
        tall, even = explain_batch(naflex, [picture, square], ["a dog", "a dog"], name)
        assert tall.grid[0] > tall.grid[1] and tall.map.shape == tall.grid
        assert even.grid == (4, 4)


def test_lengths_and_nothing(clip: Any, pictures: list[np.ndarray]) -> None:
    with pytest.raises(ConfigError, match="2 images and 1 texts"):
        explain_batch(clip, pictures, ["a dog"])
    with pytest.raises(ConfigError, match="not texts and units"):
        explain_batch(clip, pictures, ["a dog", UNIT])
    with pytest.raises(ConfigError, match="Nothing is left"):
        explain(clip, pictures[0], "a dog", "grad_eclip", against=["a dog"])
    with pytest.raises(ConfigError, match="answers for single images"):
        explain_batch(clip, pictures[:1], ["a dog"], against=["a photo of a criminal"])
    assert explain_batch(clip, [], []) == ()


def test_a_method_from_outside(clip: Any, pictures: list[np.ndarray]) -> None:
    def flat(
        job: Any,
        *,
        level: float = 1.0,
        tint: str = None,  # type: ignore[assignment]  # noqa: RUF013 (others write it so)
        seed: str = "",
    ) -> Maps:
        return Maps(
            values=np.full((len(job), *job.grid), level),
            resolution="patches",
            units="{score}",
            scores=job.scores(),
        )

    register("flat", Method(run=flat, title="flat", paper="none", cost="1"))
    try:
        found = explain(clip, pictures[0], "a dog", "flat", level=2.0, tint=None, seed="7")
        assert (found.map == 2).all() and found.units == "cosine similarity"
    finally:
        METHODS._loaded.pop("flat")
    assert "flat" not in attribution_methods()


def test_a_single_text_is_not_read_letter_by_letter(
    load_tiny: Any, pictures: list[np.ndarray]
) -> None:
    clip = load_tiny("clip")
    with pytest.raises(ConfigError, match="single text 'ox' was given"):
        explain_batch(clip, pictures, "ox")  # two letters, two images
    texts = ["a dog", "a cat"]
    lists = explain_batch(clip, pictures, texts)
    once = explain_batch(clip, iter(pictures), (text for text in texts))
    assert [one.score for one in once] == [one.score for one in lists]
