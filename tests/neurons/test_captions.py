"""Unit directions, captions of vision units, prompts of text units: identities, a planted unit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_open_clip
import torch
from torch import nn
from torch.nn import functional

import clipprobe
from clipprobe.errors import ConfigError, UnknownHookPointError, UnsupportedHookError
from clipprobe.neurons.captions import (
    ALIGNMENT,
    TEXT_ALONE,
    captions_run,
    default_captions,
    load_captions,
    text_prompts,
    vision_captions,
)
from clipprobe.neurons.effects.directions import Directions, unit_direction

LAST = "vision.blocks.2.mlp.post"
TEXTS = [f"a photo of a {word}" for word in "dog cat pig cow ant bee owl fox hen elk".split()]


def own(clip: Any) -> Any:
    """A copy whose weights may be changed."""
    return clip.running(clip.network.copied())


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8))


def projected(clip: Any, images: Any) -> np.ndarray:
    with clipprobe.capture(clip, ["vision.projected"]) as seen:
        clip.encode_images(images)
    return np.asarray(seen["vision.projected"].double())


@pytest.mark.parametrize("family", ["clip", "siglip"])
@pytest.mark.parametrize("index", [3, 40])
def test_a_direction_is_what_a_small_rise_of_the_unit_does(
    load_tiny: Any, images: Any, family: str, index: int
) -> None:
    clip = load_tiny(family)
    step = 1e-2
    moved = []
    for sign in (1, -1):
        with clipprobe.intervene(clip, {f"{LAST}:{index}": lambda x, sign=sign: x + sign * step}):
            moved.append(projected(clip, images))
    measured = ((moved[0] - moved[1]) / (2 * step)).mean(axis=0)
    found = unit_direction(clip, f"{LAST}:{index}", images=images)
    np.testing.assert_allclose(found.vector, measured, rtol=2e-2, atol=2e-3)
    assert np.abs(measured).max() > 0.02
    assert not found.exact and 0 < found.agreement <= 1
    assert found.linearised_at == "the mean over 4 given images"
    assert "no block comes later" in found.reason


def test_directions_of_linear_sites_are_exact(clip: Any, images: Any) -> None:
    basis = Directions(clip, images=images).site("vision.projected")
    np.testing.assert_array_equal(basis.vectors, np.eye(16))
    pooled = Directions(clip, images=images).site("vision.pooled")
    weights = clip.adapter._m.visual_projection.weight.numpy()
    np.testing.assert_allclose(pooled.vectors, weights.T, atol=1e-6)
    assert basis.exact.all() and pooled.exact.all() and not basis.unit(3).reason
    stream = Directions(clip, images=images).site("vision.blocks.-1.resid_post")
    assert not stream.exact.any()


def test_heads_add_up_to_what_attention_writes(clip: Any, images: Any) -> None:
    """Heads and the output bias are the attention's output, and the Jacobian is linear."""
    directions = Directions(clip, images=images)
    heads = directions.site("vision.blocks.1.attn.z").vectors.sum(axis=0)
    with clipprobe.capture(clip, ["vision.blocks.1.attn.out"], pool="cls") as seen:
        clip.encode_images(images)
    bias = clip.anatomy.vision.blocks[1].out.bias
    jacobian = directions._stream()
    expected = torch.einsum("bd,bed->be", seen["vision.blocks.1.attn.out"] - bias, jacobian)
    np.testing.assert_allclose(heads, expected.mean(0).numpy(), atol=1e-5)
    same = directions.site("vision.blocks.1.attn.pattern")
    np.testing.assert_array_equal(same.vectors.sum(axis=0), heads)
    assert "mean write" in same.reason and "1 later block do" in same.reason


def test_what_has_no_direction_is_refused(clip: Any) -> None:
    for unit in ("text.blocks.0.mlp.post:1", "vision.embed:1"):
        with pytest.raises(UnsupportedHookError):
            unit_direction(clip, unit)
    with pytest.raises(UnknownHookPointError):
        unit_direction(clip, f"{LAST}:64")
    with pytest.raises(UnsupportedHookError, match="glob"):
        unit_direction(clip, "vision.blocks.*.mlp.post:1")
    with pytest.raises(ConfigError, match="at least 2"):
        unit_direction(clip, f"{LAST}:1", images=[np.zeros((4, 4, 3), np.uint8)])


