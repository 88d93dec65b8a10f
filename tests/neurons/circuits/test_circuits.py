"""Patch sweeps, paths and the logit lens against closed forms and single interventions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import clipprobe
from clipprobe.errors import ClipprobeError, ConfigError, DataError, UnsupportedHookError
from clipprobe.neurons.circuits import logit_lens, patch_sweep, path_patch
from clipprobe.testing import checkpoints as tiny

TEXTS = ["a cat", "the sea"]
FAMILIES = ["clip", "metaclip_2", "altclip", "chinese_clip", "siglip", "siglip2"]
LAST = tiny.N_BLOCKS - 1


@pytest.fixture(scope="module")
def images() -> list[Any]:
    return [image.resize((32, 32)) for image in tiny.pictures()[:6]]


def one_by_one(clip: Any, clean: Any, other: Any, address: Any, name: str) -> np.ndarray:
    """``(n, m)``: the effect of a patch, by :func:`clipprobe.intervene` alone."""
    with clipprobe.capture(clip, [name], pool="none") as acts:
        clip.encode_images(other)
    before = clip.encode_images(clean)
    with clipprobe.intervene(clip, {address: clipprobe.Patch(acts[name])}):
        after = clip.encode_images(clean)
    return (after - before) @ clip.encode_texts(TEXTS).T * float(clip.scale)


@pytest.mark.parametrize("address", ["vision.blocks.1.resid_post", "vision.blocks.0.attn.z:2"])
def test_a_sweep_is_many_single_patches(clip: Any, images: list[Any], address: str) -> None:
    clean, other, name = images[:3], images[3:], address.split(":")[0]
    found = patch_sweep(clip, clean, other, TEXTS, sites=address, batch_size=7)
    assert found.positions == tuple(range(17)) and found.effects.shape == (3, 2, 1, 17)
    for place in (0, 5, 16):
        at = clipprobe.At(address, place)
        assert np.allclose(
            found.effects[:, :, 0, place], one_by_one(clip, clean, other, at, name), atol=1e-4
        )
    whole = patch_sweep(clip, clean, other, TEXTS, sites=address, positions="all")
    assert np.allclose(
        whole.effects[..., 0, 0], one_by_one(clip, clean, other, address, name), atol=1e-4
    )
    assert found.noise < 1e-4 and np.abs(found.effects).max() > 1e-2


def test_the_whole_last_stream_carries_the_whole_difference(clip: Any, images: list[Any]) -> None:
    site = f"vision.blocks.{LAST}.resid_post"
    found = patch_sweep(clip, images[:3], images[3:], TEXTS, sites=site)
    share = found.share[:, :, 0]
    assert np.allclose(share[..., 0], 1, atol=1e-4)  # the class token is all that is read
    assert np.allclose(share[..., 1:], 0, atol=1e-4)
    assert found.mean_share().shape == (1, 17) and abs(found.mean_share()[0, 0] - 1) < 1e-4
    # The control puts another image there, whose answer is another one.
    assert np.abs(found.control[..., 0, 0] - found.effects[..., 0, 0]).max() > 1e-2


def test_pairs_that_hardly_differ_have_no_share(clip: Any, images: list[Any]) -> None:
    found = patch_sweep(clip, images[:2], images[:2], TEXTS, positions=[0])
    assert np.isnan(found.share).all() and np.isnan(found.mean_share()).all()
    single = patch_sweep(clip, images[:1], images[1:2], TEXTS, positions=[0])
    assert np.isnan(single.control).all() and np.isfinite(single.effects).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_swept_on_both_towers(
    load_tiny: Any, images: list[Any], family: str
) -> None:
    clip = load_tiny(family)
    n_blocks = len(clip.anatomy.vision.blocks)
    seen = patch_sweep(
        clip, images[:2], images[2:4], TEXTS,
        sites=f"vision.blocks.{n_blocks - 1}.resid_post", positions="all",
    )  # fmt: skip
    assert np.allclose(seen.share, 1, atol=1e-3)
    words = ["a cat", "a dog", "a hat", "the sea", "a bag", "a bee", "an ant", "a car"]
    lengths = {word: len(tokens) for word, tokens in zip(words, clip.tokenize(words), strict=True)}
    same = [word for word in words if lengths[word] == lengths[words[0]]][:2]
    read = patch_sweep(
        clip, same, same[::-1], images[:2],
        sites=f"text.blocks.{len(clip.anatomy.text.blocks) - 1}.resid_post", positions="all",
    )  # fmt: skip
    assert np.allclose(read.share, 1, atol=1e-3) and read.noise < 1e-3


def direct(clip: Any, clean: Any, other: Any, block: int, head: int) -> np.ndarray:
    """The direct path in closed form: what the head wrote instead, added to the last stream."""
    sites = [f"vision.blocks.{block}.attn.head_out", f"vision.blocks.{LAST}.resid_post"]
    with clipprobe.capture(clip, sites, pool="none") as a:
        before = clip.encode_images(clean)
    with clipprobe.capture(clip, sites, pool="none") as b:
        clip.encode_images(other)
    delta = b[sites[0]][:, 0, head] - a[sites[0]][:, 0, head]
    pooled = clip.anatomy.vision.norm_final(a[sites[1]][:, 0] + delta)
    with torch.no_grad():
        after = torch.nn.functional.normalize(clip.adapter.vision_projected(pooled), dim=-1)
    return (after.numpy() - before) @ clip.encode_texts(TEXTS).T * float(clip.scale)


@pytest.mark.parametrize("block", range(tiny.N_BLOCKS))
def test_the_direct_path_is_what_the_head_writes(clip: Any, images: list[Any], block: int) -> None:
    clean, other = images[:3], images[3:]
    found = path_patch(clip, clean, other, TEXTS, sender=f"vision.blocks.{block}.attn.z:1")
    assert np.allclose(found.effect, direct(clip, clean, other, block, 1), atol=1e-4)
    assert found.noise < 1e-4 and np.abs(found.effect).max() > 1e-3


def test_a_path_through_one_mlp_is_what_that_mlp_makes_of_it(clip: Any, images: list[Any]) -> None:
    clean, other = images[:3], images[3:]
    sites = ["vision.blocks.0.attn.head_out", "vision.blocks.1.resid_mid"]
    with clipprobe.capture(clip, sites, pool="none") as a:
        clip.encode_images(clean)
    with clipprobe.capture(clip, sites, pool="none") as b:
        clip.encode_images(other)
    stream = a[sites[1]] + (b[sites[0]] - a[sites[0]])[:, :, 2]
    block = clip.anatomy.vision.blocks[1]
    with torch.no_grad():
        reads = block.module.mlp.fc1(block.norm_mid(stream))
    before = clip.encode_images(clean)
    with clipprobe.intervene(clip, {"vision.blocks.1.mlp.pre": clipprobe.Patch(reads)}):
        after = clip.encode_images(clean)
    expected = (after - before) @ clip.encode_texts(TEXTS).T * float(clip.scale)
    found = path_patch(
        clip, clean, other, TEXTS,
        sender="vision.blocks.0.attn.z:2", receivers="vision.blocks.1.mlp.pre",
    )  # fmt: skip
    assert np.allclose(found.effect, expected, atol=1e-4)
    assert np.abs(found.effect - found.total).max() > 1e-3


def test_a_sender_at_the_end_has_the_direct_path_alone(clip: Any, images: list[Any]) -> None:
    for sender in (f"vision.blocks.{LAST}.mlp.post:4", f"vision.blocks.{LAST}.mlp.out"):
        found = path_patch(clip, images[:3], images[3:], TEXTS, sender=sender)
        assert np.allclose(found.effect, found.total, atol=1e-5)


def test_the_lens_ends_in_the_model_itself(clip: Any, images: list[Any]) -> None:
    found = logit_lens(clip, images, TEXTS)
    assert found.cosines.shape == (tiny.N_BLOCKS, 6, 2) and found.noise < 1e-6
    own = clip.similarity(images, TEXTS)
    assert np.allclose(found.cosines[-1], own, atol=1e-6)
    with clipprobe.capture(clip, ["vision.blocks.0.resid_post"], pool="cls") as acts:
        clip.encode_images(images)
    with torch.no_grad():
        pooled = clip.anatomy.vision.norm_final(acts["vision.blocks.0.resid_post"])
        early = torch.nn.functional.normalize(clip.adapter.vision_projected(pooled), dim=-1)
    assert np.allclose(found.cosines[0], early.numpy() @ clip.encode_texts(TEXTS).T, atol=1e-5)
    labels = own.argmax(axis=1).tolist()
    assert found.accuracy(labels)[-1].value == 1.0 and found.accuracy(labels)[0].n == 6
    assert found.permuted_accuracy(labels, seed=3)[-1].value <= 1.0


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_lens_on_both_towers(
    load_tiny: Any, images: list[Any], family: str
) -> None:
    clip = load_tiny(family)
    assert logit_lens(clip, images[:2], TEXTS).noise < 1e-5
    texts = logit_lens(clip, ["a cat", "a longer text of a cat"], images[:2], tower="text")
    assert texts.noise < 1e-5 and texts.cosines.shape[1:] == (2, 2)


def test_what_cannot_be_is_refused_in_one_sentence(
    clip: Any, load_tiny: Any, images: list[Any]
) -> None:
    pair = (images[:2], images[2:4], TEXTS)
    cases = [
        (lambda: patch_sweep(clip, images[:2], images[:1], TEXTS), ConfigError, "in pairs"),
        (lambda: patch_sweep(clip, *pair, sites="vision.pooled"), UnsupportedHookError, "no token"),
        (lambda: patch_sweep(clip, *pair, positions=[99]), ConfigError, "from 0 to 16"),
        (lambda: patch_sweep(clip, *pair, positions="some"), ConfigError, "is not 'each'"),
        (lambda: patch_sweep(clip, [], [], TEXTS), DataError, "nothing to run"),
        (
            lambda: patch_sweep(
                clip, ["a"], ["a longer one"], images[:1], sites="text.blocks.0.resid_post"
            ),
            ConfigError,
            "differ in size",
        ),
        (
            lambda: path_patch(clip, *pair, sender="vision.blocks.0.resid_post"),
            UnsupportedHookError,
            "cannot send",
        ),
        (
            lambda: path_patch(
                clip, *pair, sender="vision.blocks.1.attn.z:0", receivers="vision.blocks.0.mlp.pre"
            ),
            ConfigError,
            "does not stand behind",
        ),
        (
            lambda: path_patch(
                clip, *pair, sender="vision.blocks.0.attn.z:0", receivers="vision.blocks.1.attn.z"
            ),
            UnsupportedHookError,
            "cannot receive",
        ),
        (
            lambda: path_patch(
                load_tiny("altclip"), ["a"], ["b"], images[:1], sender="text.blocks.0.attn.z:0"
            ),
            UnsupportedHookError,
            "no residual stream",
        ),
        (lambda: logit_lens(clip, images, TEXTS, tower="image"), ConfigError, "not 'vision'"),
        (lambda: logit_lens(clip, images, []), DataError, "nothing to compare"),
    ]
    for call, kind, words in cases:
        with pytest.raises(ClipprobeError, match=words) as refused:
            call()
        assert isinstance(refused.value, kind) and "\n" not in str(refused.value)
