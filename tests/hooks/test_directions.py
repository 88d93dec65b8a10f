"""Directions as hook points: one-hot ones are the neuron itself, class ones are the logit."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import tiny_open_clip
import torch
from hooks.checks import (
    FAMILIES,
    POST,
    TEXT_POST,
    TEXTS,
    assert_close,
    assert_differs,
    assert_same,
    hooks_of,
    pictures,
    run_both,
)

import clipprobe
from clipprobe import At, Edit, Mean, Patch, Scale, Steer, Zero
from clipprobe.errors import ConfigError, UnknownHookPointError, UnsupportedHookError
from clipprobe.hooks import capture, intervene, resolve

UNIT = 3
CHANGES: dict[str, Any] = {
    "zero": Zero(),
    "set": 1.5,
    "scale": Scale(-2.0),
    "steer": Steer(3.0, 0.5),
    "function": lambda x: x * x + 1,
}


def one_hot(clip: Any, point: str = POST, unit: int = UNIT) -> Any:
    """The model with a direction that is one of its units, and the direction's address."""
    n = resolve(clip, point)[0].n_units
    return clipprobe.direction("same", np.eye(n)[unit], at=point).of(clip), f"{point}.same"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("point", [POST, TEXT_POST, "vision.blocks.0.resid_mid", "vision.pooled"])
def test_a_one_hot_direction_is_the_unit(family: str, point: str, load_tiny: Any) -> None:
    clip = load_tiny(family)
    named, site = one_hot(clip, point)
    with capture(named, [point, site, f"{site}:0"]) as acts:
        embedded = run_both(named)
    assert_same(acts[site][..., 0], acts[point][..., UNIT])
    assert_same(acts[f"{site}:0"], acts[point][..., UNIT])
    for made, plain in zip(embedded, run_both(clip), strict=True):
        assert_same(made, plain)
    for how in CHANGES.values():
        with intervene(named, {f"{site}:0": how}), capture(named, [point]) as by_direction:
            found = run_both(named)
        with intervene(clip, {f"{point}:{UNIT}": how}), capture(clip, [point]) as by_unit:
            expected = run_both(clip)
        left, expected_there = by_direction[point], by_unit[point]
        assert_same(left.isnan(), expected_there.isnan())  # texts of other lengths
        assert_close(left.nan_to_num(), expected_there.nan_to_num(), 1e-6)
        for made, right in zip(found, expected, strict=True):
            assert_close(made, right, 1e-6)


def test_a_one_hot_direction_is_the_channel_of_a_map(clip: Any) -> None:
    named, site = one_hot(clip, "vision.embed")
    with capture(named, [site, "vision.embed"], pool="max") as acts:
        named.encode_images(pictures())
    assert_same(acts[site][:, 0], acts["vision.embed"][:, UNIT])
    with intervene(named, {At(f"{site}:0", tokens=[0, 3]): 2.0}):
        found = named.encode_images(pictures())
    with intervene(clip, {At(f"vision.embed:{UNIT}", tokens=[0, 3]): 2.0}):
        assert_close(found, clip.encode_images(pictures()), 1e-6)


def test_a_one_hot_direction_is_the_channel_of_a_resnet(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", tiny_open_clip.library())
    weights = tiny_open_clip.save_weights(tmp_path / "RN50", "RN50", True)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_, **__: str(weights))
    clip = clipprobe.load("open_clip:RN50/openai")
    add = resolve(clip, "vision.*.add")[-1].name
    named, site = one_hot(clip, add)
    with capture(named, [site, add]) as acts:
        named.encode_images(pictures())
    assert_same(acts[site][:, 0], acts[add][:, UNIT])
    for how in CHANGES.values():
        with intervene(named, {f"{site}:0": how}):
            found = named.encode_images(pictures())
        with intervene(clip, {f"{add}:{UNIT}": how}):
            assert_close(found, clip.encode_images(pictures()), 1e-6)


def test_values_of_other_inputs_go_where_the_unit_takes_them(clip: Any) -> None:
    named, site = one_hot(clip)
    with capture(named, [POST, site]) as acts:
        named.encode_images(pictures())
    for kind, options in ((Mean, {}), (Patch, {"rows": [4, 3, 2, 1, 0]})):
        with intervene(named, {site: kind(acts[site], **options)}):
            found = named.encode_images(pictures())
        with intervene(clip, {f"{POST}:{UNIT}": kind(acts[POST], **options)}):
            expected = clip.encode_images(pictures())
        assert_close(found, expected, 1e-6)
        assert_differs(found, clip.encode_images(pictures()))


