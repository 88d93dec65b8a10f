"""A transformers image processor, checked against the model, as a :class:`Preprocess`."""

from __future__ import annotations

from functools import partial
from typing import Any

from PIL import Image
from torch import Tensor

from clipprobe.errors import DataError, UnsupportedModelError
from clipprobe.models.preprocess import Preprocess


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


def _processed(processor: Any, images: list[Image.Image]) -> Tensor:
    pixels: Tensor = processor(images=images, return_tensors="pt")["pixel_values"]
    return pixels


def from_processor(processor: Any, *, size: int) -> Preprocess:
    """The preprocessing of a transformers image processor of the Pillow backend.

    Raises:
        UnsupportedModelError: it does not produce the model's input size, or leaves out a step
            that the inverse and the differentiable twin rely on.
    """
    config = {key: value for key, value in processor.to_dict().items() if not key.startswith("_")}
    steps = ["do_resize", "do_rescale", "do_normalize"]
    shortest = getattr(getattr(processor, "size", None), "shortest_edge", None)
    if shortest is not None:
        steps.append("do_center_crop")  # without it, the shape would depend on the image
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
        preprocess = Preprocess(partial(_processed, processor), resize_to=shortest, **options)
    # Twice the size, so that no step can be the identity.
    shape = tuple(preprocess([Image.new("RGB", (2 * size, 2 * size))]).shape[-2:])
    if shape != (size, size) or (shortest is not None and shortest < size):
        raise UnsupportedModelError(
            f"The checkpoint's image processor makes images of {shape[0]} x {shape[1]} pixels "
            f"from a shortest edge of {shortest or shape[0]}, but the model reads {size} x {size}: "
            "correct its preprocessor_config.json."
        )
    return preprocess
