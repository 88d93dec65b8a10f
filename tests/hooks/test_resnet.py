"""CLIP's ResNets, which overwrite what they add up, and open_clip's fused attention."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hooks.checks import assert_close, assert_differs, assert_same, hooks_of
from hooks.stubs import resnet_clip

from clipprobe.errors import UnsupportedHookError
from clipprobe.hooks import At, Patch, capture, hook_points, intervene, resolve

ADD, POST = "vision.layer4.1.add", "vision.layer4.1.post"


@pytest.fixture(scope="module")
def net() -> Any:
    return resnet_clip()


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randn(3, 3, 5, 4, generator=torch.Generator().manual_seed(1))


def test_the_table_of_a_resnet(net: Any) -> None:
    points = {point.name: point for point in hook_points(net)}
    assert [name for name in points if name.startswith("vision")] == [
        "vision.layer4.0.add",
        "vision.layer4.0.post",
        ADD,
        POST,
        "vision.pooled",
        "vision.projected",
    ]
    assert (points[ADD].axes, points[ADD].unit) == (("b", "c", "h", "w"), "channel")
    assert points[ADD].n_units == 8


def test_the_sum_before_the_relu_keeps_its_negatives(net: Any, pixels: torch.Tensor) -> None:
    with capture(net, [ADD, POST, "vision.layer4.0.post"]) as acts:
        bare = net.image_embeddings(pixels)
    assert (acts[ADD] < 0).any()
    assert_same(acts[ADD].relu(), acts[POST])
    last = net.module.layer4[1]
    before = acts["vision.layer4.0.post"]
    assert_close(acts[ADD], last.bn(last.conv(before)) + before, 1e-6)
    assert_same(bare, acts[POST].mean((2, 3)))


def test_captures_leave_the_output_as_it_was(net: Any, pixels: torch.Tensor) -> None:
    ids = torch.arange(12).view(2, 6)
    bare = net.image_embeddings(pixels), net.text_embeddings(ids)
    before = hooks_of(net.module)
    with capture(net, "*"), capture(net, ["vision.layer4.*.add"], pool="max"):
        seen = net.image_embeddings(pixels), net.text_embeddings(ids)
    for one, other in zip(seen, bare, strict=True):
        assert_same(one, other)
    assert hooks_of(net.module) == before


def test_changes_of_a_channel_and_of_a_place(net: Any, pixels: torch.Tensor) -> None:
    with capture(net, [ADD]) as clean:
        net.image_embeddings(pixels)
    with intervene(net, {f"{ADD}:3": "zero", At(f"{ADD}:5", tokens=[7]): 2.0}):
        with capture(net, [ADD, POST]) as acts:
            changed = net.image_embeddings(pixels)
    expected = clean[ADD].clone()
    expected[:, 3] = 0
    expected[:, 5, 1, 3] = 2.0
    assert_same(acts[ADD], expected)
    assert_same(acts[POST], expected.relu())
    assert_same(changed, expected.relu().mean((2, 3)))


def test_patching_a_map(net: Any, pixels: torch.Tensor) -> None:
    with capture(net, ADD) as acts:
        wanted = net.image_embeddings(pixels.flip(0))
    with intervene(net, {ADD: Patch(acts[ADD])}):
        assert_same(net.image_embeddings(pixels), wanted)
    with intervene(net, {f"{ADD}:2": Patch(acts[ADD], rows=[2, 1, 0])}):
        assert_close(net.image_embeddings(pixels), net_output(net, pixels), 1e-6)


def net_output(net: Any, pixels: torch.Tensor) -> torch.Tensor:
    output: torch.Tensor = net.image_embeddings(pixels).detach()
    return output


def test_gradient_at_the_sum(net: Any, pixels: torch.Tensor) -> None:
    with capture(net, ADD, grad=True) as acts:
        value = net.image_embeddings(pixels)[:, 2].sum()
    (gradient,) = torch.autograd.grad(value, acts[ADD])
    expected = torch.zeros_like(gradient)
    expected[:, 2] = (acts[ADD][:, 2] > 0).float() / 20
    assert_close(gradient, expected, 1e-7)


def test_fused_attention_shows_its_output(net: Any) -> None:
    ids = torch.arange(12).view(2, 6)
    with capture(net, "text.blocks.*") as acts:
        net.text_embeddings(ids)
    for i in range(2):
        block = f"text.blocks.{i}."
        assert_close(
            acts[block + "resid_mid"], acts[block + "resid_pre"] + acts[block + "attn.out"], 1e-5
        )
        assert_close(
            acts[block + "resid_post"], acts[block + "resid_mid"] + acts[block + "mlp.out"], 1e-5
        )
    with intervene(net, {"text.blocks.0.attn.out:3": 9.0}):
        with capture(net, ["text.blocks.0.attn.out", "text.blocks.1.resid_pre"]) as changed:
            net.text_embeddings(ids)
    assert (changed["text.blocks.0.attn.out"][..., 3] == 9.0).all()
    assert_differs(changed["text.blocks.1.resid_pre"], acts["text.blocks.1.resid_pre"])


@pytest.mark.parametrize("site", ["q", "k", "v", "z", "head_out", "pattern"])
def test_what_fused_attention_hides_is_refused_with_the_reason(net: Any, site: str) -> None:
    assert f"text.blocks.0.attn.{site}" not in {point.name for point in hook_points(net)}
    with pytest.raises(UnsupportedHookError, match="fuses q, k and v into one matrix"):
        resolve(net, f"text.blocks.-1.attn.{site}")
    with pytest.raises(UnsupportedHookError, match="is a ResNet and has no transformer blocks"):
        resolve(net, f"vision.blocks.0.attn.{site}")


def test_blocks_that_share_a_module_are_refused() -> None:
    """Its hooks would fire once per block, and each value would be taken for a new input."""
    net = resnet_clip()
    first, second = net.anatomy.text.blocks
    shared = (first, replace(second, activation=first.activation))
    net.anatomy = replace(net.anatomy, text=replace(net.anatomy.text, blocks=shared))
    with pytest.raises(UnsupportedHookError, match="share a module"):
        capture(net, "text.blocks.0.mlp.post")
