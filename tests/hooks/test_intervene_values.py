"""What is put in place: numbers, scales, functions, means and another run's values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hooks.checks import (
    POST,
    TEXT_POST,
    TEXTS,
    assert_close,
    assert_differs,
    assert_same,
    pictures,
    plain,
    vision_seen,
)

from clipprobe.errors import (
    UnsupportedHookError,
)
from clipprobe.hooks import At, Mean, Patch, Scale, capture, intervene


def test_numbers_scales_and_functions_on_units_and_tokens(clip: Any) -> None:
    before = plain(clip, POST)[POST]
    changes = {
        f"{POST}:3": 2.5,
        f"{POST}:4": Scale(-1),
        f"{POST}:5": lambda x: x.clamp(max=0.1),
        At(f"{POST}:6", tokens=[0, -1]): "zero",
        At(f"{POST}:7", tokens="cls"): np.float32(9),
        At("vision.blocks.-2.mlp.post:8", tokens=4): lambda x: x + 1,
    }
    after = vision_seen(clip, changes, [POST])[0][POST]
    expected = before.clone()
    expected[..., 3] = 2.5
    expected[..., 4] *= -1
    expected[..., 5].clamp_(max=0.1)
    expected[:, [0, 16], 6] = 0
    expected[:, 0, 7] = 9
    expected[:, 4, 8] += 1
    assert_close(after, expected, 1e-6)
    assert_differs(after, before)


def test_tokens_of_heads_patterns_and_maps(clip: Any) -> None:
    z, pattern, embed = "vision.blocks.1.attn.z", "vision.blocks.1.attn.pattern", "vision.embed"
    before = plain(clip, z, pattern, embed)
    after = vision_seen(clip, {At(f"{z}:2", tokens=[1, 5]): 0.0}, [z])[0][z]
    expected = before[z].clone()
    expected[:, [1, 5], 2] = 0
    assert_same(after, expected)
    after = vision_seen(clip, {At(f"{pattern}:1", tokens=[3]): 0.0}, [pattern])[0][pattern]
    expected = before[pattern].clone()
    expected[:, 1, 3] = 0
    assert_close(after, expected, 1e-6)
    after = vision_seen(clip, {At(f"{embed}:9", tokens=[6]): 0.0}, [embed])[0][embed]
    expected = before[embed].clone()
    expected[:, 9, 1, 2] = 0  # Place 6 of a grid with 4 columns.
    assert_same(after, expected)


def test_the_end_token_of_texts_of_different_lengths(clip: Any) -> None:
    before = plain(clip, TEXT_POST)[TEXT_POST]
    with intervene(clip, {At(f"{TEXT_POST}:3", tokens="eos"): 7.0}):
        with capture(clip, TEXT_POST) as acts:
            clip.encode_texts(TEXTS)
    expected = before.clone()
    for row, ids in enumerate(clip.tokenize(TEXTS)):
        expected[row, len(ids) - 1, 3] = 7.0
    assert_close(acts[TEXT_POST].nan_to_num(), expected.nan_to_num(), 1e-5)


def test_mean_ablation_per_token_pooled_and_per_unit(clip: Any) -> None:
    before = plain(clip, POST)[POST]
    whole = vision_seen(clip, {POST: Mean(before)}, [POST])[0][POST]
    assert_close(whole, before.mean(0, keepdim=True).expand_as(before), 1e-6)
    pooled = vision_seen(clip, {POST: Mean(before.mean(1).numpy())}, [POST])[0][POST]
    assert_close(pooled, before.mean((0, 1)).expand_as(before), 1e-6)
    unit = vision_seen(clip, {At(f"{POST}:11", tokens=[2]): Mean(before)}, [POST])[0][POST]
    expected = before.clone()
    expected[:, 2, 11] = before[:, 2, 11].mean()
    assert_close(unit, expected, 1e-6)
    z = "vision.blocks.0.attn.z"
    heads = plain(clip, z)[z]
    after = vision_seen(clip, {f"{z}:1": Mean(heads)}, [z])[0][z]
    assert_close(after[3, :, 1], heads[:, :, 1].mean(0), 1e-6)
    assert_same(after[:, :, 2], heads[:, :, 2])


def test_mean_over_texts_leaves_their_padding_out(clip: Any) -> None:
    before = plain(clip, TEXT_POST)[TEXT_POST]
    with intervene(clip, {TEXT_POST: Mean(before)}), capture(clip, TEXT_POST) as acts:
        clip.encode_texts(TEXTS)
    expected = before.nanmean(0).expand_as(before)
    there = ~before.isnan()
    assert_close(acts[TEXT_POST][there], expected[there], 1e-6)


@pytest.mark.parametrize(
    "site", ["resid_pre", "attn.q", "attn.z", "attn.out", "resid_mid", "mlp.post", "resid_post"]
)
def test_patching_everything_gives_the_other_run(clip: Any, site: str) -> None:
    """All of a site's values from run B put into run A: what is downstream is run B's."""
    name = f"vision.blocks.1.{site}"
    other = [255 - picture for picture in pictures()]
    with capture(clip, [name, "vision.blocks.0.resid_post"]) as acts:
        wanted = clip.encode_images(other, batch_size=2)
    changes = {"vision.blocks.0.resid_post": Patch(acts["vision.blocks.0.resid_post"])}
    if site in ("resid_pre", "resid_mid", "resid_post"):
        changes = {name: Patch(acts[name])}
    else:
        changes[name] = Patch(acts[name])
    _, patched, _ = vision_seen(clip, changes, [name])
    assert_close(patched, wanted, 1e-5)
    assert_differs(patched, clip.encode_images(pictures(), batch_size=2))


def test_patch_rows_follow_the_inputs_through_batches_and_length_groups(clip: Any) -> None:
    before = plain(clip, POST)[POST]
    order = [4, 0, 3, 1, 2]
    after = vision_seen(clip, {POST: Patch(before, rows=order)}, [POST])[0][POST]
    assert_same(after, before[order])
    after = vision_seen(clip, {POST: Patch(before[:1])}, [POST])[0][POST]
    assert_same(after, before[:1].expand_as(before))
    after = vision_seen(clip, {POST: Patch(before, rows=2)}, [POST])[0][POST]
    assert_same(after, before[2:3].expand_as(before))
    tokens = plain(clip, TEXT_POST)[TEXT_POST]
    with intervene(clip, {TEXT_POST: Patch(-tokens)}), capture(clip, TEXT_POST) as acts:
        clip.encode_texts(TEXTS)
    assert_same(acts[TEXT_POST], -tokens)


def test_a_patch_of_pooled_values_at_one_token(clip: Any) -> None:
    with capture(clip, POST, pool="cls") as pooled:
        clip.encode_images(pictures(), batch_size=2)
    before = plain(clip, POST)[POST]
    changes = {At(POST, tokens="cls"): Patch(pooled[POST], rows=[1, 1, 1, 1, 1])}
    after = vision_seen(clip, changes, [POST])[0][POST]
    expected = before.clone()
    expected[:, 0] = before[1, 0]
    assert_same(after, expected)


def test_a_patch_from_a_shorter_text_is_refused(clip: Any) -> None:
    with capture(clip, TEXT_POST) as acts:
        clip.encode_texts(["ab", "abcd"])
    with pytest.raises(UnsupportedHookError, match="come from a shorter text"):
        with intervene(clip, {TEXT_POST: Patch(acts[TEXT_POST], rows=0)}):
            clip.encode_texts(["abcd"])
    with intervene(clip, {TEXT_POST: Patch(acts[TEXT_POST], rows=1)}):
        clip.encode_texts(["ab"])
    with pytest.raises(UnsupportedHookError, match="inputs of the same size"):
        with intervene(clip, {TEXT_POST: Patch(acts[TEXT_POST], rows=1)}):
            clip.encode_texts(["abcdefgh"])