@pytest.mark.parametrize("text", [TEXTS[0], TEXTS[6]])
def test_a_planted_linear_unit_retrieves_its_own_text_first(clip: Any, text: str) -> None:
    planted = own(clip)
    texts = planted.encode_texts(TEXTS)
    target = texts[TEXTS.index(text)] - texts.mean(axis=0)
    stream = Directions(planted).site("vision.blocks.-1.resid_post").vectors  # width, embed
    write = np.linalg.lstsq(stream.T, target, rcond=None)[0]
    with torch.no_grad():
        # Small, so that the unit leaves the point of linearisation where it was.
        weights = planted.anatomy.vision.blocks[2].mlp_out.weight
        weights[:, 5] = torch.from_numpy(write * 1e-3 / np.linalg.norm(write))
    (found,) = vision_captions(planted, f"{LAST}:5", TEXTS)
    assert found.top[0].caption == text
    assert found.top[0].score > 0.95 > found.top[1].score
    assert found.claim == ALIGNMENT and found.mean_subtracted
    (before,) = vision_captions(clip, f"{LAST}:5", TEXTS)
    assert before.top[0].score < 0.9  # a control: the unit was not like this


def test_the_mean_is_subtracted_by_default_and_shown(clip: Any) -> None:
    unit = "vision.projected:3"
    (default,), (raw,) = (
        vision_captions(clip, unit, TEXTS, subtract_mean=flag, top=99) for flag in (True, False)
    )
    texts = clip.encode_texts(TEXTS).astype(float)
    mean = texts.mean(axis=0)
    shifted = texts - mean
    cosines = dict(zip(TEXTS, shifted[:, 3] / np.linalg.norm(shifted, axis=1), strict=True))
    assert {one.caption: one.score for one in default.top} == pytest.approx(cosines, abs=1e-6)
    plain = dict(zip(TEXTS, texts[:, 3], strict=True))
    assert {one.caption: one.score for one in raw.top} == pytest.approx(plain, abs=1e-6)
    assert {one.caption: one.raw for one in default.top} == pytest.approx(plain, abs=1e-6)
    assert default.mean == raw.mean == pytest.approx(mean[3] / np.linalg.norm(mean), abs=1e-6)
    assert default.exact and not default.reason


def test_random_directions_are_rarely_significant(clip: Any) -> None:
    """The null against itself: units that mean nothing have p spread over (0, 1)."""
    found = vision_captions(clip, "vision.blocks.-1.resid_post", TEXTS, n_random=199)
    assert len(found) == 32 and not any(unit.q <= 0.05 for unit in found)
    assert min(unit.p for unit in found) >= 1 / 200
    again = vision_captions(clip, "vision.blocks.-1.resid_post", TEXTS, n_random=199)
    assert found == again


@pytest.mark.parametrize("pool", ["eos", "max", "mean"])
def test_prompts_of_a_text_unit_are_those_of_a_capture(clip: Any, pool: str) -> None:
    unit = "text.blocks.1.mlp.post:9"
    (found,) = text_prompts(clip, unit, TEXTS, pool=pool, top=99)
    values = []
    for text in TEXTS:
        with clipprobe.capture(clip, [unit]) as seen:
            clip.encode_texts([text])
        tokens = seen[unit][0].numpy()
        values.append({"eos": tokens[-1], "max": tokens.max(), "mean": tokens.mean()}[pool])
    expected = dict(zip(TEXTS, np.array(values) - np.mean(values), strict=True))
    assert {one.caption: one.score for one in found.top} == pytest.approx(expected, abs=1e-5)
    assert found.top[0].caption == max(expected, key=lambda text: expected[text])
    assert found.claim == TEXT_ALONE and pool.split("o")[0][:2] in found.name
    assert np.isnan(found.p) and found.exact


def test_the_two_questions_are_never_mixed(clip: Any, tmp_path: Path) -> None:
    both = [f"{LAST}:1", "text.blocks.0.mlp.post:1"]
    with pytest.raises(ConfigError, match="both towers"):
        captions_run(clip, both, TEXTS, out=tmp_path / "both")
    assert not (tmp_path / "both").exists()
    with pytest.raises(UnsupportedHookError, match="text_prompts"):
        vision_captions(clip, both, TEXTS)
    with pytest.raises(UnsupportedHookError, match="vision_captions"):
        text_prompts(clip, both, TEXTS)
    with pytest.raises(UnsupportedHookError, match="single number"):
        text_prompts(clip, "text.blocks.0.attn.z:1", TEXTS)