def test_a_class_direction_is_the_logit(load_tiny: Any) -> None:
    for family in ("clip", "siglip"):
        clip = load_tiny(family)
        texts = clip.encode_texts(TEXTS[:2])
        classes = clipprobe.direction(
            "class", clip.scale * texts, at="vision.projected", bias=clip.bias, normalised=True
        )
        named = classes.of(clip)
        with capture(named, ["vision.projected.class"]) as acts:
            embedded = named.encode_images(pictures())
        assert_close(acts["vision.projected.class"], clip.logits(embedded, texts), 1e-4)
        with pytest.raises(UnsupportedHookError, match="use Steer"):
            intervene(named, {"vision.projected.class:0": Zero()})
        with intervene(named, {"vision.projected.class:0": Steer(1.0)}):
            steered = named.encode_images(pictures())
        assert (clip.similarity(steered, texts[:1]) > clip.similarity(embedded, texts[:1])).all()


def test_directions_of_any_length_are_read_steered_and_set(clip: Any) -> None:
    """Against the formulas of the page, on correlated directions, all at once and one by one."""
    rng = np.random.default_rng(0)
    base = "vision.blocks.0.resid_post"
    rows = rng.normal(size=(3, clip.anatomy.vision.d_model)) + 0.5
    named = clipprobe.direction("three", rows, at=base, bias=[0.0, 1.0, -1.0]).of(clip)
    site = f"{base}.three"
    with capture(named, [base, site]) as acts:
        named.encode_images(pictures())
    x = acts[base].double().numpy()
    assert_close(acts[site], x @ rows.T + [0.0, 1.0, -1.0], 1e-4)

    def after(changes: Any) -> tuple[Any, Any]:
        with intervene(named, changes), capture(named, [base, site]) as seen:
            named.encode_images(pictures())
        return seen[base], seen[site]

    stream, _ = after({f"{site}:1": Steer(2.0)})
    assert_close(stream, x + 2 * rows[1], 1e-4)
    stream, _ = after({site: Steer([1.0, 0.0, -1.0])})
    assert_close(stream, x + rows[0] - rows[2], 1e-4)
    stream, read = after({f"{site}:1": 4.0})
    step = (4 - (x @ rows[1] + 1)) / (rows[1] @ rows[1])
    assert_close(stream, x + step[..., None] * rows[1], 1e-4)
    assert_close(read[..., 1], np.full(read.shape[:2], 4.0), 1e-4)
    _, read = after({site: Zero()})
    assert_close(read, np.zeros(read.shape), 1e-4)
    _, read = after({At(site, units=[0, 2], tokens="cls"): 1.0})
    assert_close(read[:, 0][:, [0, 2]], np.ones((len(read), 2)), 1e-4)
    assert_close(read[:, 1:], acts[site][:, 1:], 1e-4)


def test_changes_of_a_point_and_its_directions_compose_in_order(clip: Any) -> None:
    named, site = one_hot(clip)
    first = {f"{POST}:{UNIT}": 2.0, f"{site}:0": Scale(3.0)}
    for changes, value in ((first, 6.0), (dict(reversed(first.items())), 2.0)):
        with capture(named, [POST, site]) as acts, intervene(named, changes):
            named.encode_images(pictures())
        assert_close(acts[site], np.full(acts[site].shape, value), 1e-6)
        assert_close(acts[POST][..., UNIT], np.full(acts[site].shape[:2], value), 1e-6)


def test_the_gradient_along_a_direction_is_that_of_the_unit(clip: Any) -> None:
    named, site = one_hot(clip)
    pixels = clip.preprocess([pictures()[0]])
    target = torch.from_numpy(clip.encode_texts(["a dog"]))

    def slopes(model: Any, *names: str) -> list[Any]:
        with capture(model, names, grad=True) as acts:
            score = (model.image_embeddings(pixels) @ target.T).sum()
        return list(torch.autograd.grad(score, [acts[name] for name in names]))

    [unit] = slopes(clip, POST)
    for order in ((POST, site), (site, POST)):
        found = dict(zip(order, slopes(named, *order), strict=True))
        assert_close(found[site][..., 0], unit[..., UNIT], 1e-7)
        assert_close(found[POST], unit, 1e-7)


