"""Image to tensor, its differentiable twin, and its inverse for display.

Preprocessing runs through Pillow, always: transformers' other backend (torchvision) differs by up
to 0.015 per normalised pixel, so leaving the choice to what happens to be installed would change
every number. An image that already has the model's size takes a short cut that yields the same
bits (tested).

The differentiable twin lets gradients reach the pixels. On the model's own grid it agrees with
Pillow's path to 1e-6. Elsewhere it resizes in floating point where Pillow rounds to 8 bits after
each pass; on the images of the test suite the two differ by at most 0.04 and on average by less
than 0.006 normalised units (1/255 of the pixel range is about 0.015 units).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from clipprobe.errors import DataError, UnsupportedModelError

_MODES = {2: "bilinear", 3: "bicubic"}


def as_pil(item: object) -> Image.Image:
    """One image in any accepted form, as an RGB Pillow image.

    Args:
        item: A path, a Pillow image of any mode, a uint8 array ``(h, w, 3)``, or an object with
            a ``source`` (an ``ImageRecord``).
    Raises:
        DataError: another type, or an array of another shape or dtype.
        UnreadableImageError: a file that cannot be decoded.
    """
    if isinstance(item, Image.Image):
        return rgb(item)
    if isinstance(item, np.ndarray):
        if item.dtype != np.uint8 or item.ndim != 3 or item.shape[2] != 3:
            raise DataError(
                f"An image array must be uint8 of shape (height, width, 3), this one is "
                f"{item.dtype} of shape {item.shape}: convert it first."
            )
        return Image.fromarray(item)
    source = getattr(item, "source", item)
    if isinstance(source, str):
        source = Path(source)
    if source is item and not isinstance(item, Path):
        raise DataError(
            f"An image must be a path, a Pillow image, a uint8 array or an ImageRecord, "
            f"not a {type(item).__name__}."
        )
    from clipprobe.data.decode import decode_image

    image: Image.Image = decode_image(source)
    return image


def rgb(image: Image.Image) -> Image.Image:
    """RGB as transformers' processors make it: transparency is laid over white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if "A" in image.getbands() or image.info.get("transparency") is not None:
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, over).convert("RGB")
    return image.convert("RGB")


