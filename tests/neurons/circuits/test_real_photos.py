"""Every circuit tool, and a direction through it, on real photos with a model of each family.

The photos come with scikit-learn: a temple and a flower (CC BY, see its ``datasets/images``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hooks.checks import FAMILIES
from PIL import Image
from sklearn.datasets import load_sample_image

import clipprobe
from clipprobe.errors import UnsupportedHookError
from clipprobe.hooks import resolve


@pytest.mark.parametrize("family", FAMILIES)
def test_a_photo_goes_through_every_tool(family: str, load_tiny: Any) -> None:
    clip = load_tiny(family)
    # One shape, also for models that keep each photo's own.
    clean, other = ([squared(name, clip)] for name in ("china.jpg", "flower.jpg"))
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


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_go_through_every_tool_with_a_photo_as_target(family: str, load_tiny: Any) -> None:
    clip = load_tiny(family)
    photo = [squared("china.jpg", clip)]
    texts = ["a cat", "a dog", "a hat", "a bag", "a bee", "a car"]
    n_tokens = [len(tokens) for tokens in clip.tokenize(texts)]
    usual = max(set(n_tokens), key=n_tokens.count)
    same = [text for text, n in zip(texts, n_tokens, strict=True) if n == usual]
    clean, other = same[:1], same[1:2]
    stream = resolve(clip, "text.blocks.-1.resid_post")[0].name
    sweep = clipprobe.patch_sweep(clip, clean, other, photo, sites=[stream], positions="all")
    assert sweep.share == pytest.approx(np.ones((1, 1, 1, 1)), abs=1e-3)
    lens = clipprobe.logit_lens(clip, texts, photo, tower="text")
    assert lens.cosines[-1] == pytest.approx(clip.similarity(photo, texts).T, abs=1e-5)
    sites = ["text.blocks.*.attn.z", "text.blocks.*.mlp.post"]
    predicted = clipprobe.attribution_patching(clip, photo, texts, sites=sites)
    assert all(np.isfinite(values).all() for values in predicted.mean().values())
    sent = {"sender": "text.blocks.0.mlp.out", "receivers": "text.blocks.2.mlp.pre"}
    if all(block.pre_norm for block in clip.anatomy.text.blocks):
        path = clipprobe.path_patch(clip, clean, other, photo, **sent)
        assert path.noise < 1e-4 and np.isfinite(path.effect).all()
    else:
        with pytest.raises(UnsupportedHookError, match="no residual stream"):
            clipprobe.path_patch(clip, clean, other, photo, **sent)


def squared(name: str, clip: Any) -> Any:
    """A photo at the size of the model."""
    photo = Image.fromarray(load_sample_image(name))
    return photo.resize((clip.image_size, clip.image_size))