def test_names_are_those_of_any_hook_point(clip: Any) -> None:
    named, site = one_hot(clip)
    before = hooks_of(clip.module)
    [point] = resolve(named, "*.same")
    assert (point.name, point.base, point.n_units, point.unit) == (site, POST, 1, "direction")
    assert point in named.hook_points() and point.name not in {p.name for p in clip.hook_points()}
    assert resolve(named, "vision.blocks.-2.mlp.post.same") == [point]
    assert [p.name for p in resolve(named, "vision.blocks.*.mlp.post")] == [
        p.name for p in resolve(clip, "vision.blocks.*.mlp.post")
    ]
    with pytest.raises(UnknownHookPointError, match="1 directions, numbered 0 to 0"):
        capture(named, f"{site}:1")
    with pytest.raises(UnknownHookPointError):
        capture(clip, site)
    with pytest.raises(UnsupportedHookError, match="one vector per input"):
        capture(one_hot(clip, "vision.pooled")[0], "vision.pooled.same", pool="cls")
    with pytest.raises(ValueError, match="broken"), capture(named, site):
        raise ValueError("broken")
    assert hooks_of(clip.module) == before


def test_what_cannot_be_a_direction_says_why(clip: Any) -> None:
    n = clip.anatomy.vision.d_mlp
    with pytest.raises(ConfigError, match="begin with a letter"):
        clipprobe.direction("a.b", np.ones(n), at=POST)
    with pytest.raises(ConfigError, match="zero"):
        clipprobe.direction("none", np.zeros(n), at=POST)
    with pytest.raises(ConfigError, match="bias"):
        clipprobe.direction("two", np.ones((2, n)), at=POST, bias=[1.0, 2.0, 3.0])
    with pytest.raises(ConfigError, match="2 numbers"):
        clipprobe.direction("short", [1.0, 2.0], at=POST).of(clip)
    with pytest.raises(UnsupportedHookError, match="vector of numbers"):
        clipprobe.direction("head", np.ones(4), at="vision.blocks.0.attn.z").of(clip)
    with pytest.raises(UnsupportedHookError, match="names 3 hook points"):
        clipprobe.direction("all", np.ones(n), at="vision.blocks.*.mlp.post").of(clip)
    wet = clipprobe.direction("wet", np.ones(n), at=POST)
    with pytest.raises(ConfigError, match="already"):
        clipprobe.direction("wet", 2 * np.ones(n), at=POST).of(wet.of(clip))


def test_a_direction_is_stored_and_steers_for_good(clip: Any, tmp_path: Any) -> None:
    rows = np.random.default_rng(1).normal(size=(2, clip.anatomy.vision.d_mlp))
    wet = clipprobe.direction("wet", rows, at=POST, bias=0.5)
    wet.save(tmp_path / "wet.safetensors")
    again = clipprobe.load_edit(tmp_path / "wet.safetensors")
    assert again == wet and again.of(clip).identity == wet.of(clip).identity
    assert wet.of(clip).identity != clip.identity
    other = clipprobe.direction("wet", rows + 1e-6, at=POST, bias=0.5)
    assert other.of(clip).identity != wet.of(clip).identity
    steered = (wet + Edit({f"{POST}.wet:1": Steer(0.3)})).of(clip)
    found = steered.encode_images(pictures())
    with intervene(clip, {POST: Steer(0.3 * rows[1])}):
        assert_close(found, clip.encode_images(pictures()), 1e-6)
    weights = steered.running(steered.network.copied())
    assert_close(weights.encode_images(pictures()), found, 1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_reads_in_float32(dtype: str, load_tiny: Any) -> None:
    clip = load_tiny("clip", dtype=dtype)
    named, site = one_hot(clip)
    with capture(named, [POST, site]) as acts:
        named.encode_images(pictures())
    assert acts[site].dtype == torch.float32
    assert_same(acts[site][..., 0], acts[POST][..., UNIT].float())
    with intervene(named, {f"{site}:0": Zero()}):
        found = named.encode_images(pictures())
    with intervene(clip, {f"{POST}:{UNIT}": Zero()}):
        assert_close(found, clip.encode_images(pictures()), 1e-6)
