"""Interventions at every site: what each one does, and where it is visible."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hooks.checks import (
    FAMILIES,
    TEXTS,
    assert_close,
    assert_differs,
    assert_same,
    pictures,
    plain,
    run_both,
    seen,
    vision_seen,
)

import clipprobe
from clipprobe.hooks import Scale, capture, hook_points, intervene


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tower", ["vision", "text"])
def test_zeroing_a_neuron_equals_zeroing_its_column(
    checkpoint: Any, family: str, tower: str
) -> None:
    clip = clipprobe.load(checkpoint(family))
    bare = run_both(clip)[tower == "text"]
    with intervene(clip, {f"{tower}.blocks.1.mlp.post:17": "zero"}):
        if tower == "vision":
            changed = clip.encode_images(pictures(), batch_size=2)
        else:
            changed = clip.encode_texts(TEXTS, batch_size=2)
    blocks = (clip.anatomy.vision if tower == "vision" else clip.anatomy.text).blocks
    with torch.no_grad():
        blocks[1].mlp_out.weight[:, 17] = 0
    edited = run_both(clip)[tower == "text"]
    assert_close(changed, edited, 1e-5)
    assert_differs(changed, bare)


@pytest.mark.parametrize("site", ["attn.z", "attn.head_out"])
@pytest.mark.parametrize("family", ["clip", "siglip", "chinese_clip"])
def test_zeroing_a_head_equals_zeroing_its_columns(checkpoint: Any, family: str, site: str) -> None:
    clip = clipprobe.load(checkpoint(family))
    changes = {f"vision.blocks.1.{site}:2": "zero", f"text.blocks.0.{site}:3": 0.0}
    _, images, texts = seen(clip, changes)
    vision, text = clip.anatomy.vision.blocks[1], clip.anatomy.text.blocks[0]
    with torch.no_grad():
        vision.out.weight.view(-1, vision.n_heads, vision.d_head)[:, 2] = 0
        text.out.weight.view(-1, text.n_heads, text.d_head)[:, 3] = 0
    for changed, edited in zip((images, texts), run_both(clip), strict=True):
        assert_close(changed, edited, 1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_site_takes_a_change_and_shows_it(load_tiny: Any, family: str) -> None:
    """The capture at the site sees the change, and what comes out depends on it."""
    clip = load_tiny(family)
    before = plain(clip)
    bare = dict(zip(("vision", "text"), run_both(clip), strict=True))

    def tilt(x: torch.Tensor) -> torch.Tensor:
        return x * torch.linspace(0.5, 1.5, x.shape[-1])

    for point in hook_points(clip):
        with intervene(clip, {point.name: tilt}), capture(clip, point.name) as acts:
            if point.tower == "vision":
                after = clip.encode_images(pictures(), batch_size=2)
            else:
                after = clip.encode_texts(TEXTS, batch_size=2)
        if point.axes[-1] != "t":  # Texts have patterns of different widths.
            expected = tilt(before[point.name]).nan_to_num()
            assert_close(acts[point.name].nan_to_num(), expected, 1e-6)
        assert_differs(after, bare[point.tower], 1e-4)


@pytest.mark.parametrize("family", ["clip", "siglip", "chinese_clip"])
def test_a_change_that_changes_nothing_leaves_the_output_as_it_was(
    load_tiny: Any, family: str
) -> None:
    clip = load_tiny(family)
    bare = run_both(clip)
    for point in hook_points(clip):
        with intervene(clip, {point.name: lambda x: x + 0}):
            if point.tower == "vision":
                assert_same(clip.encode_images(pictures(), batch_size=2), bare[0])
            else:
                assert_same(clip.encode_texts(TEXTS, batch_size=2), bare[1])


def test_the_changed_stream_keeps_adding_up(clip: Any) -> None:
    """resid_mid and resid_post stay sums of what the captures show, whatever is changed."""
    names = [
        "vision.blocks.1.resid_pre",
        "vision.blocks.1.attn.out",
        "vision.blocks.1.resid_mid",
        "vision.blocks.1.mlp.out",
        "vision.blocks.1.resid_post",
        "vision.blocks.2.resid_pre",
    ]
    before = plain(clip, *names)
    delta = torch.linspace(-1, 1, 32)
    acts, _, _ = vision_seen(clip, {names[2]: lambda x: x + delta}, names)
    assert_close(acts[names[2]], acts[names[0]] + acts[names[1]] + delta, 1e-5)
    assert_same(acts[names[1]], before[names[1]])
    assert_close(acts[names[4]], acts[names[2]] + acts[names[3]], 1e-5)
    assert_same(acts[names[5]], acts[names[4]])
    assert_differs(acts[names[3]], before[names[3]])
    acts, _, _ = vision_seen(clip, {"vision.blocks.1.attn.head_out:0": "zero"}, names)
    assert_close(acts[names[2]], acts[names[0]] + acts[names[1]], 1e-5)
    assert_differs(acts[names[1]], before[names[1]])


def test_a_changed_pattern_mixes_the_values_anew(clip: Any) -> None:
    """Attending to the class token only: z of that head is the class token's value."""
    names = ["vision.blocks.1.attn.v", "vision.blocks.1.attn.z", "vision.blocks.1.attn.pattern"]
    before = plain(clip, *names)

    def to_class_token(pattern: torch.Tensor) -> torch.Tensor:
        assert pattern.shape[1:] == (17, 17)
        changed = torch.zeros_like(pattern)
        changed[..., 0] = 1
        return changed

    acts, images, _ = vision_seen(clip, {f"{names[2]}:2": to_class_token}, names)
    expected = before[names[1]].clone()
    expected[:, :, 2] = before[names[0]][:, :1, 2]
    assert_close(acts[names[1]], expected, 1e-5)
    assert_same(acts[names[1]][:, :, 3], before[names[1]][:, :, 3])
    assert_differs(images, clip.encode_images(pictures(), batch_size=2))


def test_a_changed_query_changes_the_pattern(clip: Any) -> None:
    name = "vision.blocks.1.attn.pattern"
    acts, _, _ = vision_seen(clip, {"vision.blocks.1.attn.q:1": "zero"}, [name])
    assert_close(acts[name][:, 1], torch.full((5, 17, 17), 1 / 17), 1e-6)


def test_the_change_is_visible_in_the_hidden_states_that_transformers_returns(clip: Any) -> None:
    clip = copy.deepcopy(clip)  # transformers leaves its recorders on it
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def states() -> Any:
        with torch.no_grad():
            return clip.module.vision_model(
                pixel_values=pixels, output_hidden_states=True
            ).hidden_states

    bare = states()
    with intervene(clip, {"vision.blocks.1.resid_post": 3.0}):
        changed = states()
    assert_same(changed[1], bare[1])
    assert_same(changed[2], torch.full_like(bare[2], 3.0))
    assert_differs(changed[3], bare[3])
    with intervene(clip, {"vision.blocks.0.resid_pre": 0.0, "vision.blocks.1.resid_mid": Scale(2)}):
        with capture(clip, "vision.blocks.*.resid_*") as acts:
            changed = states()
    assert_same(changed[0], torch.zeros_like(bare[0]))
    for i in range(3):
        assert_same(changed[i + 1], acts[f"vision.blocks.{i}.resid_post"])
    assert_same(states()[2], bare[2])
