"""Compiled, training and checkpointed models: hooks say what they cannot see, and count once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import clipprobe
from clipprobe.errors import ConfigError, HookNeverFiredError, UnsupportedHookError
from clipprobe.testing import checkpoints as tiny

SITE = "vision.blocks.1.mlp.post"
# Of transformers, whose newer name for it the oldest supported version lacks.
old_name = pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable`:FutureWarning")


@pytest.fixture
def own(checkpoint: Callable[[str], Path]) -> Any:
    """A tiny CLIP that a test may change."""
    return clipprobe.load(checkpoint("clip"))


def test_a_compiled_model_says_so_and_eager_runs_see_it(own: Any) -> None:
    images = tiny.pictures()[:2]
    with clipprobe.capture(own, [SITE]) as plain:
        own.encode_images(images)
    own.module.vision_model.compile(backend="eager")
    with (
        pytest.raises(HookNeverFiredError, match=r"torch\.compile runs vision_model, past"),
        clipprobe.capture(own, [SITE]),
    ):
        own.encode_images(images)
    with torch.compiler.set_stance("force_eager"), clipprobe.capture(own, [SITE]) as acts:
        own.encode_images(images)
    assert torch.equal(acts[SITE], plain[SITE])


@pytest.mark.parametrize("part", ["vision_model", "vision_model.encoder"])
def test_a_wrapped_part_and_a_compiled_forward_say_so_too(own: Any, part: str) -> None:
    model = own.module.vision_model
    if part == "vision_model":
        own.module.vision_model = torch.compile(model, backend="eager")
    else:
        model.encoder.forward = torch.compile(model.encoder.forward, backend="eager")
    with (
        pytest.raises(HookNeverFiredError, match=rf"runs {part}, past"),
        clipprobe.capture(own, [SITE]),
    ):
        own.encode_images(tiny.pictures()[:1])


def test_a_model_that_did_not_run_is_not_called_compiled(clip: Any) -> None:
    with pytest.raises(HookNeverFiredError) as error, clipprobe.capture(clip, [SITE]):
        pass
    assert "compile" not in str(error.value) and "run images" in str(error.value)


def test_training_mode_is_refused_where_nothing_is_trained(own: Any) -> None:
    images = tiny.pictures()[:2]
    before = own.encode_images(images)
    own.module.vision_model.encoder.train()
    pixels = own.preprocess(images)
    for run in (
        lambda: own.encode_images(images),
        lambda: own.encode_texts(["a cat"]),
        lambda: own.image_embeddings(pixels),
        lambda: own.text_embeddings(torch.tensor(own.tokenize(["a cat"]))),
    ):
        with pytest.raises(ConfigError, match=r"training mode \(vision_model\.encoder\).*eval\(\)"):
            run()
    own.module.requires_grad_(True)
    assert own.image_embeddings(pixels).requires_grad  # somebody trains
    with pytest.raises(ConfigError, match="training mode"):
        own.encode_images(images)
    pattern = "vision.blocks.0.attn.pattern"
    with (
        pytest.raises(UnsupportedHookError, match="dropout"),
        clipprobe.capture(own, [pattern]),
    ):
        own.image_embeddings(pixels)
    own.module.eval().requires_grad_(False)
    assert np.array_equal(own.encode_images(images), before)


@old_name
@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_does_not_double_rows(own: Any, reentrant: bool) -> None:
    pixels = own.preprocess(tiny.pictures()[:2])
    with clipprobe.capture(own, [SITE]) as plain:
        own.image_embeddings(pixels)
    module = own.module
    module.requires_grad_(True).train()
    module.gradient_checkpointing_enable({"use_reentrant": reentrant})
    with clipprobe.capture(own, [SITE]) as acts:
        own.image_embeddings(pixels.requires_grad_()).sum().backward()
    assert acts[SITE].shape == plain[SITE].shape
    assert torch.equal(acts[SITE].detach(), plain[SITE])
    assert acts.rows(SITE).tolist() == [0, 1]


@old_name
def test_gradients_under_checkpointing_are_those_without(own: Any) -> None:
    """An intervention acts again in the pass that is computed again."""
    pixels = own.preprocess(tiny.pictures()[:2])
    module = own.module.requires_grad_(True)
    weight = module.vision_model.encoder.layers[0].mlp.fc1.weight
    found = []
    for checkpointing in (False, True):
        if checkpointing:
            module.train()
            module.gradient_checkpointing_enable({"use_reentrant": False})
        weight.grad = None
        with clipprobe.intervene(own, {f"{SITE}:3": "zero"}):
            own.image_embeddings(pixels)[:, 0].sum().backward()
        found.append(weight.grad.clone())
    assert torch.allclose(found[0], found[1], atol=1e-7) and found[0].abs().max() > 0


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_head_taken_out_in_half_precision_is_summed_in_float32(
    checkpoint: Callable[[str], Path], dtype: str
) -> None:
    """Adding up all heads' changes in half precision rounds each; the sum is rounded once."""
    clip = clipprobe.load(checkpoint("clip"), dtype=dtype)
    block = clip.anatomy.vision.blocks[1]
    site = "vision.blocks.1.attn"
    pixels = clip.preprocess(tiny.pictures()[:3])
    with (
        torch.no_grad(),
        clipprobe.capture(clip, [f"{site}.z", f"{site}.out", f"{site}.head_out"]) as acts,
    ):
        clip.image_embeddings(pixels)
    z, out = acts[f"{site}.z"].double(), acts[f"{site}.out"]
    assert acts[f"{site}.head_out"].dtype is out.dtype
    weight = block.out.weight.double().view(-1, block.n_heads, block.d_head)
    written = torch.einsum("bthk,dhk->bthd", z, weight)
    heads = [0, 1, 2]
    with (
        torch.no_grad(),
        clipprobe.intervene(clip, {f"{site}.head_out:{h}": clipprobe.Scale(0.5) for h in heads}),
        clipprobe.capture(clip, [f"{site}.out"]) as after,
    ):
        clip.image_embeddings(pixels)
    shown = acts[f"{site}.head_out"]
    halved = (shown[:, :, heads] * 0.5).double()
    expected = out.double() + (halved - written[:, :, heads]).sum(2)
    assert torch.allclose(after[f"{site}.out"].double(), expected, rtol=torch.finfo(out.dtype).eps,
                          atol=1e-6)  # fmt: skip
    with (
        torch.no_grad(),
        clipprobe.intervene(clip, {f"{site}.head_out": lambda x: x * 1}),
        clipprobe.capture(clip, [f"{site}.out"]) as same,
    ):
        clip.image_embeddings(pixels)
    assert torch.equal(same[f"{site}.out"], out)
