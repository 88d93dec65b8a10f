"""Ablation against edited weights, steering, controls, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import clipprobe
from clipprobe.errors import ConfigError, UnknownHookPointError, UnsupportedHookError
from clipprobe.hooks import capture
from clipprobe.neurons.effects import total_effects
from clipprobe.neurons.effects.changes import derangement, parse_method
from clipprobe.neurons.effects.effect_verbs import effect_line
from clipprobe.neurons.effects.total import control_units
from clipprobe.testing import checkpoints as tiny
from clipprobe.tracing.scales import SiteScale

TEXTS = ["a photo of the dog", "cat"]
UNIT = "vision.blocks.1.mlp.post:7"


def test_zero_ablation_equals_a_zeroed_column(clip: Any, checkpoint: Callable[..., Path]) -> None:
    images = tiny.pictures()[:5]
    found = total_effects(clip, images, TEXTS, [UNIT], methods=["zero"], n_controls=0)
    edited = clipprobe.load(checkpoint("clip"))
    with torch.no_grad():
        edited.module.vision_model.encoder.layers[1].mlp.fc2.weight[:, 7] = 0
    change = edited.logits(images, TEXTS) - clip.logits(images, TEXTS)
    assert [one.target for one in found] == TEXTS
    for column, one in enumerate(found):
        assert one.effect.value == pytest.approx(change[:, column].mean(), abs=2e-6)
        assert one.effect.low < one.effect.value < one.effect.high and one.effect.n == 5
        assert np.isnan(one.p) and one.reason
    assert np.abs(change).max() > 1e-3


def test_mean_ablation_puts_the_mean_of_each_place(
    clip: Any, checkpoint: Callable[..., Path]
) -> None:
    images = tiny.pictures()[:5]
    found = total_effects(clip, images, TEXTS, [UNIT], methods=["mean"], n_controls=0)
    with capture(clip, UNIT) as acts:
        clip.encode_images(images)
    mean = acts[UNIT].double().mean(dim=0)
    with clipprobe.intervene(clip, {UNIT: lambda value: mean.expand(value.shape)}):
        changed = clip.logits(images, TEXTS)
    expected = (changed - clip.logits(images, TEXTS)).mean(axis=0)
    np.testing.assert_allclose([one.effect.value for one in found], expected, atol=2e-6)


def test_resampling_gives_each_image_another_one_s_activation(clip: Any) -> None:
    images = tiny.pictures()[:5]
    donors = derangement(5, seed=3)
    assert sorted(donors) == list(range(5)) and all(i != d for i, d in enumerate(donors))
    with capture(clip, UNIT) as acts:
        clip.encode_images(images)
    taken = acts[UNIT][donors]
    with clipprobe.intervene(clip, {UNIT: lambda value: taken}):
        changed = clip.logits(images, TEXTS)
    expected = (changed - clip.logits(images, TEXTS)).mean(axis=0)
    for batch_size in (2, 32):
        found = total_effects(
            clip, images, TEXTS, [UNIT], methods=["resample"], n_controls=0, seed=3,
            batch_size=batch_size,
        )  # fmt: skip
        np.testing.assert_allclose([one.effect.value for one in found], expected, atol=2e-6)


def test_steering_adds_standard_deviations(clip: Any) -> None:
    images = tiny.pictures()[:5]
    found = total_effects(clip, images, TEXTS, [UNIT], methods=["steer:-2"], n_controls=0)
    with capture(clip, UNIT) as acts:
        clip.encode_images(images)
    shift = -2 * float(acts[UNIT].double().std(correction=0))
    with clipprobe.intervene(clip, {UNIT: lambda value: value + shift}):
        changed = clip.logits(images, TEXTS)
    expected = (changed - clip.logits(images, TEXTS)).mean(axis=0)
    np.testing.assert_allclose([one.effect.value for one in found], expected, atol=2e-6)


@pytest.mark.parametrize(
    ("unit", "method"),
    [
        ("vision.blocks.0.attn.head_out:1", "mean"),
        ("vision.blocks.0.attn.head_out:1", "resample"),
        ("vision.blocks.1.attn.z:0", "zero"),
        ("vision.pooled:3", "mean"),
        ("vision.embed:4", "resample"),
        ("text.blocks.1.mlp.post:7", "mean"),
        ("text.blocks.1.attn.head_out:2", "zero"),
    ],
)
def test_every_kind_of_unit_can_be_taken_out(clip: Any, unit: str, method: str) -> None:
    images, texts = tiny.pictures()[:3], ["cat", "dog", "a red square"]
    found = total_effects(clip, images, texts, [unit], methods=[method], n_controls=2)
    assert len(found) == 3 and all(np.isfinite(one.effect.value) for one in found)
    assert max(abs(one.effect.value) for one in found) > 1e-4
    targets = ["image 0", "image 1", "image 2"] if unit.startswith("text") else texts
    assert [one.target for one in found] == targets


def test_controls_have_the_scale_of_the_unit_and_are_not_the_unit() -> None:
    rms = np.geomspace(1e-3, 1e3, 100)
    scale = SiteScale(
        rms=rms, std=rms, mean=torch.zeros(1), average=torch.zeros(1), kept={}, n_inputs=1
    )
    chosen = control_units(scale, 50, 5, seed=0)
    assert chosen == control_units(scale, 50, 5, seed=0) != control_units(scale, 50, 5, seed=1)
    assert len(set(chosen)) == 5 and 50 not in chosen
    assert all(abs(one - 50) <= 5 for one in chosen)  # the 10 nearest
    assert len(control_units(scale, 0, 500, seed=0)) == 99
    with pytest.raises(ConfigError, match="at least 0"):
        control_units(scale, 0, -1, seed=0)


def test_a_planted_unit_stands_out_from_its_controls(checkpoint: Callable[..., Path]) -> None:
    """One neuron writes the text's direction; steering it moves that logit like no control."""
    clip = clipprobe.load(checkpoint("clip"))
    text = torch.from_numpy(clip.encode_texts(["cat"]))[0]
    direction = clip.anatomy.vision.projection.weight.T @ text
    mlp = clip.module.vision_model.encoder.layers[2].mlp
    with torch.no_grad():
        mlp.fc2.weight[:, 5] = 5 * direction / direction.norm()
    (found,) = total_effects(
        clip, tiny.pictures()[:6], ["cat"], ["vision.blocks.-1.mlp.post:5"], methods=["steer:3"],
        n_controls=10,
    )  # fmt: skip
    assert found.address == "vision.blocks.2.mlp.post:5"
    assert found.effect.low > 0 and found.effect.value > 5 * found.control
    assert len(found.controls) == 10 and found.p == pytest.approx(1 / 11)
    assert 1 / 2 < found.control_scale / found.scale < 2


