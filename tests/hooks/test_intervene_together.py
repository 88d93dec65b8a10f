"""How several interventions compose, what a function sees, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hooks.checks import (
    POST,
    TEXT_POST,
    assert_close,
    assert_same,
    pictures,
    plain,
    run_both,
    vision_seen,
)

from clipprobe.errors import (
    ConfigError,
    HookNeverFiredError,
    UnknownHookPointError,
    UnsupportedHookError,
)
from clipprobe.hooks import At, Mean, Patch, Scale, capture, intervene


def test_changes_compose_in_a_defined_order(clip: Any) -> None:
    """Blocks from outside in, addresses in order, and captures after all of them."""
    before = plain(clip, POST)[POST]
    with capture(clip, POST) as outside:
        with intervene(clip, {POST: lambda x: x + 1, f"{POST}:3": Scale(2)}):
            with intervene(clip, {POST: lambda x: x * 10}), capture(clip, POST) as inside:
                clip.encode_images(pictures(), batch_size=2)
    expected = before + 1
    expected[..., 3] *= 2
    assert_close(outside[POST], expected * 10, 1e-4)
    assert_same(outside[POST], inside[POST])


def test_several_addresses_and_globs_at_once(clip: Any) -> None:
    names = [f"vision.blocks.{i}.mlp.post" for i in range(3)]
    acts, _, _ = vision_seen(clip, {"vision.blocks.*.mlp.post:5": 1.5, f"{names[0]}:6": 0}, names)
    for name in names:
        assert (acts[name][..., 5] == 1.5).all()
    assert (acts[names[0]][..., 6] == 0).all() and (acts[names[1]][..., 6] != 0).any()


def test_pooled_and_projected_can_be_changed(clip: Any) -> None:
    target = torch.randn(1, 16, generator=torch.Generator().manual_seed(0))
    with intervene(clip, {"*.projected": Patch(target)}):
        images, texts = run_both(clip)
    assert_close(images, (target / target.norm()).expand(5, -1), 1e-6)
    assert_close(texts, images, 1e-6)


def test_functions_see_the_axes_of_the_table(clip: Any) -> None:
    shapes: dict[str, tuple[int, ...]] = {}

    def look(label: str) -> Any:
        def function(x: torch.Tensor) -> torch.Tensor:
            shapes[label] = tuple(x.shape[1:])
            return x

        return function

    addresses: dict[str, Any] = {
        "map": "vision.embed",
        "channel": "vision.embed:3",
        "heads": "vision.blocks.0.attn.q",
        "head": "vision.blocks.0.attn.q:3",
        "pattern": "vision.blocks.0.attn.pattern",
        "one pattern": "vision.blocks.0.attn.pattern:1",
        "two tokens": At("vision.blocks.0.attn.z", tokens=[0, 1]),
        "a neuron's tokens": At("vision.blocks.0.mlp.post:1", tokens=[0, 1, 2]),
        "vector": "vision.pooled",
    }
    with intervene(clip, {address: look(label) for label, address in addresses.items()}):
        clip.encode_images(pictures(2))
    assert shapes == {
        "map": (32, 4, 4),
        "channel": (4, 4),
        "heads": (17, 4, 8),
        "head": (17, 8),
        "pattern": (4, 17, 17),
        "one pattern": (17, 17),
        "two tokens": (2, 4, 8),
        "a neuron's tokens": (3,),
        "vector": (32,),
    }


def test_a_function_that_works_in_place_changes_only_its_part(clip: Any) -> None:
    before = plain(clip, POST)[POST]
    after = vision_seen(clip, {f"{POST}:3": lambda x: x.zero_()}, [POST])[0][POST]
    expected = before.clone()
    expected[..., 3] = 0
    assert_same(after, expected)
    mid = "vision.blocks.1.resid_mid"
    _, in_place, _ = vision_seen(
        clip, {mid: lambda x: x.mul_(3), f"{mid}:5": lambda x: x.zero_()}, [mid]
    )
    _, apart, _ = vision_seen(clip, {mid: lambda x: x * 3, f"{mid}:5": "zero"}, [mid])
    assert_same(in_place, apart)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("mean", "values from other inputs"),
        ("one", "is not an intervention"),
        (True, "A bool is not an intervention"),
        (None, "A NoneType is not an intervention"),
        (torch.zeros(3), "A Tensor is not an intervention"),
        (np.zeros(3), "A ndarray is not an intervention"),
    ],
)
def test_what_is_no_intervention_is_refused(clip: Any, how: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        intervene(clip, {POST: how})


def test_addresses_are_checked_before_anything_runs(clip: Any) -> None:
    with pytest.raises(ConfigError, match="No intervention was given"):
        intervene(clip, {})
    with pytest.raises(UnknownHookPointError, match="numbered 0 to 63"):
        intervene(clip, {f"{POST}:64": "zero"})
    with pytest.raises(UnknownHookPointError, match="the nearest are"):
        intervene(clip, {"vision.blocks.1.mlp.pots": "zero"})
    with pytest.raises(UnsupportedHookError, match="one vector per input"):
        intervene(clip, {At("vision.pooled", tokens=[0]): "zero"})
    with pytest.raises(UnsupportedHookError, match="no class token"):
        intervene(clip, {At(TEXT_POST, tokens="cls"): "zero"})
    with pytest.raises(UnsupportedHookError, match="no end-of-text token"):
        intervene(clip, {At(POST, tokens="eos"): "zero"})
    with pytest.raises(ConfigError, match="is not known"):
        At(POST, tokens="last")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="No token"):
        At(POST, tokens=[])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({At(POST, tokens=[17]): "zero"}, "has 17 tokens"),
        ({POST: lambda x: None}, "returned a NoneType"),
        ({POST: lambda x: x[:, :3]}, "returned a tensor of shape"),
        ({At(POST, tokens=[1]): lambda x: x.repeat(1, 2, 1)}, "returned a tensor of shape"),
        ({POST: Patch(torch.zeros(3, 17, 64))}, "holds 3 rows and row 4 was needed"),
        ({POST: Patch(torch.zeros(3, 17, 64), rows=[0, 1])}, "for 2 inputs and input 4 came"),
        ({POST: Patch(torch.zeros(3, 17, 64), rows=3)}, "holds 3 rows and row 3 was needed"),
        ({POST: Patch(torch.zeros(5, 16, 64))}, "inputs of the same size"),
    ],
)
def test_what_does_not_fit_the_input_is_refused(clip: Any, change: Any, message: str) -> None:
    with pytest.raises(UnsupportedHookError, match=message), intervene(clip, change):
        clip.encode_images(pictures(5))


@pytest.mark.parametrize(
    "values",
    [torch.zeros(5, 17, 63), torch.zeros(64), torch.zeros(0, 17, 64), torch.ones(5, 64).int()],
)
@pytest.mark.parametrize("how", [Mean, Patch])
def test_values_that_are_not_of_the_site_are_refused(clip: Any, how: Any, values: Any) -> None:
    with pytest.raises(UnsupportedHookError, match="The values given for"):
        intervene(clip, {POST: how(values)})


def test_an_intervention_that_never_fired_is_an_error(clip: Any) -> None:
    with pytest.raises(HookNeverFiredError, match=r"text\.blocks\.1\.mlp\.post"):
        with intervene(clip, {POST: "zero", TEXT_POST: "zero"}):
            clip.encode_images(pictures(1))
