"""Token Grad-CAM: equal to the same computed by hand, known answers, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import clipprobe
from clipprobe.attribution import explain
from clipprobe.attribution.job import Job
from clipprobe.attribution.methods.token_grad_cam import token_grad_cam
from clipprobe.attribution.registry import Maps
from clipprobe.attribution.target import Targets, targets_of
from clipprobe.errors import UnsupportedHookError


@pytest.fixture(scope="module")
def pixels(clip: Any) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return clip.preprocess(list(rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)))


def run(clip: Any, pixels: torch.Tensor, target: Any, **settings: Any) -> Maps:
    """The method on one target for all images."""
    return token_grad_cam(Job(clip, pixels, targets_of(clip, [target] * len(pixels))), **settings)


def of_function(name: str, kind: str, read: Callable[[torch.Tensor], torch.Tensor]) -> Targets:
    """A score that is any function of the pixels."""
    return Targets(
        names=(name,) * 3,
        kind=kind,
        units="units",
        points=(),
        directions=torch.ones(3, 1),
        features=lambda x: read(x)[:, None],
    )


def by_hand(
    module: torch.nn.Module, layer: torch.nn.Module, score: Callable[[], torch.Tensor]
) -> np.ndarray:
    """Grad-CAM with a bare torch hook, and loops where the formula has sums."""
    kept: list[torch.Tensor] = []

    def keep(module: Any, arguments: Any, output: Any) -> Any:
        value = (output[0] if isinstance(output, tuple) else output).detach().requires_grad_()
        kept.append(value)
        return (value, *output[1:]) if isinstance(output, tuple) else value

    handle = layer.register_forward_hook(keep)
    try:
        scores = score()
    finally:
        handle.remove()
    (gradients,) = torch.autograd.grad(scores.sum(), kept[0])
    a, g = kept[0].detach().double().numpy(), gradients.double().numpy()
    n_images, n_tokens, n_channels = a.shape
    result = np.zeros((n_images, n_tokens - 1))
    for image in range(n_images):
        for channel in range(n_channels):
            weight = g[image, 1:, channel].sum() / (n_tokens - 1)  # eq. 1, without class token
            result[image] += weight * a[image, 1:, channel]  # eq. 2, without ReLU
    return result.reshape(n_images, 4, 4)


@pytest.mark.parametrize("block", [0, 1])
def test_it_equals_the_formula_by_hand(clip: Any, pixels: torch.Tensor, block: int) -> None:
    direction = torch.from_numpy(clip.encode_texts(["a dog"])[0])
    layer = clip.anatomy.vision.blocks[block].module
    expected = by_hand(
        clip.module, layer, lambda: (clip.image_embeddings(pixels) * direction).sum(1)
    )
    maps = run(clip, pixels, "a dog", hook=f"vision.blocks.{block}.resid_post")
    assert np.abs(expected).max() > 1e-4
    assert np.abs(maps.values - expected).max() < 1e-7
    assert (maps.values < 0).any() and (maps.values > 0).any()
    assert np.abs(maps.values[:, ::-1] - expected).max() > 1e-4  # the comparison notices a flip


def test_it_equals_the_formula_by_hand_for_a_neuron(clip: Any, pixels: torch.Tensor) -> None:
    blocks = clip.anatomy.vision.blocks
    fired: list[torch.Tensor] = []
    handle = blocks[2].activation.register_forward_hook(lambda m, a, out: fired.append(out))

    def neuron() -> torch.Tensor:
        clip.image_embeddings(pixels)
        return fired[-1][:, :, 9].amax(1)

    try:
        expected = by_hand(clip.module, blocks[1].module, neuron)
    finally:
        handle.remove()
    job = Job(clip, pixels, targets_of(clip, ["vision.blocks.-1.mlp.post:9"] * len(pixels)))
    maps = token_grad_cam(job)
    assert maps.settings == {"hook": "vision.blocks.1.resid_post"}
    assert np.abs(expected).max() > 1e-4
    assert np.abs(maps.values - expected).max() < 1e-7
    assert np.abs(job.scores() - fired[0][:, :, 9].amax(1).detach().double().numpy()).max() == 0


def test_a_linear_reading_of_the_tokens_has_a_known_map(clip: Any, pixels: torch.Tensor) -> None:
    """score = sum_t c_t v.A_t gives the map mean(c) v.A_t."""
    hook = "vision.blocks.1.resid_post"
    generator = torch.Generator().manual_seed(1)
    v, c = torch.randn(32, generator=generator), torch.rand(17, generator=generator)

    def read(x: torch.Tensor) -> torch.Tensor:
        with clipprobe.capture(clip, [hook]) as seen:
            clip.image_embeddings(x)
        return torch.einsum("btd,d,t->b", seen[hook], v, c)

    maps = token_grad_cam(Job(clip, pixels, of_function("reading", "unit", read)), hook=hook)
    with torch.no_grad(), clipprobe.capture(clip, [hook]) as seen:
        clip.image_embeddings(pixels)
    expected = (c[1:].mean() * seen[hook][:, 1:] @ v).view(3, 4, 4).numpy()
    assert np.abs(maps.values - expected).max() < 1e-5
    assert np.abs(expected).max() > 0.1


def test_images_of_a_batch_do_not_mix(clip: Any, pixels: torch.Tensor) -> None:
    together = run(clip, pixels, "a dog").values
    for i in range(len(pixels)):
        alone = run(clip, pixels[i : i + 1], "a dog").values
        assert np.abs(alone - together[i]).max() < 1e-7


def test_the_last_blocks_output_counts_where_all_tokens_are_pooled(load_tiny: Any) -> None:
    siglip = load_tiny("siglip")
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    hook = "vision.blocks.-1.resid_post"
    found = explain(siglip, picture, "a dog", "token_grad_cam", hook=hook)
    assert found.settings == {"hook": "vision.blocks.2.resid_post"}
    assert (found.map != 0).all() and found.map.shape == (4, 4)


def test_a_picture_that_is_not_square_keeps_its_grid(load_tiny: Any) -> None:
    naflex = load_tiny("siglip2")
    picture = np.random.default_rng(0).integers(0, 256, (60, 20, 3), dtype=np.uint8)
    found = explain(naflex, picture, "a dog", "token_grad_cam")
    assert found.grid[0] > found.grid[1]
    assert found.map.shape == found.grid


@pytest.mark.parametrize("site", ["resid_post", "mlp.out", "attn.out", "resid_mid"])
def test_the_last_blocks_output_is_refused(clip: Any, pixels: torch.Tensor, site: str) -> None:
    """There the patches' gradient is exactly zero: a map would be blank and look like an answer."""
    with pytest.raises(UnsupportedHookError, match="zero gradient"):
        run(clip, pixels, "a dog", hook=f"vision.blocks.-1.{site}")
    with clipprobe.capture(clip, [f"vision.blocks.-1.{site}"], grad=True) as seen:
        score = targets_of(clip, ["a dog"])(pixels)
    (gradient,) = torch.autograd.grad(score.sum(), next(iter(seen.values())))
    assert gradient[:, 0].any() and not gradient[:, 1:].any()