@pytest.mark.parametrize("unit", [LAST, "text.blocks.0.mlp.post"])
def test_a_run_holds_what_was_found_and_repeats_to_the_byte(
    clip: Any, tmp_path: Path, unit: str
) -> None:
    found = captions_run(clip, [unit], TEXTS, out=tmp_path / "a", top=3, n_random=49)
    captions_run(clip, [unit], TEXTS, out=tmp_path / "b", top=3, n_random=49)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    loaded = load_captions(tmp_path / "a")
    assert repr(loaded) == repr(found) and len(found) == 64
    claim = ALIGNMENT if unit == LAST else TEXT_ALONE
    assert {one.claim for one in loaded} == {claim}
    assert claim in (tmp_path / "a" / "report.md").read_text("utf-8").replace("is about the ", "")


def test_default_captions_are_concepts_in_templates() -> None:
    texts = default_captions().words
    assert {"dog", "a photo of a dog", "a drawing of a dog", "the word dog"} <= set(texts)


class ValuePool(tiny_open_clip.AttentionPool):
    """With key and value matrices, as open_clip's own attention pool has them."""

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__(d_in, d_out)
        self.k_proj, self.v_proj = nn.Linear(d_in, d_in), nn.Linear(d_in, d_in)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], 1)
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        return self.c_proj(functional.scaled_dot_product_attention(q, k, v))[:, 0]


@pytest.fixture
def resnet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(tiny_open_clip, "AttentionPool", ValuePool)
    monkeypatch.setitem(sys.modules, "open_clip", tiny_open_clip.library())
    monkeypatch.setattr(
        "huggingface_hub.hf_hub_download",
        lambda repository, filename: str(tiny_open_clip.save_weights(tmp_path, "RN50", True)),
    )
    return clipprobe.load("open_clip:RN50/openai")


def test_a_channel_of_a_resnet_writes_through_value_and_output(resnet: Any) -> None:
    pool = resnet.module.visual.attnpool
    found = unit_direction(resnet, "vision.layer4.1.post:3")
    flat = torch.rand(1, 32, 1, 1).expand(1, 32, 2, 2)  # all places alike: the identity is exact
    risen = flat.clone()
    risen[:, 3] += 0.7
    with torch.no_grad():
        measured = (pool(risen) - pool(flat))[0] / 0.7
    np.testing.assert_allclose(found.vector, measured.numpy(), atol=1e-5)
    assert "W_o W_v" in found.linearised_at and not found.exact
    gated = unit_direction(resnet, "vision.layer4.1.add:3")
    np.testing.assert_array_equal(gated.vector, found.vector)
    assert "ReLU" in gated.reason and np.isnan(gated.agreement)
    mix = np.zeros(32)
    mix[[3, 5]] = 2, -1
    named = clipprobe.direction("mix", mix, at="vision.layer4.1.post").of(resnet)
    mixed = unit_direction(named, "vision.layer4.1.post.mix:0").vector
    other = unit_direction(resnet, "vision.layer4.1.post:5").vector
    np.testing.assert_allclose(mixed, 2 * found.vector - other, atol=1e-6)
    with pytest.raises(UnsupportedHookError, match="later layers"):
        unit_direction(resnet, "vision.layer3.0.add:3")


def test_a_planted_channel_of_a_resnet_retrieves_its_own_text_first(resnet: Any) -> None:
    short = [text.split()[-1] for text in TEXTS]  # this tower reads twelve letters
    texts = resnet.encode_texts(short)
    target = torch.from_numpy(texts[4] - texts.mean(axis=0))
    pool = resnet.module.visual.attnpool
    with torch.no_grad():
        pool.v_proj.weight[:, 3] = torch.linalg.pinv(pool.c_proj.weight) @ target
    (found,) = vision_captions(resnet, "vision.layer4.1.add:3", short)
    assert found.top[0].caption == short[4] and found.top[0].score > 0.999


def test_words_of_a_resnet_are_read_before_the_relu(resnet: Any) -> None:
    from clipprobe.neurons.words import WordGrid, word_probe

    grid = WordGrid(sizes=(0.3,), places=("center",))
    probe = word_probe(resnet, ["dog", "cat", "owl"], grid=grid, n_scrambled=0)
    assert list(probe.sites) == ["vision.layer4.1.add"]
    assert probe.values["vision.layer4.1.add"].value.min() < 0
    assert probe.unit("vision.layer4.1.add:3").name.endswith("(max over places)")
