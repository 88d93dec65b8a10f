"""Effects, circuits and maps of a direction are those of the neuron that it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.errors import UnsupportedHookError
from clipprobe.testing import image_folder

POST = "vision.blocks.1.mlp.post"
SITE = f"{POST}.same"
UNIT = 3


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def named(clip: Any) -> Any:
    """A model in which every neuron of a block stands once more, as directions."""
    return clipprobe.direction("same", np.eye(clip.anatomy.vision.d_mlp), at=POST).of(clip)


def test_effects_of_a_direction_are_those_of_the_neuron(named: Any, clip: Any) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(4)]
    texts = ["a dog"]
    methods = ("zero", "mean", "resample", "steer:2")
    units = (f"{SITE}:{UNIT}", f"{POST}:{UNIT}")
    found, expected = (
        clipprobe.total_effects(
            model, images, texts, [unit], methods=methods, n_controls=3, n_boot=50
        )
        for model, unit in ((named, units[0]), (clip, units[1]))
    )
    for one, other in zip(found, expected, strict=True):
        assert one.effect.value == pytest.approx(other.effect.value, abs=1e-5)
        assert one.control_effects == pytest.approx(other.control_effects, abs=1e-5)
        assert one.p == other.p
    predicted = clipprobe.attribution_patching(named, images, texts, sites=[SITE]).mean()[SITE]
    right = clipprobe.attribution_patching(clip, images, texts, sites=[POST]).mean()[POST]
    assert np.allclose(predicted, right, atol=1e-6)
    assert np.abs(right).max() > 1e-4
    for exact in (named, clip):
        assert clipprobe.unit_direction(exact, f"{POST}:{UNIT}").exact is not None
    left = clipprobe.unit_direction(named, units[0])
    assert np.allclose(left.vector, clipprobe.unit_direction(clip, units[1]).vector, atol=1e-6)
    assert left.agreement == pytest.approx(clipprobe.unit_direction(clip, units[1]).agreement)


def test_circuits_and_maps_take_a_direction(named: Any, clip: Any) -> None:
    from clipprobe.neurons.where import unit_map

    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(4)]
    pair: tuple[Any, ...] = (images[:2], images[2:], ["a dog"])
    found, expected = (
        clipprobe.patch_sweep(model, *pair, sites=[f"{site}:{UNIT}"], positions=[0, 3])
        for model, site in ((named, SITE), (clip, POST))
    )
    assert np.allclose(found.effects, expected.effects, atol=1e-5)
    assert np.abs(expected.effects).max() > 1e-4
    path, right = (
        clipprobe.path_patch(
            model, *pair, sender=f"{site}:{UNIT}", receivers="vision.blocks.2.mlp.pre"
        )
        for model, site in ((named, SITE), (clip, POST))
    )
    assert np.allclose(path.effect, right.effect, atol=1e-5)
    assert np.allclose(path.total, right.total, atol=1e-5)
    one, other = (
        unit_map(named, images[0], f"{SITE}:{UNIT}"),
        unit_map(clip, images[0], f"{POST}:{UNIT}"),
    )
    assert np.array_equal(one.map, other.map) and one.class_token == other.class_token
    seen = clipprobe.explain(named, images[0], f"{SITE}:{UNIT}", method="grad_eclip")
    assert np.allclose(
        seen.map,
        clipprobe.explain(clip, images[0], f"{POST}:{UNIT}", method="grad_eclip").map,
        atol=1e-6,
    )


def test_direct_effects_are_those_of_what_a_direction_writes(clip: Any, images: Path) -> None:
    """In the last stream there is no path but the direct one: to first order they are the same."""
    from clipprobe.data import as_dataset
    from clipprobe.neurons.effects import agreements, site_effects

    records = list(as_dataset(images, limit=4).records)
    vectors = np.random.default_rng(2).normal(size=(5, clip.anatomy.vision.d_model))
    last = len(clip.anatomy.vision.blocks) - 1
    for at, same in (
        (f"vision.blocks.{last}.resid_post", True),
        ("vision.blocks.0.resid_post", False),
        ("vision.blocks.0.mlp.out", False),
    ):
        model = clipprobe.direction("wet", vectors, at=at, bias=0.1).of(clip)
        found = site_effects(model, records, ["a cat"], f"{at}.wet", norms=False)
        exact = site_effects(model, records, ["a cat"], f"{at}.wet").attribution
        assert np.allclose(exact, found.measured.mean(axis=0), atol=1e-4) == same
        assert found.kind == "direction" and np.abs(found.first_order).max() > 1e-4
        assert np.allclose(found.first_order, found.attribution, atol=1e-6) == same
        assert np.isfinite(found.predicted).all()
    vectors = vectors[:, : clip.d_embed]
    model = clipprobe.direction("wet", vectors, at="vision.projected").of(clip)
    found = site_effects(model, records, ["a cat"], "vision.projected.wet")
    assert np.isnan(found.predicted).all() and np.isfinite(found.attribution).all()
    (one,) = agreements([found])
    assert not one.spearman.defined and "cannot be told" in one.spearman.reason
    assert one.attribution.value > 0.5


def test_what_cannot_be_taken_out_is_refused_in_one_sentence(clip: Any, images: Path) -> None:
    from clipprobe.neurons.effects import compare_effects

    text = clip.encode_texts(["a dog", "a cat", "the sea"])
    classes = clipprobe.direction("class", text, at="vision.projected", normalised=True).of(clip)
    pictures = [np.zeros((32, 32, 3), np.uint8)] * 2
    site = "vision.projected.class"
    for call in (
        lambda: compare_effects(classes, images, ["a cat"], [site]),
        lambda: clipprobe.attribution_patching(classes, pictures, ["a cat"], sites=[site]),
        lambda: clipprobe.total_effects(classes, pictures, ["a cat"], [f"{site}:0"], n_controls=0),
    ):
        with pytest.raises(UnsupportedHookError, match="unit length") as refused:
            call()
        assert "\n" not in str(refused.value)
    before = classes.encode_images(pictures)
    with clipprobe.intervene(classes, {f"{site}:0": clipprobe.Steer(5.0)}):
        assert (classes.encode_images(pictures) @ text[0] > before @ text[0] + 0.1).all()
    with pytest.raises(UnsupportedHookError, match="nor a direction"):
        compare_effects(clip, images, ["a cat"], ["vision.blocks.1.resid_post"])
