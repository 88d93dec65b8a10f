"""Every circuit tool, and a direction through it, on real photos with a model of each family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hooks.checks import FAMILIES

import clipprobe
from clipprobe.hooks import resolve

PHOTOS = Path(__file__).parents[3] / "../shared/data/distill/in-the-wild-2"

pytestmark = pytest.mark.skipif(
    not PHOTOS.is_dir(), reason="the photos of the Distill article are not here"
)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_photo_goes_through_every_tool(family: str, load_tiny: Any) -> None:
    clip = load_tiny(family)
    photos = sorted(PHOTOS.glob("*.jpg"))
    # One shape, also for models that keep each photo's own.
    clean, other = ([squared(photo, clip)] for photo in (photos[0], photos[-1]))
    stream = resolve(clip, "vision.blocks.-1.resid_post")[0].name
    sweep = clipprobe.patch_sweep(clip, clean, other, ["a dog"], sites=[stream], positions="all")
    assert sweep.share == pytest.approx(np.ones((1, 1, 1, 1)), abs=1e-3)
    path = clipprobe.path_patch(
        clip, clean, other, ["a dog"], sender="vision.blocks.0.mlp.out",
        receivers="vision.blocks.2.mlp.pre",
    )  # fmt: skip
    assert path.noise < 1e-4 and np.isfinite(path.effect).all()
    lens = clipprobe.logit_lens(clip, clean, ["a dog", "a cat"])
    assert lens.cosines[-1] == pytest.approx(clip.similarity(clean, ["a dog", "a cat"]), abs=1e-5)
    predicted = clipprobe.attribution_patching(clip, clean, ["a dog"])
    assert all(np.isfinite(values).all() for values in predicted.mean().values())

    text = clip.encode_texts(["a dog"])
    wanted = clipprobe.direction(
        "dog", clip.scale * text, at="vision.projected", bias=clip.bias, normalised=True
    )
    with clipprobe.capture(wanted.of(clip), ["vision.projected.dog"]) as acts:
        embedded = wanted.of(clip).encode_images(clean)
    assert acts["vision.projected.dog"].numpy() == pytest.approx(
        clip.logits(embedded, text), abs=1e-4
    )
    vector = np.random.default_rng(0).normal(size=clip.anatomy.vision.d_model)
    named = clipprobe.direction("wet", vector, at=stream).of(clip)
    whole = clipprobe.patch_sweep(
        named, clean, other, ["a dog"], sites=[f"{stream}.wet:0"], positions="all"
    )
    assert whole.noise < 1e-4 and np.isfinite(whole.effects).all()


def squared(photo: Path, clip: Any) -> Any:
    from PIL import Image

    with Image.open(photo) as opened:
        return opened.convert("RGB").resize((clip.image_size, clip.image_size))
