"""Captured tensors in the graph: before the capture always, after it with ``grad=True``."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hooks.checks import FAMILIES, assert_close, assert_differs, assert_same, pictures

import clipprobe
from clipprobe.errors import UnsupportedHookError
from clipprobe.hooks import At, Scale, capture, intervene

BLOCK = "vision.blocks.1."
SITES = [
    "resid_pre",
    "attn.q",
    "attn.k",
    "attn.v",
    "attn.pattern",
    "attn.z",
    "attn.head_out",
    "attn.out",
    "resid_mid",
    "mlp.pre",
    "mlp.post",
    "mlp.out",
    "resid_post",
]


@pytest.fixture
def wide(checkpoint: Any) -> Any:
    """A model of its own in float64: finite differences need it."""
    clip = clipprobe.load(checkpoint("clip"))
    clip.module.double()
    clip.dtype = torch.float64
    return clip


def pixels_of(clip: Any, n: int = 2) -> torch.Tensor:
    from PIL import Image

    pixels: torch.Tensor = clip.preprocess([Image.fromarray(p) for p in pictures(n)])
    return pixels.to(clip.dtype)


def score(clip: Any, pixels: torch.Tensor) -> torch.Tensor:
    """A smooth function of the embedding, in the precision of the model."""
    pooled = clip.adapter.vision_pooled(pixels)
    projected = clip.adapter.vision_projected(pooled)
    weights = torch.linspace(-1, 1, projected.shape[-1], dtype=projected.dtype)
    return (projected * weights).sum()


@pytest.mark.parametrize("pixels_need_gradients", [False, True])
@pytest.mark.parametrize("site", SITES)
def test_gradient_at_a_site_is_the_slope_along_every_path(
    wide: Any, site: str, pixels_need_gradients: bool
) -> None:
    """Against a central difference of the same score when the site is really moved."""
    name = BLOCK + site
    pixels = pixels_of(wide).requires_grad_(pixels_need_gradients)
    with capture(wide, name, grad=True) as acts:
        value = score(wide, pixels)
        (gradient,) = torch.autograd.grad(value, acts[name])
    generator = torch.Generator().manual_seed(3)
    direction = torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype)
    step = 1e-5

    def moved(by: float) -> float:
        with intervene(wide, {name: lambda x: x + by * direction}), torch.no_grad():
            return float(score(wide, pixels))

    slope = (moved(step) - moved(-step)) / (2 * step)
    assert abs(slope) > 1e-6
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_capturing_for_gradients_leaves_the_output_as_it_was(load_tiny: Any, family: str) -> None:
    clip = load_tiny(family)
    pixels, ids = pixels_of(clip), torch.tensor(clip.tokenize(["a dog"]))
    images, texts = clip.image_embeddings(pixels), clip.text_embeddings(ids)
    with capture(clip, "*", grad=True) as acts:
        seen_images, seen_texts = clip.image_embeddings(pixels), clip.text_embeddings(ids)
    assert_same(seen_images, images)
    assert_same(seen_texts, texts)
    for tower, seen in (("vision", seen_images), ("text", seen_texts)):
        names = [name for name in acts if name.startswith(tower)]
        gradients = torch.autograd.grad(seen[:, 0].sum(), [acts[name] for name in names])
        for name, gradient in zip(names, gradients, strict=True):
            assert gradient.isfinite().all() and (gradient != 0).any(), name


def test_gradient_to_the_pixels_is_the_same_with_captures_on_every_site(wide: Any) -> None:
    pixels = pixels_of(wide).requires_grad_()
    (bare,) = torch.autograd.grad(score(wide, pixels), pixels)
    with capture(wide, "vision.blocks.*", grad=True):
        (seen,) = torch.autograd.grad(score(wide, pixels), pixels)
    assert_differs(bare, torch.zeros_like(bare))
    assert_close(seen, bare, 1e-10)


def test_without_grad_a_capture_can_be_differentiated_by_the_pixels(clip: Any) -> None:
    pixels = pixels_of(clip).requires_grad_()
    with capture(clip, BLOCK + "mlp.post", pool="max") as acts:
        embeddings = clip.image_embeddings(pixels)
    value = acts[BLOCK + "mlp.post"][:, 17].sum()
    (gradient,) = torch.autograd.grad(value, pixels, retain_graph=True)
    assert (gradient != 0).any()
    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        torch.autograd.grad(embeddings.sum(), acts[BLOCK + "mlp.post"])


def test_gradient_at_an_intervened_site_is_that_of_the_changed_value(wide: Any) -> None:
    name = BLOCK + "mlp.post"
    pixels = pixels_of(wide)
    with intervene(wide, {At(name, tokens=[0, 3]): Scale(0.5)}), capture(wide, name) as halved:
        with torch.no_grad():
            score(wide, pixels)
    with intervene(wide, {At(name, tokens=[0, 3]): Scale(0.5)}):
        with capture(wide, name, grad=True) as acts:
            (gradient,) = torch.autograd.grad(score(wide, pixels), acts[name])
    assert_same(acts[name], halved[name])
    assert (gradient != 0).any()


def test_two_captures_for_gradients_may_be_nested(wide: Any) -> None:
    name = BLOCK + "resid_mid"
    with capture(wide, name, grad=True) as outer, capture(wide, name, grad=True) as inner:
        value = score(wide, pixels_of(wide))
    one, two = torch.autograd.grad(value, [outer[name], inner[name]])
    assert (one != 0).any()
    assert_same(one, two)


def test_what_is_captured_for_gradients_is_safe_from_operations_in_place(wide: Any) -> None:
    block = wide.anatomy.vision.blocks[1]
    name = BLOCK + "mlp.pre"

    def scribble(module: Any, args: tuple[torch.Tensor]) -> None:
        args[0].mul_(2.0)

    handle = block.activation.register_forward_pre_hook(scribble)
    try:
        with capture(wide, name, grad=True) as acts:
            value = score(wide, pixels_of(wide))
    finally:
        handle.remove()
    with capture(wide, name) as plain, torch.no_grad():
        score(wide, pixels_of(wide))
    assert_same(acts[name], plain[name])
    (gradient,) = torch.autograd.grad(value, acts[name])
    assert (gradient != 0).any()


def test_gradients_need_a_graph_and_one_forward_pass(clip: Any) -> None:
    name = BLOCK + "mlp.post"
    with pytest.raises(UnsupportedHookError, match="ran without gradients"):
        with capture(clip, name, grad=True):
            clip.encode_images(pictures(1))
    with pytest.raises(UnsupportedHookError, match="a second one reached"):
        with capture(clip, name, grad=True):
            clip.image_embeddings(pixels_of(clip))
            clip.image_embeddings(pixels_of(clip))


@pytest.mark.parametrize(
    "options",
    [
        {"sites": BLOCK + "mlp.post", "pool": "max"},
        {"sites": BLOCK + "mlp.post:3"},
        {"sites": BLOCK + "mlp.post", "sink": print},
    ],
)
def test_gradients_are_for_whole_hook_points(clip: Any, options: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedHookError, match="only a whole hook point"):
        capture(clip, grad=True, **options)
