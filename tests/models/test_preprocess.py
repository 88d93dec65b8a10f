"""Preprocessing equals transformers' Pillow backend to the bit; its twin lets gradients through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from transformers import CLIPImageProcessorPil, Siglip2ImageProcessorPil, SiglipImageProcessorPil

from clipprobe.errors import DataError, UnsupportedModelError
from clipprobe.models.checkpoints.processors import from_processor
from clipprobe.models.preprocess import Preprocess

SIZES = [(300, 401), (50, 40), (32, 32), (33, 33), (17, 90), (1, 1), (5, 400)]


def noise(height: int, width: int) -> Image.Image:
    rng = np.random.default_rng(height * 1000 + width)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def smooth(height: int, width: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin(x / 9 + y / 17), 127 + 120 * np.cos(x / 23), 255 * y / height]
    return Image.fromarray(np.stack(waves, -1).astype(np.uint8))


def drawing(height: int, width: int) -> Image.Image:
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle([width // 4, height // 4, width // 2, height // 2], fill="black")
    draw.text((3, 3), "ipod", fill="red")
    return image


def unit(image: Image.Image) -> torch.Tensor:
    return torch.tensor(np.asarray(image)).permute(2, 0, 1)[None].float() / 255


def processors() -> dict[str, tuple[Any, int]]:
    crop = {"height": 32, "width": 32}
    return {
        "clip": (CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=crop), 32),
        "clip, larger edge": (
            CLIPImageProcessorPil(size={"shortest_edge": 40}, crop_size=crop),
            32,
        ),
        "siglip": (SiglipImageProcessorPil(size=crop), 32),
        "bilinear": (SiglipImageProcessorPil(size=crop, resample=2), 32),
        "naflex": (Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16), 32),
    }


@pytest.fixture(params=sorted(processors()))
def pair(request: pytest.FixtureRequest) -> tuple[Any, Preprocess]:
    processor, size = processors()[request.param]
    return processor, from_processor(processor, size=size)


@pytest.mark.parametrize("size", SIZES)
def test_equals_the_processor_to_the_bit(pair: tuple[Any, Preprocess], size: Any) -> None:
    processor, preprocess = pair
    image = noise(*size)
    ours = preprocess([image])
    theirs = processor(images=[image], return_tensors="pt")["pixel_values"]
    if theirs.ndim == 3:  # NaFlex: patches; ours as pixels, cut into the same patches
        rows, columns = ours.shape[2] // 8, ours.shape[3] // 8
        theirs, rest = theirs[:, : rows * columns], theirs[:, rows * columns :]
        assert (rest == 0).all()
        ours = ours.reshape(1, 3, rows, 8, columns, 8).permute(0, 2, 4, 3, 5, 1)
        ours = ours.reshape(theirs.shape)
    assert ours.dtype == torch.float32
    assert torch.equal(ours, theirs)


def test_one_image_of_the_models_size_is_alike_alone_and_among_others(
    pair: tuple[Any, Preprocess],
) -> None:
    _, preprocess = pair
    grid, other = noise(32, 32), noise(64, 64)
    assert torch.equal(preprocess([grid, other])[:1], preprocess([grid]))


def test_twin_agrees_on_the_models_own_grid(pair: tuple[Any, Preprocess]) -> None:
    _, preprocess = pair
    image = noise(32, 32)
    twin = preprocess.differentiable(unit(image))
    if preprocess.resize_to == 40:  # this one enlarges even an image of the model's size
        assert (twin - preprocess([image])).abs().max() < 0.017
    else:
        assert (twin - preprocess([image])).abs().max() <= 1e-6


@pytest.mark.parametrize("draw", [noise, smooth, drawing])
@pytest.mark.parametrize("size", [(300, 401), (50, 40), (500, 375), (33, 33), (17, 90)])
def test_twin_differs_elsewhere_by_rounding_only(
    pair: tuple[Any, Preprocess], draw: Callable[[int, int], Image.Image], size: Any
) -> None:
    _, preprocess = pair
    image = draw(*size)
    error = (preprocess.differentiable(unit(image)) - preprocess([image])).abs()
    # The bounds that the module states; 1/255 of the range is 0.0149 units at most.
    assert error.max() <= 0.017
    assert error.mean() <= 0.005


@pytest.mark.parametrize("size", [(32, 32), (50, 40)])
def test_gradients_pass_the_twin(pair: tuple[Any, Preprocess], size: Any) -> None:
    _, preprocess = pair
    pixels = (unit(smooth(*size)) * 0.8 + 0.1).double().requires_grad_()
    weights = torch.randn(
        preprocess.differentiable(pixels).shape, generator=torch.Generator().manual_seed(0)
    ).double()
    (gradient,) = torch.autograd.grad((preprocess.differentiable(pixels) * weights).sum(), pixels)
    step = 1e-4 * gradient
    with torch.no_grad():
        moved = [
            (preprocess.differentiable(pixels + sign * step) * weights).sum() for sign in (1, -1)
        ]
    slope = float(moved[0] - moved[1]) / 2e-4
    assert slope == pytest.approx(float((gradient**2).sum()), rel=1e-3)


def test_display_is_the_inverse(pair: tuple[Any, Preprocess]) -> None:
    _, preprocess = pair
    image = noise(32, 32)
    shown = preprocess.display(preprocess([image]))[0]
    if preprocess.resize_to != 40:
        assert np.array_equal(np.asarray(shown), np.asarray(image))
    seen = preprocess.to_grid(drawing(90, 70))
    assert seen.mode == "RGB"
    again = preprocess.to_grid(seen)
    if preprocess.resize_to != 40:
        # So what is drawn on the seen picture is all that changes.
        assert torch.equal(preprocess([seen]), preprocess([drawing(90, 70)]))
        assert np.array_equal(np.asarray(again), np.asarray(seen))


def test_display_clips_what_no_image_can_hold() -> None:
    preprocess = from_processor(*processors()["clip"][:1], size=32)
    assert np.asarray(preprocess.display(torch.full((1, 3, 4, 4), 99.0))[0]).min() == 255
    assert np.asarray(preprocess.display(torch.full((1, 3, 4, 4), -99.0))[0]).max() == 0


def test_fingerprint_names_what_changes_the_pixels() -> None:
    found = {
        name: from_processor(processor, size=size).fingerprint
        for name, (processor, size) in processors().items()
    }
    assert len(set(found.values())) == len(found)
    again = from_processor(*processors()["clip"][:1], size=32)
    assert again.fingerprint == found["clip"]


def test_naflex_groups_images_by_the_shape_they_end_up_in() -> None:
    preprocess = from_processor(processors()["naflex"][0], size=32)
    images = [noise(40, 40), noise(20, 80), noise(64, 64), noise(10, 40)]
    assert preprocess.groups(images) == [[0, 2], [1, 3]]
    assert preprocess(images[1:2]).shape == (1, 3, 16, 64)
    with pytest.raises(DataError, match="2 different ones"):
        preprocess(images)
    fixed = from_processor(processors()["siglip"][0], size=32)
    assert fixed.groups(images) == [[0, 1, 2, 3]]


@pytest.mark.parametrize(
    "pixels",
    [torch.zeros(3, 4, 4), torch.zeros(1, 4, 4, 3), torch.zeros(1, 3, 4, 4, dtype=torch.uint8)],
)
def test_twin_refuses_other_tensors(pixels: torch.Tensor) -> None:
    preprocess = from_processor(processors()["clip"][0], size=32)
    with pytest.raises(DataError, match=r"Pixels must be floating, of shape \(b, 3, h, w\)"):
        preprocess.differentiable(pixels)


def test_twin_refuses_a_filter_that_torch_does_not_have() -> None:
    processor = SiglipImageProcessorPil(size={"height": 32, "width": 32}, resample=1)  # Lanczos
    preprocess = from_processor(processor, size=32)
    assert preprocess.differentiable(torch.zeros(1, 3, 32, 32)).shape == (1, 3, 32, 32)
    with pytest.raises(UnsupportedModelError, match="filter 1"):
        preprocess.differentiable(torch.zeros(1, 3, 40, 40))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"do_normalize": False}, "switches off do_normalize"),
        ({"do_center_crop": False}, "switches off do_center_crop"),
        ({"crop_size": {"height": 24, "width": 24}}, "makes images of 24 x 24 pixels"),
        ({"size": {"shortest_edge": 20}}, "from a shortest edge of 20"),
    ],
)
def test_a_processor_that_does_not_fit_is_refused(options: dict[str, Any], says: str) -> None:
    settings = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    with pytest.raises(UnsupportedModelError, match=says):
        from_processor(CLIPImageProcessorPil(**{**settings, **options}), size=32)


def test_pillow_resizes_in_the_order_that_the_twin_assumes() -> None:
    """Checked on noise of black and white, where the two orders differ by many grey levels."""
    rng = np.random.default_rng(0)
    preprocess = from_processor(processors()["siglip"][0], size=32)
    told_apart = 0
    for _ in range(60):
        height, width = (int(side) for side in rng.integers(33, 120, 2))
        pixels = rng.integers(0, 2, (height, width, 3)).astype(np.uint8) * 255
        image = Image.fromarray(pixels)
        expected = preprocess([image])
        swapped = preprocess([image.transpose(Image.Transpose.TRANSPOSE)]).transpose(2, 3)
        told_apart += int((expected - swapped).abs().max() > 0.02)
        error = (preprocess.differentiable(unit(image)) - expected).abs().max()
        assert error <= 0.017, (height, width)
    # Transposing swaps the order of the passes except where the rule says otherwise.
    assert told_apart > 20
