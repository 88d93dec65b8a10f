"""The sum rule, term by term, on every family; and what a term is, against edited weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import clipprobe
from clipprobe.errors import ConfigError, DataError, UnknownHookPointError, UnsupportedHookError
from clipprobe.hooks import capture
from clipprobe.neurons.effects import decompose
from clipprobe.testing import checkpoints as tiny

TEXTS = ["a photo of the dog", "cat", "red square on table"]
EXACT = [(family, "vision") for family in tiny.BUILDERS] + [
    (family, "text") for family in ("clip", "metaclip_2", "siglip", "siglip2")
]


@pytest.mark.parametrize(("family", "tower"), EXACT)
def test_terms_sum_to_the_logit(load_tiny: Callable[..., Any], family: str, tower: str) -> None:
    clip = load_tiny(family)
    images = tiny.pictures()[:4]
    found = decompose(clip, images, TEXTS, tower=tower, batch_size=3)
    logits = clip.logits(images, TEXTS)
    expected = logits if tower == "vision" else logits.T
    assert np.abs(found.values.sum(axis=-1) - expected).max() <= 1e-5
    assert found.gap <= 1e-5
    # No part is a remainder: each block's parts are there and do something.
    for index in range(tiny.N_BLOCKS):
        prefix = f"{tower}.blocks.{index}"
        heads = [found.term(f"{prefix}.attn.head_out:{head}") for head in range(tiny.N_HEADS)]
        assert min(np.abs(head).max() for head in heads) > 1e-4
        neurons = found.neurons[f"{prefix}.mlp.post"]
        assert neurons.shape[-1] == tiny.D_MLP
        np.testing.assert_allclose(
            neurons.sum(axis=-1), found.term(f"{prefix}.mlp.out"), atol=1e-12
        )


def test_the_sum_rule_notices_a_missing_part(clip: Any) -> None:
    found = decompose(clip, tiny.pictures()[:2], TEXTS)
    for k in range(len(found.terms)):
        rest = np.delete(found.values, k, axis=-1).sum(axis=-1)
        assert np.abs(rest - found.totals).max() > 1e-4, found.terms[k]


@pytest.mark.parametrize("tower", ["vision", "text"])
def test_what_heads_move_from_tokens_sums_to_the_head(clip: Any, tower: str) -> None:
    found = decompose(clip, tiny.pictures()[:3], TEXTS, tower=tower, tokens=True)
    for site, values in found.tokens.items():
        for head in range(tiny.N_HEADS):
            expected = found.term(f"{site}:{head}")
            np.testing.assert_allclose(values[:, :, head].sum(axis=-1), expected, atol=1e-5)
    if tower == "vision":
        n_tokens = (tiny.IMAGE_SIZE // tiny.PATCH_SIZE) ** 2 + 1
        assert values.shape == (3, 3, tiny.N_HEADS, n_tokens)


def test_cosine_is_the_logit_without_scale_and_bias(load_tiny: Callable[..., Any]) -> None:
    clip = load_tiny("siglip")
    images = tiny.pictures()[:2]
    logit = decompose(clip, images, TEXTS)
    cosine = decompose(clip, images, TEXTS, score="cosine")
    assert "logit bias" in logit.terms and "logit bias" not in cosine.terms
    expected = cosine.values * clip.scale
    np.testing.assert_allclose(logit.values[..., :-1], expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(cosine.totals, clip.similarity(images, TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    ("tower", "index"), [("vision", 2), ("vision", 0), ("text", 2), ("text", 0)]
)
def test_a_neuron_s_effect_is_its_column_zeroed_with_frozen_norms(
    clip: Any, tower: str, index: int
) -> None:
    """Recomputed by hand from the final stream: mean, scale and length stay as they were."""
    images, unit = tiny.pictures()[:3], 11
    found = decompose(clip, images, TEXTS, tower=tower)
    parts = clip.anatomy.vision if tower == "vision" else clip.anatomy.text
    pool = "cls" if tower == "vision" else "eos"
    post, last = f"{tower}.blocks.{index}.mlp.post", f"{tower}.blocks.2.resid_post"
    with capture(clip, [post, last], pool=pool) as acts, capture(clip, f"{tower}.projected") as p:
        if tower == "vision":
            clip.encode_images(images)
            others = clip.encode_texts(TEXTS)
        else:
            clip.encode_texts(TEXTS)
            others = clip.encode_images(images)
    stream = acts[last].double()
    column = parts.blocks[index].mlp_out.weight[:, unit].double()
    without = stream - acts[post][:, unit, None].double() * column
    mean = stream.mean(-1, keepdim=True)
    scale = (stream.var(-1, unbiased=False, keepdim=True) + parts.norm_final.eps).sqrt()
    frozen_mean = mean - (stream - without).mean(-1, keepdim=True)  # the norm still centres
    length = p[f"{tower}.projected"].double().norm(dim=-1, keepdim=True)

    def score(x: torch.Tensor, centre: torch.Tensor) -> np.ndarray:
        normed = (x - centre) / scale * parts.norm_final.weight + parts.norm_final.bias
        embedded = normed.double() @ parts.projection.weight.double().T / length
        result: np.ndarray = (clip.scale * embedded @ torch.from_numpy(others).double().T).numpy()
        return result

    change = score(stream, mean) - score(without, frozen_mean)
    np.testing.assert_allclose(found.neurons[post][..., unit], change, atol=1e-9)
    assert np.abs(change).max() > 1e-4


def test_the_planted_part_carries_the_score(checkpoint: Callable[..., Path]) -> None:
    """A last block whose one neuron writes the text's own direction gets the logit's change."""
    clip = clipprobe.load(checkpoint("clip"))
    tower = clip.anatomy.vision
    text = torch.from_numpy(clip.encode_texts(["cat"]))[0]
    direction = tower.projection.weight.T @ text
    block = clip.module.vision_model.encoder.layers[2].mlp
    with torch.no_grad():  # neuron 5 always fires, and writes the text's direction
        block.fc1.weight[5] = 0
        block.fc1.bias[5] = 2
        block.fc2.weight[:, 5] = 20 * direction / direction.norm()
    found = decompose(clip, tiny.pictures()[:2], ["cat"])
    assert found.strongest_neurons(k=1)[0][0] == "vision.blocks.2.mlp.post:5"
    assert found.strongest(k=1)[0][0] == "vision.blocks.2.mlp.out"
    assert found.gap <= 1e-5


def test_the_bundled_model_sums_up(bundled: Any) -> None:
    images = tiny.pictures()[:3]
    for tower in ("vision", "text"):
        found = decompose(bundled, images, TEXTS, tower=tower)
        assert found.gap <= 1e-5


@pytest.mark.parametrize("family", ["altclip", "chinese_clip"])
def test_a_post_norm_tower_is_refused(load_tiny: Callable[..., Any], family: str) -> None:
    with pytest.raises(UnsupportedHookError, match="normalise every sum"):
        decompose(load_tiny(family), tiny.pictures()[:1], TEXTS, tower="text")


def test_an_open_clip_vit_sums_up_with_attention_as_one_part(load_stub: Callable[..., Any]) -> None:
    clip = load_stub("ViT-T")
    found = decompose(clip, tiny.pictures()[:3], ["w1 w2", "w3"], batch_size=2)
    assert found.gap <= 1e-5
    assert "vision.blocks.0.attn.out" in found.terms
    with pytest.raises(UnsupportedHookError, match="fuses"):
        decompose(clip, tiny.pictures()[:1], ["w1"], tokens=True)


def test_mistakes_are_named(clip: Any, load_tiny: Callable[..., Any]) -> None:
    images = tiny.pictures()[:1]
    with pytest.raises(ConfigError, match="'logit' or 'cosine'"):
        decompose(clip, images, TEXTS, score="probability")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="at least one"):
        decompose(clip, [], TEXTS)
    with pytest.raises(DataError, match="at least one"):
        decompose(clip, images, [])
    with pytest.raises(UnknownHookPointError, match="nearest"):
        decompose(clip, images, TEXTS).term("vision.blocks.0.mlp")
    with pytest.raises(UnsupportedHookError, match="source and a destination"):
        decompose(load_tiny("siglip"), images, TEXTS, tokens=True)


def test_the_result_is_plain_and_the_same_again(clip: Any) -> None:
    from clipprobe.runs import jsonio

    first, second = (decompose(clip, tiny.pictures()[:2], TEXTS) for _ in range(2))
    assert jsonio.dumps(first.to_json()) == jsonio.dumps(second.to_json())
    assert first.to_json()["gap"] == first.gap and first.provenance["model"]["family"] == "clip"


def test_one_image_is_not_asked_what_its_person_is(clip: Any) -> None:
    with pytest.raises(ConfigError, match="decompose answers for single images"):
        decompose(clip, tiny.pictures()[:1], ["a dog", "a terrorist"])
