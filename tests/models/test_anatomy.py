"""The anatomy points at the right modules, in every family: checked by arithmetic, not by names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from clipprobe.anatomy.parts import find_one, find_stack
from clipprobe.errors import UnsupportedModelError
from clipprobe.testing import checkpoints as tiny

FAMILIES = sorted(tiny.BUILDERS)
TOLERANCE = 1e-5


class Recorder:
    """First input and output of some modules during one forward pass."""

    def __init__(self, **modules: torch.nn.Module) -> None:
        self.inputs: dict[str, torch.Tensor] = {}
        self.outputs: dict[str, torch.Tensor] = {}
        self.handles = [
            module.register_forward_hook(self.keep(name), with_kwargs=True)
            for name, module in modules.items()
        ]

    def keep(self, name: str) -> Callable[..., None]:
        def hook(module: Any, args: Any, kwargs: Any, output: Any) -> None:
            self.inputs[name] = (args[0] if args else kwargs["hidden_states"]).clone()
            self.outputs[name] = (output[0] if isinstance(output, tuple) else output).clone()

        return hook


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and float((a - b).abs().max()) <= TOLERANCE


def record(clip: Any, tower: str, number: int) -> Recorder:
    """What passes the parts of one block while the tower runs."""
    block = getattr(clip.anatomy, tower).blocks[number]
    parts = {"attention": block.attention, "activation": block.activation, "module": block.module}
    parts |= {"mlp_out": block.mlp_out}
    parts |= {
        name: part
        for name in ("q", "k", "v", "out", "norm_pre", "norm_mid")
        if (part := getattr(block, name)) is not None
    }
    recorder = Recorder(**parts)
    try:
        if tower == "vision":
            clip.encode_images(tiny.pictures()[1:2])
        else:
            clip.encode_texts(["a photo of a dog"])
    finally:
        for handle in recorder.handles:
            handle.remove()
    return recorder


@pytest.mark.parametrize("tower", ["vision", "text"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_parts_of_a_block_add_up(
    family: str, tower: str, load_tiny: Callable[..., Any]
) -> None:
    clip = load_tiny(family)
    part = getattr(clip.anatomy, tower)
    assert len(part.blocks) == tiny.N_BLOCKS
    for number, block in enumerate(part.blocks):
        seen = record(clip, tower, number)
        before, after = seen.inputs["module"], seen.outputs["module"]
        assert before.shape[-1] == part.d_model
        assert seen.outputs["activation"].shape[-1] == part.d_mlp
        assert close(block.mlp_out(seen.outputs["activation"]), seen.outputs["mlp_out"])
        # Attention, recomputed from q, k and v, gives what the output projection reads.
        heads = {
            name: seen.outputs[name].unflatten(-1, (block.n_heads, block.d_head)).transpose(1, 2)
            for name in ("q", "k", "v")
        }
        scores = heads["q"] @ heads["k"].transpose(-1, -2) * block.scale
        if block.causal:
            t = scores.shape[-1]
            scores = scores.masked_fill(torch.ones(t, t).triu(1).bool(), float("-inf"))
        z = (scores.softmax(-1) @ heads["v"]).transpose(1, 2).flatten(2)
        assert close(z, seen.inputs["out"])
        if block.pre_norm:
            middle = before + seen.outputs["attention"]
            assert close(seen.outputs["out"], seen.outputs["attention"])
            assert close(before, seen.inputs["norm_pre"])
            assert close(block.q(seen.outputs["norm_pre"]), seen.outputs["q"])
            assert close(middle, seen.inputs["norm_mid"])
            assert close(middle + seen.outputs["mlp_out"], after)
        else:
            # Post-norm: the attention module's output is the stream, normed to unit variance.
            layer: Any = block.module
            middle = layer.attention.output.LayerNorm(before + seen.outputs["out"])
            assert close(middle, seen.outputs["attention"])
            assert close(layer.output.LayerNorm(middle + seen.outputs["mlp_out"]), after)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_towers_end_as_described(family: str, load_tiny: Callable[..., Any]) -> None:
    clip = load_tiny(family)
    vision, text = clip.anatomy.vision, clip.anatomy.text
    pixels = clip.preprocess(tiny.pictures()[1:2])
    tokens = torch.tensor(clip.tokenize(["a photo of a dog"]))
    with torch.no_grad():
        for tower, pooled in (
            (vision, clip.adapter.vision_pooled(pixels)),
            (text, clip.adapter.text_pooled(tokens)),
        ):
            assert pooled.shape == (1, tower.d_pooled)
            project = getattr(clip.adapter, f"{tower.name}_projected")
            projected = project(pooled)
            assert projected.shape == (1, clip.d_embed)
            expected = pooled if tower.projection is None else tower.projection(pooled)
            assert torch.equal(projected, expected)
            last = record(clip, tower.name, -1).outputs["module"]
            if tower.norm_final is not None and tower.pool_token != "none":
                rows = {"cls": 0, "last": -1, "eos": int(clip.adapter.pool_positions(tokens)[0])}
                assert close(tower.norm_final(last)[:, rows[tower.pool_token]], pooled)


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_of_the_vision_tower_lie_on_the_grid(
    family: str, load_tiny: Callable[..., Any]
) -> None:
    clip = load_tiny(family)
    vision = clip.anatomy.vision
    tokens = record(clip, "vision", 0).inputs["module"].shape[1]
    rows, columns = clip.grid
    assert tokens == rows * columns + int(vision.has_class_token)
    if vision.embed is not None:
        with torch.no_grad():
            patches = vision.embed(clip.preprocess(tiny.pictures()[1:2]))
        assert patches.shape == (1, vision.d_model, rows, columns)
    assert (vision.embed is None) == (family == "siglip2")


def test_a_module_without_blocks_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="Linear holds no stack of blocks"):
        find_stack(torch.nn.Linear(2, 2), ("attn",))


def test_find_one_wants_exactly_one() -> None:
    one, two = torch.nn.Sequential(torch.nn.ReLU()), torch.nn.Sequential(torch.nn.ReLU())
    assert find_one(one, torch.nn.ReLU) is one[0]
    assert find_one(torch.nn.Sequential(one, two), torch.nn.ReLU) is None
    assert find_one(one, torch.nn.Linear) is None