class Preprocess:
    """A model's image preprocessing.

    Args:
        run: RGB Pillow images to normalised pixels ``(b, 3, size, size)``; the reference path.
        size: Side of the model's input in pixels.
        resize_to: Shortest edge after resizing, or None to resize straight to the square.
        resample: Pillow's filter number (2 bilinear, 3 bicubic).
        mean, std: Per channel, of pixels in 0..1.
        config: Everything that determines the pixels, JSON-able; hashed into the fingerprint.
    """

    def __init__(
        self,
        run: Callable[[list[Image.Image]], Tensor],
        *,
        size: int,
        resize_to: int | None,
        resample: int,
        mean: Sequence[float],
        std: Sequence[float],
        config: dict[str, Any],
        rescale: float = 1 / 255,
    ) -> None:
        self._run = run
        self.size = size
        self.resize_to = resize_to
        self.resample = resample
        self.rescale = rescale
        self.mean = np.asarray(mean, dtype=np.float32)
        self.std = np.asarray(std, dtype=np.float32)
        canonical = json.dumps(config, sort_keys=True, default=str)
        self.fingerprint = f"pil:{hashlib.sha256(canonical.encode()).hexdigest()[:16]}"

    def __call__(self, images: Sequence[object]) -> Tensor:
        """Normalised pixels ``(b, 3, size, size)``, float32, bit-equal to the reference."""
        pils = [as_pil(image) for image in images]
        if self._is_grid and all(image.size == (self.size, self.size) for image in pils):
            return torch.from_numpy(np.stack([self._normalise(image) for image in pils]))
        return self._run(pils)

    @property
    def _is_grid(self) -> bool:
        """Whether an image of the model's size passes resize and crop unchanged."""
        return self.resize_to in (None, self.size)

    def _normalise(self, image: Image.Image) -> npt.NDArray[np.float32]:
        # The reference's own order of operations and types, so that the bits agree.
        unit = (np.asarray(image).astype(np.float64) * self.rescale).astype(np.float32)
        normalised: npt.NDArray[np.float32] = ((unit - self.mean) / self.std).transpose(2, 0, 1)
        return normalised

    def _constants(self, like: Tensor) -> tuple[Tensor, Tensor]:
        mean = torch.from_numpy(self.mean).to(like).view(1, 3, 1, 1)
        std = torch.from_numpy(self.std).to(like).view(1, 3, 1, 1)
        return mean, std

    def differentiable(self, pixels01: Tensor) -> Tensor:
        """The same preprocessing in torch, through which gradients flow.

        Args:
            pixels01: ``(b, 3, h, w)``, floating, values 0..1.
        Returns:
            Normalised pixels ``(b, 3, size, size)``. Values that overshoot 0..1 in resizing are
            clipped as Pillow clips them; there the gradient is 0.
        Raises:
            DataError: another shape or an integer dtype.
            UnsupportedModelError: the model resizes with a filter that torch does not have.
        """
        if pixels01.ndim != 4 or pixels01.shape[1] != 3 or not pixels01.is_floating_point():
            raise DataError(
                f"Pixels must be floating, of shape (b, 3, h, w) with values 0..1, these are "
                f"{pixels01.dtype} of shape {tuple(pixels01.shape)}."
            )
        mean, std = self._constants(pixels01)
        return (self._fit(pixels01) - mean) / std

    def _fit(self, pixels: Tensor) -> Tensor:
        height, width = pixels.shape[-2:]
        if self._is_grid and height == width == self.size:
            return pixels
        target = (self.size, self.size)
        if self.resize_to is not None:
            short = min(height, width)
            target = (
                int(self.resize_to * height / short),
                int(self.resize_to * width / short),
            )
        if self.resample not in _MODES:
            raise UnsupportedModelError(
                f"This model resizes with Pillow's filter {self.resample}, for which torch has "
                "no differentiable equal: give images of the model's own size "
                f"({self.size} x {self.size})."
            )
        if target != (height, width):
            # antialias selects Pillow's kernel (a = -0.5) also where the image grows.
            resized = functional.interpolate(
                pixels, size=target, mode=_MODES[self.resample], antialias=True
            )
            pixels = resized.clamp(0, 1)
        top, left = (target[0] - self.size) // 2, (target[1] - self.size) // 2
        return pixels[..., top : top + self.size, left : left + self.size]

    def display(self, pixels: Tensor) -> list[Image.Image]:
        """Normalised pixels ``(b, 3, h, w)`` back to 8-bit images; values outside are clipped."""
        mean, std = self._constants(pixels.detach().float())
        unit = (pixels.detach().float() * std + mean).clamp(0, 1)
        arrays = (unit * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        return [Image.fromarray(array) for array in arrays]

    def to_grid(self, image: object) -> Image.Image:
        """What the model sees of an image: resized and cropped to its input, 8 bits, RGB."""
        return self.display(self([image]))[0]


def from_processor(processor: Any, *, size: int) -> Preprocess:
    """The preprocessing of a transformers image processor of the Pillow backend.

    Raises:
        UnsupportedModelError: it does not produce the model's input size, or leaves out a step
            that the inverse and the differentiable twin rely on.
    """
    config = {key: value for key, value in processor.to_dict().items() if not key.startswith("_")}
    steps = ("do_resize", "do_rescale", "do_normalize")
    missing = [step for step in steps if not getattr(processor, step, False)]
    if missing:
        raise UnsupportedModelError(
            f"The checkpoint's image processor switches off {', '.join(missing)}, which is not "
            "supported: use the preprocessor_config.json of the original model."
        )

    def run(images: list[Image.Image]) -> Tensor:
        pixels: Tensor = processor(images=images, return_tensors="pt")["pixel_values"]
        return pixels

    shape = tuple(run([Image.new("RGB", (size + 7, size + 3))]).shape[-2:])
    if shape != (size, size):
        raise UnsupportedModelError(
            f"The checkpoint's image processor makes images of {shape[0]} x {shape[1]} pixels, "
            f"but the model reads {size} x {size}: correct its preprocessor_config.json."
        )
    shortest = getattr(processor.size, "shortest_edge", None)
    return Preprocess(
        run,
        size=size,
        resize_to=shortest,
        resample=int(processor.resample),
        mean=processor.image_mean,
        std=processor.image_std,
        config=config,
        rescale=processor.rescale_factor,
    )
