"""What must hold exactly between captured values, on every family."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hooks.checks import (
    FAMILIES,
    TEXTS,
    assert_close,
    assert_differs,
    assert_same,
    pictures,
    run_both,
)

from clipprobe.hooks import capture

PRE_NORM = [(family, "vision") for family in FAMILIES] + [
    (family, "text") for family in ("clip", "metaclip_2", "siglip", "siglip2")
]
POST_NORM = [("altclip", "text"), ("chinese_clip", "text")]


def captured(clip: Any, sites: Any = "*") -> Any:
    with capture(clip, sites) as acts:
        run_both(clip)
    return acts


def tower_of(clip: Any, tower: str) -> Any:
    return clip.anatomy.vision if tower == "vision" else clip.anatomy.text


@pytest.mark.parametrize("family", FAMILIES)
def test_captures_on_every_site_leave_the_output_as_it_was(load_tiny: Any, family: str) -> None:
    clip = load_tiny(family)
    images, texts = run_both(clip)
    with capture(clip, "*"), capture(clip, "*.mlp.post", pool="max"):
        seen_images, seen_texts = run_both(clip)
    assert_same(seen_images, images)
    assert_same(seen_texts, texts)


@pytest.mark.parametrize(("family", "tower"), PRE_NORM)
def test_the_residual_stream_adds_up(load_tiny: Any, family: str, tower: str) -> None:
    clip = load_tiny(family)
    acts = captured(clip, f"{tower}.*")
    for i in range(3):
        block = {site: acts[f"{tower}.blocks.{i}.{site}"].nan_to_num() for site in SITES}
        assert_close(block["resid_mid"], block["resid_pre"] + block["attn.out"], 1e-6)
        assert_close(block["resid_post"], block["resid_mid"] + block["mlp.out"], 1e-6)
        if i:
            previous = acts[f"{tower}.blocks.{i - 1}.resid_post"]
            assert_same(acts[f"{tower}.blocks.{i}.resid_pre"], previous)


SITES = ("resid_pre", "attn.out", "resid_mid", "mlp.out", "resid_post")


@pytest.mark.parametrize(("family", "tower"), POST_NORM)
def test_post_norm_blocks_normalise_each_sum(load_tiny: Any, family: str, tower: str) -> None:
    clip = load_tiny(family)
    acts = captured(clip, f"{tower}.*")
    for i in range(3):
        block = {site: acts[f"{tower}.blocks.{i}.{site}"] for site in SITES}
        module = tower_of(clip, tower).blocks[i].module
        mid = module.attention.output.LayerNorm(block["resid_pre"] + block["attn.out"])
        assert_close(block["resid_mid"].nan_to_num(), mid.nan_to_num(), 1e-6)
        post = module.output.LayerNorm(block["resid_mid"] + block["mlp.out"])
        assert_close(block["resid_post"].nan_to_num(), post.nan_to_num(), 1e-6)


@pytest.mark.parametrize(("family", "tower"), PRE_NORM + POST_NORM)
def test_heads_and_output_bias_add_up_to_the_attention(
    load_tiny: Any, family: str, tower: str
) -> None:
    clip = load_tiny(family)
    acts = captured(clip, [f"{tower}.blocks.*.attn.head_out", f"{tower}.blocks.*.attn.out"])
    for i, block in enumerate(tower_of(clip, tower).blocks):
        heads = acts[f"{tower}.blocks.{i}.attn.head_out"]
        out = acts[f"{tower}.blocks.{i}.attn.out"]
        assert_differs(heads[:, :, 0].nan_to_num(), heads[:, :, 1].nan_to_num())
        total = heads.sum(dim=2) + block.out.bias
        assert_close(total.nan_to_num(), out.nan_to_num(), 1e-5)


@pytest.mark.parametrize(("family", "tower"), PRE_NORM + POST_NORM)
def test_pattern_weighs_values_into_z(load_tiny: Any, family: str, tower: str) -> None:
    clip = load_tiny(family)
    acts = captured(clip, f"{tower}.blocks.*.attn.*")
    for i, block in enumerate(tower_of(clip, tower).blocks):
        pattern = acts[f"{tower}.blocks.{i}.attn.pattern"].nan_to_num()
        v = acts[f"{tower}.blocks.{i}.attn.v"].nan_to_num()
        mixed = torch.einsum("bhqt,bthk->bqhk", pattern, v)
        assert_close(mixed, acts[f"{tower}.blocks.{i}.attn.z"].nan_to_num(), 1e-5)
        above = torch.triu(torch.ones_like(pattern), diagonal=1).bool()
        assert bool((pattern[above] == 0).all()) == block.causal


@pytest.mark.parametrize("family", FAMILIES)
def test_fused_and_eager_attention_show_the_same_pattern(load_tiny: Any, family: str) -> None:
    fused = captured(load_tiny(family), "*.attn.pattern")
    eager = captured(load_tiny(family, attn_implementation="eager"), "*.attn.pattern")
    for name in fused:
        assert_close(fused[name].nan_to_num(), eager[name].nan_to_num(), 1e-5)


@pytest.mark.parametrize("family", ["clip", "chinese_clip", "siglip"])
def test_the_pattern_is_the_one_that_eager_attention_returns(load_tiny: Any, family: str) -> None:
    clip = copy.deepcopy(load_tiny(family, attn_implementation="eager"))
    pixels = clip.preprocess(clip_images(2))
    with capture(clip, "vision.blocks.*.attn.pattern") as acts, torch.no_grad():
        own = clip.module.vision_model(pixel_values=pixels, output_attentions=True).attentions
    assert len(own) == 3
    for i, expected in enumerate(own):
        assert_close(acts[f"vision.blocks.{i}.attn.pattern"], expected, 1e-6)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("family", ["clip", "chinese_clip", "altclip"])
def test_padding_stays_out_of_the_pattern(load_tiny: Any, family: str, attention: str) -> None:
    clip = load_tiny(family, attn_implementation=attention)
    short, long = clip.tokenize(["ab", "abcdef"])
    pad = clip.module.config.text_config.pad_token_id
    mask = torch.tensor([[1] * len(short) + [0] * (len(long) - len(short)), [1] * len(long)])
    ids = torch.tensor([short + [pad] * (len(long) - len(short)), long])
    with capture(clip, "text.blocks.*.attn.*") as acts, torch.no_grad():
        clip.module.text_model(input_ids=ids, attention_mask=mask)
    n = len(short)
    for i in range(3):
        pattern = acts[f"text.blocks.{i}.attn.pattern"]
        assert float(pattern[0, :, :n, n:].abs().max()) <= 1e-7
        assert_close(pattern.sum(-1), torch.ones(pattern.shape[:3]), 1e-5)
        z = torch.einsum("bhqt,bthk->bqhk", pattern, acts[f"text.blocks.{i}.attn.v"])
        assert_close(z[0, :n], acts[f"text.blocks.{i}.attn.z"][0, :n], 1e-5)


def test_pooled_and_projected_lead_to_the_embedding(clip: Any) -> None:
    with capture(clip, ["*.pooled", "*.projected", "*.blocks.-1.resid_post"]) as acts:
        images, texts = run_both(clip)
    for tower, embeddings in (("vision", images), ("text", texts)):
        projected = acts[f"{tower}.projected"]
        assert_close(projected / projected.norm(dim=-1, keepdim=True), embeddings, 1e-6)
        linear = tower_of(clip, tower).projection
        assert_close(linear(acts[f"{tower}.pooled"]), projected, 1e-6)


def clip_images(n: int) -> list[Any]:
    from PIL import Image

    return [Image.fromarray(np.asarray(picture)) for picture in pictures(n)]


def test_texts_of_the_tests_differ_in_length(clip: Any) -> None:
    assert len({len(ids) for ids in clip.tokenize(TEXTS)}) >= 3
