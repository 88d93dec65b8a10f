"""Image to tensor, its differentiable twin, and its inverse for display.

Preprocessing runs through Pillow, always: transformers' other backend (torchvision) differs by up
to 0.015 per normalised pixel, so leaving the choice to what happens to be installed would change
every number. An image that already has the model's size takes a short cut that yields the same
bits (tested).

The differentiable twin lets gradients reach the pixels. On the model's own grid it agrees with
Pillow's path to 1e-6. Elsewhere it follows Pillow's two passes in floating point, where Pillow
rounds each to 8 bits: measured on noise, smooth images and drawn text of 33 to 500 pixels, the
two differ by at most 0.0161 normalised units (1.1 of 255 grey levels) and by 0.0046 on average.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from clipprobe.data.images import as_pil
from clipprobe.errors import DataError, UnsupportedModelError

_MODES = {2: "bilinear", 3: "bicubic"}


class Preprocess:
    """A model's image preprocessing.

    Args:
        run: RGB Pillow images to normalised pixels ``(b, 3, size, size)``; the reference path.
        size: Side of the model's input in pixels.
        resize_to: Shortest edge after resizing, or None to resize straight to the square.
        resample: Pillow's filter number (2 bilinear, 3 bicubic).
        mean, std: Per channel, of pixels in 0..1.
        config: Everything that determines the pixels, JSON-able; hashed into the fingerprint.
        rescale: What 8-bit values are multiplied by.
        crop_rounds: Whether an odd margin is halved by rounding (torchvision), not cut off.
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
        crop_rounds: bool = False,
    ) -> None:
        self._run = run
        self.size = size
        self.resize_to = resize_to
        self.resample = resample
        self.rescale = rescale
        self.crop_rounds = crop_rounds
        self.mean = np.asarray(mean, dtype=np.float32)
        self.std = np.asarray(std, dtype=np.float32)
        # The reference's own order of operations and types, so that the bits agree.
        unit = (np.arange(256).astype(np.float64) * rescale).astype(np.float32)
        self._levels = np.ascontiguousarray(((unit[:, None] - self.mean) / self.std).T)
        canonical = json.dumps(config, sort_keys=True, default=str)
        self.fingerprint = f"pil:{hashlib.sha256(canonical.encode()).hexdigest()[:16]}"

    def __call__(self, images: Sequence[object]) -> Tensor:
        """Normalised pixels ``(b, 3, h, w)``, float32, bit-equal to the reference.

        Raises:
            DataError: the images end up in different shapes (only where :meth:`groups` says so).
        """
        pils = [as_pil(image) for image in images]
        if all(self.keeps(image.height, image.width) for image in pils):
            arrays = [np.asarray(image) for image in pils]
            if len({array.shape for array in arrays}) == 1:
                return torch.from_numpy(self._normalised(arrays))
        return self._run(pils)

    def geometry(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Height and width after resizing, and after the centre crop, of an image."""
        square = (self.size, self.size)
        if self.resize_to is None:
            return square, square
        short = min(height, width)
        return (
            int(self.resize_to * height / short),
            int(self.resize_to * width / short),
        ), square

    def keeps(self, height: int, width: int) -> bool:
        """Whether an image of that size passes resize and crop unchanged."""
        return self.geometry(height, width) == ((height, width), (height, width))

    def groups(self, images: Sequence[Image.Image]) -> list[list[int]]:
        """Indices of the images that can share a batch, because they end up in one shape."""
        shapes: dict[tuple[int, int], list[int]] = {}
        for index, image in enumerate(images):
            shapes.setdefault(self.geometry(image.height, image.width)[1], []).append(index)
        return list(shapes.values())

    def _normalised(self, arrays: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """Pixels ``(h, w, 3)`` each, as ``(b, 3, h, w)``: every 8-bit value has its number."""
        height, width, channels = arrays[0].shape
        out = np.empty((len(arrays), channels, height, width), np.float32)
        for array, planes in zip(arrays, out, strict=True):
            for channel, plane in enumerate(planes):
                np.take(self._levels[channel], array[..., channel], out=plane, mode="clip")
        return out

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
        target, crop = self.geometry(height, width)
        if target != (height, width):
            if self.resample not in _MODES:
                raise UnsupportedModelError(
                    f"This model resizes with Pillow's filter {self.resample}, for which torch "
                    "has no differentiable equal: give images of the model's own size "
                    f"({self.size} x {self.size})."
                )
            pixels = self._resize(pixels, target)
        top, left = (self._offset(t - c) for t, c in zip(target, crop, strict=True))
        return pixels[..., top : top + crop[0], left : left + crop[1]]

    def _resize(self, pixels: Tensor, target: tuple[int, int]) -> Tensor:
        height, width = pixels.shape[-2:]
        between = (height, target[1])
        if columns_first(height - target[0], width - target[1]):
            between = (target[0], width)
        for size in (between, target):
            if size != tuple(pixels.shape[-2:]):
                # Pillow clips after each pass; antialias selects its kernel (a = -0.5) also
                # where the image grows.
                pixels = functional.interpolate(
                    pixels, size=size, mode=_MODES[self.resample], antialias=True
                ).clamp(0, 1)
        return pixels

    def _offset(self, surplus: int) -> int:
        return round(surplus / 2) if self.crop_rounds else surplus // 2

    def display(self, pixels: Tensor) -> list[Image.Image]:
        """Normalised pixels ``(b, 3, h, w)`` back to 8-bit images; values outside are clipped."""
        mean, std = self._constants(pixels.detach().float())
        unit = (pixels.detach().float() * std + mean).clamp(0, 1)
        arrays = (unit * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        return [Image.fromarray(array) for array in arrays]

    def to_grid(self, image: object) -> Image.Image:
        """What the model sees of an image: resized and cropped to its input, 8 bits, RGB."""
        return self.display(self([image]))[0]


def columns_first(less_height: int, less_width: int) -> bool:
    """Whether Pillow resizes along the columns before it resizes along the rows.

    Until version 12 it never did. Since 13 it does where the height shrinks by more than twice as
    many pixels as the width (https://github.com/python-pillow/Pillow/pull/9549); because it clips
    between the passes, the order changes an image by up to a dozen grey levels.
    """
    return int(PIL.__version__.split(".")[0]) >= 13 and less_height > max(0, 2 * less_width)
