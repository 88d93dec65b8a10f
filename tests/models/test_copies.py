"""Copies and pickles of a loaded model: the same vectors, other modules, hooks on their own."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import clipprobe
from clipprobe.testing import checkpoints as tiny

WAYS: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda clip: pickle.loads(pickle.dumps(clip)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", ["clip", "siglip", "altclip", "chinese_clip"])
def test_a_copy_gives_the_same_vectors_and_identity(
    load_tiny: Callable[..., Any], family: str, way: str
) -> None:
    clip = load_tiny(family)
    made = WAYS[way](clip)
    images = [picture.resize((90, 70)) for picture in tiny.pictures()[:2]]
    assert np.array_equal(made.encode_images(images), clip.encode_images(images))
    assert np.array_equal(
        made.encode_texts(["a cat", "dogs"]), clip.encode_texts(["a cat", "dogs"])
    )
    assert made.identity == clip.identity and made.provenance() == clip.provenance()
    assert made.tokens.piece(5) == clip.tokens.piece(5)


@pytest.mark.parametrize("way", WAYS)
def test_an_edited_copy_leaves_the_original_alone_and_has_hooks_of_its_own(
    clip: Any, way: str
) -> None:
    images = tiny.pictures()[:2]
    before = clip.encode_images(images)
    made = WAYS[way](clip)
    site = "vision.blocks.1.mlp.post"
    with torch.no_grad():
        made.anatomy.vision.blocks[1].mlp_out.weight.zero_()
    with clipprobe.capture(made, [site]) as acts:
        changed = made.encode_images(images)
    assert acts[site].shape[0] == 2 and np.abs(changed - before).max() > 1e-4
    assert np.array_equal(clip.encode_images(images), before)
    assert made.identity != clip.identity
    assert made.provenance()["model"]["edited_from"] == clip.weights_sha256


def test_a_model_that_stands_under_an_edit_is_copied_with_it(clip: Any) -> None:
    unit = "vision.blocks.1.mlp.post:3"
    edited = clipprobe.Edit({unit: "zero"}).of(clip)
    images = tiny.pictures()[:2]
    expected = edited.encode_images(images)
    made = copy.deepcopy(edited)
    assert np.array_equal(made.encode_images(images), expected)
    assert made.identity == edited.identity


def test_a_model_whose_hidden_states_were_asked_for_is_pickled(
    load_tiny: Callable[..., Any],
) -> None:
    """transformers leaves hooks of its own then, which cannot be pickled."""
    clip = copy.deepcopy(load_tiny("clip"))
    pixels = clip.preprocess(tiny.pictures()[:1])
    tower = clip.module.vision_model
    before = tower(pixels, output_hidden_states=True).hidden_states
    made = pickle.loads(pickle.dumps(clip))
    for one in (clip, made):
        again = one.module.vision_model(pixels, output_hidden_states=True).hidden_states
        assert len(again) == len(before)
        assert all(torch.equal(a, b) for a, b in zip(again, before, strict=True))
