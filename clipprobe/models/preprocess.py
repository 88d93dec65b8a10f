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

from clipprobe.errors import DataError, UnreadableImageError, UnsupportedModelError

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
    from clipprobe.data.decode import decode_image, to_rgb

    if isinstance(item, Image.Image):
        return to_rgb(item)
    if isinstance(item, np.ndarray):
        if item.dtype != np.uint8 or item.ndim != 3 or item.shape[2] != 3 or item.size == 0:
            raise DataError(
                f"An image array must be uint8 of shape (height, width, 3), this one is "
                f"{item.dtype} of shape {item.shape}: convert it first."
            )
        return Image.fromarray(item)
    if not (isinstance(item, str | Path) or hasattr(item, "source")):
        raise DataError(
            "An image must be a path, a Pillow image, a uint8 array or an ImageRecord, "
            f"this one is a {type(item).__name__}."
        )
    try:
        return decode_image(getattr(item, "source", item))
    except UnreadableImageError as error:
        name = getattr(item, "id", item)
        raise UnreadableImageError(f"The image {str(name)!r} cannot be read: {error}.") from error


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
        canonical = json.dumps(config, sort_keys=True, default=str)
        self.fingerprint = f"pil:{hashlib.sha256(canonical.encode()).hexdigest()[:16]}"

    def __call__(self, images: Sequence[object]) -> Tensor:
        """Normalised pixels ``(b, 3, h, w)``, float32, bit-equal to the reference.

        Raises:
            DataError: the images end up in different shapes (only where :meth:`groups` says so).
        """
        pils = [as_pil(image) for image in images]
        if all(self.keeps(image.height, image.width) for image in pils):
            arrays = [self._normalise(image) for image in pils]
            if len({array.shape for array in arrays}) == 1:
                return torch.from_numpy(np.stack(arrays))
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
        target, crop = self.geometry(height, width)
        if target != (height, width):
            if self.resample not in _MODES:
                raise UnsupportedModelError(
                    f"This model resizes with Pillow's filter {self.resample}, for which torch "
                    "has no differentiable equal: give images of the model's own size "
                    f"({self.size} x {self.size})."
                )
            # antialias selects Pillow's kernel (a = -0.5) also where the image grows.
            pixels = functional.interpolate(
                pixels, size=target, mode=_MODES[self.resample], antialias=True
            ).clamp(0, 1)
        top, left = (self._offset(t - c) for t, c in zip(target, crop, strict=True))
        return pixels[..., top : top + crop[0], left : left + crop[1]]

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


class NaflexPreprocess(Preprocess):
    """SigLIP 2 NaFlex: every image keeps its shape and gets at most ``max_num_patches`` patches.

    ``size`` is the side of a square image. A batch holds images of one resulting shape.
    """

    def __init__(self, processor: Any, **options: Any) -> None:
        self.patch_size, self.max_num_patches = processor.patch_size, processor.max_num_patches
        self._processor = processor
        super().__init__(self._reference, resize_to=None, **options)

    def geometry(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        from transformers.models.siglip2 import image_processing_pil_siglip2 as reference

        shape: tuple[int, int] = reference.get_image_size_for_max_num_patches(
            height, width, self.patch_size, self.max_num_patches
        )
        return shape, shape

    def _reference(self, images: list[Image.Image]) -> Tensor:
        shapes = {self.geometry(image.height, image.width)[1] for image in images}
        if len(shapes) > 1:
            raise DataError(
                "This model keeps each image's shape, and these images end up in "
                f"{len(shapes)} different ones: preprocess them one by one or by `groups`."
            )
        (height, width), p = shapes.pop(), self.patch_size
        out = self._processor(images=images, return_tensors="pt")["pixel_values"]
        rows, columns = height // p, width // p
        patches = out[:, : rows * columns].reshape(-1, rows, columns, p, p, 3)
        pixels: Tensor = patches.permute(0, 5, 1, 3, 2, 4).reshape(-1, 3, height, width)
        return pixels


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

    options = {
        "size": size,
        "resample": int(processor.resample),
        "mean": processor.image_mean,
        "std": processor.image_std,
        "config": config,
        "rescale": processor.rescale_factor,
    }
    if hasattr(processor, "max_num_patches"):
        preprocess: Preprocess = NaflexPreprocess(processor, **options)
    else:

        def run(images: list[Image.Image]) -> Tensor:
            pixels: Tensor = processor(images=images, return_tensors="pt")["pixel_values"]
            return pixels

        shortest = getattr(processor.size, "shortest_edge", None)
        preprocess = Preprocess(run, resize_to=shortest, **options)
    # An image of another size than the model's, so that no step can be the identity.
    shape = tuple(preprocess([Image.new("RGB", (2 * size + 1, 2 * size + 1))]).shape[-2:])
    if shape != (size, size):
        raise UnsupportedModelError(
            f"The checkpoint's image processor makes images of {shape[0]} x {shape[1]} pixels, "
            f"but the model reads {size} x {size}: correct its preprocessor_config.json."
        )
    return preprocess
