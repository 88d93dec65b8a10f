"""Interventions: what each one does, where it is visible, how several compose, what is refused."""

from __future__ import annotations

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

import clipprobe
from clipprobe.errors import (
    ConfigError,
    HookNeverFiredError,
    UnknownHookPointError,
    UnsupportedHookError,
)
from clipprobe.hooks import At, Mean, Patch, Scale, capture, hook_points, intervene

POST = "vision.blocks.1.mlp.post"
TEXT_POST = "text.blocks.1.mlp.post"


def seen(clip: Any, changes: Any, *names: str) -> Any:
    """What captures see, and the embeddings, under the changes."""
    with intervene(clip, changes), capture(clip, names or "*") as acts:
        images, texts = run_both(clip)
    return acts, images, texts


def plain(clip: Any, *names: str) -> Any:
    with capture(clip, names or "*") as acts:
        run_both(clip)
    return acts


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
    acts, _, _ = _vision(clip, {names[2]: lambda x: x + delta}, names)
    assert_close(acts[names[2]], acts[names[0]] + acts[names[1]] + delta, 1e-5)
    assert_same(acts[names[1]], before[names[1]])
    assert_close(acts[names[4]], acts[names[2]] + acts[names[3]], 1e-5)
    assert_same(acts[names[5]], acts[names[4]])
    assert_differs(acts[names[3]], before[names[3]])
    acts, _, _ = _vision(clip, {"vision.blocks.1.attn.head_out:0": "zero"}, names)
    assert_close(acts[names[2]], acts[names[0]] + acts[names[1]], 1e-5)
    assert_differs(acts[names[1]], before[names[1]])


def _vision(clip: Any, changes: Any, names: Any) -> Any:
    with intervene(clip, changes), capture(clip, names) as acts:
        images = clip.encode_images(pictures(), batch_size=2)
    return acts, images, None


def test_a_changed_pattern_mixes_the_values_anew(clip: Any) -> None:
    """Attending to the class token only: z of that head is the class token's value."""
    names = ["vision.blocks.1.attn.v", "vision.blocks.1.attn.z", "vision.blocks.1.attn.pattern"]
    before = plain(clip, *names)

    def to_class_token(pattern: torch.Tensor) -> torch.Tensor:
        assert pattern.shape[1:] == (17, 17)
        changed = torch.zeros_like(pattern)
        changed[..., 0] = 1
        return changed

    acts, images, _ = _vision(clip, {f"{names[2]}:2": to_class_token}, names)
    expected = before[names[1]].clone()
    expected[:, :, 2] = before[names[0]][:, :1, 2]
    assert_close(acts[names[1]], expected, 1e-5)
    assert_same(acts[names[1]][:, :, 3], before[names[1]][:, :, 3])
    assert_differs(images, clip.encode_images(pictures(), batch_size=2))


def test_a_changed_query_changes_the_pattern(clip: Any) -> None:
    name = "vision.blocks.1.attn.pattern"
    acts, _, _ = _vision(clip, {"vision.blocks.1.attn.q:1": "zero"}, [name])
    assert_close(acts[name][:, 1], torch.full((5, 17, 17), 1 / 17), 1e-6)


def test_the_change_is_visible_in_the_hidden_states_that_transformers_returns(clip: Any) -> None:
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
    after = _vision(clip, changes, [POST])[0][POST]
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
    after = _vision(clip, {At(f"{z}:2", tokens=[1, 5]): 0.0}, [z])[0][z]
    expected = before[z].clone()
    expected[:, [1, 5], 2] = 0
    assert_same(after, expected)
    after = _vision(clip, {At(f"{pattern}:1", tokens=[3]): 0.0}, [pattern])[0][pattern]
    expected = before[pattern].clone()
    expected[:, 1, 3] = 0
    assert_close(after, expected, 1e-6)
    after = _vision(clip, {At(f"{embed}:9", tokens=[6]): 0.0}, [embed])[0][embed]
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
    whole = _vision(clip, {POST: Mean(before)}, [POST])[0][POST]
    assert_close(whole, before.mean(0, keepdim=True).expand_as(before), 1e-6)
    pooled = _vision(clip, {POST: Mean(before.mean(1).numpy())}, [POST])[0][POST]
    assert_close(pooled, before.mean((0, 1)).expand_as(before), 1e-6)
    unit = _vision(clip, {At(f"{POST}:11", tokens=[2]): Mean(before)}, [POST])[0][POST]
    expected = before.clone()
    expected[:, 2, 11] = before[:, 2, 11].mean()
    assert_close(unit, expected, 1e-6)
    heads = plain(clip, "vision.blocks.0.attn.z")["vision.blocks.0.attn.z"]
    after = _vision(clip, {"vision.blocks.0.attn.z:1": Mean(heads)}, ["vision.blocks.0.attn.z"])[0][
        "vision.blocks.0.attn.z"
    ]
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
    _, patched, _ = _vision(clip, changes, [name])
    assert_close(patched, wanted, 1e-5)
    assert_differs(patched, clip.encode_images(pictures(), batch_size=2))


def test_patch_rows_follow_the_inputs_through_batches_and_length_groups(clip: Any) -> None:
    before = plain(clip, POST)[POST]
    order = [4, 0, 3, 1, 2]
    after = _vision(clip, {POST: Patch(before, rows=order)}, [POST])[0][POST]
    assert_same(after, before[order])
    after = _vision(clip, {POST: Patch(before[:1])}, [POST])[0][POST]
    assert_same(after, before[:1].expand_as(before))
    after = _vision(clip, {POST: Patch(before, rows=2)}, [POST])[0][POST]
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
    after = _vision(clip, changes, [POST])[0][POST]
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
    acts, _, _ = _vision(clip, {"vision.blocks.*.mlp.post:5": 1.5, f"{names[0]}:6": 0}, names)
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
    after = _vision(clip, {f"{POST}:3": lambda x: x.zero_()}, [POST])[0][POST]
    expected = before.clone()
    expected[..., 3] = 0
    assert_same(after, expected)
    mid = "vision.blocks.1.resid_mid"
    _, in_place, _ = _vision(
        clip, {mid: lambda x: x.mul_(3), f"{mid}:5": lambda x: x.zero_()}, [mid]
    )
    _, apart, _ = _vision(clip, {mid: lambda x: x * 3, f"{mid}:5": "zero"}, [mid])
    assert_same(in_place, apart)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("mean", "values from other inputs"),
        ("one", "is no intervention"),
        (True, "A bool is no intervention"),
        (None, "A NoneType is no intervention"),
        (torch.zeros(3), "A Tensor is no intervention"),
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