def test_the_same_seed_gives_the_same_effects(clip: Any) -> None:
    def run(seed: int) -> list[dict[str, Any]]:
        found = total_effects(
            clip, tiny.pictures()[:4], TEXTS, [UNIT], methods=["zero", "resample"], n_controls=3,
            seed=seed,
        )  # fmt: skip
        return [one.to_json() for one in found]

    assert run(0) == run(0) != run(1)


def test_mistakes_are_named(clip: Any) -> None:
    images = tiny.pictures()[:2]
    for wrong in ("zeros", "mean:2", "steer:x", "steer:0", "steer:nan"):
        with pytest.raises(ConfigError, match=r"use zero, mean, resample, or steer:K"):
            parse_method(wrong)
    with pytest.raises(UnknownHookPointError, match="numbered 0 to 63"):
        total_effects(clip, images, TEXTS, ["vision.blocks.1.mlp.post:64"])
    with pytest.raises(ConfigError, match="both towers"):
        total_effects(clip, images, TEXTS, [UNIT, "text.blocks.0.mlp.post:1"])
    with pytest.raises(ConfigError, match="No unit"):
        total_effects(clip, images, TEXTS, [])
    with pytest.raises(ConfigError, match="two inputs"):
        total_effects(clip, images[:1], TEXTS, [UNIT], methods=["resample"])
    with pytest.raises(UnsupportedHookError, match=r"head_out:1"):
        total_effects(clip, images, TEXTS, ["vision.blocks.1.attn.pattern:1"])
    with pytest.raises(UnsupportedHookError, match="steer a neuron"):
        total_effects(clip, images, TEXTS, ["vision.blocks.1.attn.head_out:1"], methods=["steer:1"])
    with pytest.raises(UnsupportedHookError, match="different numbers"):
        total_effects(clip, images, TEXTS, ["text.blocks.0.mlp.post:1"], methods=["resample"])


def test_one_image_has_no_interval(clip: Any) -> None:
    (one,) = total_effects(clip, tiny.pictures()[:1], TEXTS[:1], [UNIT], methods=["zero"])
    assert "[no interval] logit, n=1;" in effect_line(one) and "nan" not in effect_line(one)


def test_one_image_is_not_asked_what_its_person_is(clip: Any) -> None:
    images = tiny.pictures()[:2]
    found = total_effects(clip, images, ["a man"], [UNIT], methods=["zero"], n_controls=0)
    assert found[0].effect.n == 2  # a mean over images says nothing about one of them
    with pytest.raises(ConfigError, match="the effect on one image answers for single images"):
        total_effects(clip, images[:1], ["a man"], [UNIT], methods=["zero"], n_controls=0)
    with pytest.raises(ConfigError, match="One of the texts is empty"):
        total_effects(clip, images, ["a dog", " "], [UNIT], methods=["zero"])