@pytest.mark.parametrize(
    ("target", "hook", "words"),
    [
        ("a dog", "vision.blocks.1.attn.z", "axes b t d"),
        ("a dog", "vision.blocks.1.mlp.post", "axes b t d"),
        ("a dog", "vision.embed", "axes b t d"),
        ("a dog", "text.blocks.1.resid_post", "vision hook point"),
        ("vision.blocks.1.mlp.post:3", "vision.blocks.1.resid_post", "no gradient"),
        ("vision.blocks.1.mlp.post:3", "vision.blocks.2.resid_pre", "no gradient"),
        ("vision.pooled:3", "vision.blocks.2.resid_post", "no gradient"),
        ("vision.embed:3", None, "before vision.embed:3"),
        ("vision.blocks.0.resid_pre:3", None, "before vision.blocks.0.resid_pre:3"),
    ],
)
def test_hook_points_without_a_map_are_refused(
    clip: Any, pixels: torch.Tensor, target: str, hook: str | None, words: str
) -> None:
    with pytest.raises(UnsupportedHookError, match=words):
        run(clip, pixels, target, hook=hook)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("a dog", "vision.blocks.1.resid_post"),
        ("vision.projected:0", "vision.blocks.1.resid_post"),
        ("vision.blocks.1.mlp.post:0", "vision.blocks.0.resid_post"),
        ("vision.blocks.0.mlp.post:0", "vision.blocks.0.resid_pre"),
        ("vision.blocks.2.resid_pre:0", "vision.blocks.0.resid_post"),
        ("vision.blocks.1.resid_pre:0", "vision.blocks.0.resid_pre"),
    ],
)
def test_the_default_is_the_last_stream_before_the_score(
    clip: Any, pixels: torch.Tensor, target: str, expected: str
) -> None:
    assert run(clip, pixels, target).settings == {"hook": expected}
