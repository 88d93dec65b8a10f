"""Changes of the image that the model sees: places that are painted over, and several views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clipprobe.edits.part import Arrays
from clipprobe.errors import ConfigError
from clipprobe.models.network import Network

if TYPE_CHECKING:
    from clipprobe.models import Clip

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the width and height."""


@dataclass(frozen=True, init=False, eq=False)
class Mask:
    """Paint over the same places of every image.

    Args:
        hidden: True where an image is hidden: ``(image_size, image_size)`` pixels, or rows and
            columns of the model's patches.
        fill: Red, green and blue from 0 to 1; by default the mean that the model subtracts.
    """

    kind: ClassVar[str] = "mask"
    hidden: npt.NDArray[np.bool_]
    fill: tuple[float, float, float] | None

    def __init__(self, hidden: Any, fill: Sequence[float] | None = None) -> None:
        cells = np.array(hidden, order="C")
        if cells.ndim != 2 or cells.dtype != np.bool_ or not cells.any():
            raise ConfigError("A mask is an array of rows and columns, true where it hides.")
        if fill is not None and (len(fill) != 3 or not all(0 <= one <= 1 for one in fill)):
            raise ConfigError("The fill of a mask is red, green and blue, each from 0 to 1.")
        cells.flags.writeable = False
        colour = None if fill is None else (float(fill[0]), float(fill[1]), float(fill[2]))
        object.__setattr__(self, "hidden", cells)
        object.__setattr__(self, "fill", colour)

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """The colour and the places."""
        fill = None if self.fill is None else list(self.fill)
        return {"fill": fill}, {"hidden": self.hidden.astype(np.uint8)}

    @classmethod
    def read(cls, fields: Mapping[str, Any], arrays: Arrays) -> Self:
        """From what :meth:`stored` gave."""
        return cls(arrays["hidden"].astype(bool), fields["fill"])

    def onto(self, clip: Clip, network: Network) -> Network:
        """Pixels are painted before the vision tower."""
        size, shape = clip.image_size, self.hidden.shape
        if shape not in ((size, size), tuple(clip.grid)):
            rows, columns = clip.grid
            raise ConfigError(
                f"The mask has {shape[0]} rows and {shape[1]} columns, and {clip.id} sees "
                f"{size} x {size} pixels in {rows} x {columns} patches: give a mask of either."
            )
        mean = np.asarray(clip.preprocess.mean, np.float32)
        std = np.asarray(clip.preprocess.std, np.float32)
        colour = mean if self.fill is None else np.asarray(self.fill, np.float32)
        fill = torch.from_numpy((colour - mean) / std).view(1, 3, 1, 1)
        hidden = torch.from_numpy(self.hidden.copy())

        def paint(pixels: Tensor) -> Tensor:
            height, width = pixels.shape[-2:]
            rows = torch.arange(height) * shape[0] // height
            columns = torch.arange(width) * shape[1] // width
            where = hidden[rows][:, columns].to(pixels.device)
            return torch.where(where, fill.to(pixels), pixels)

        return network.changed(
            pixels=(*network.pixels, lambda views: [paint(view) for view in views])
        )

    def __str__(self) -> str:
        return f"mask over {self.hidden.mean():.1%} of the image"


@dataclass(frozen=True, slots=True)
class View:
    """One look at an image: a part of it at the full size, maybe mirrored.

    Args:
        box: Left, top, right and bottom as shares of width and height.
        mirrored: Left and right change sides.
    """

    box: Box = (0.0, 0.0, 1.0, 1.0)
    mirrored: bool = False


@dataclass(frozen=True, init=False)
class Views:
    """Encode several views of every image, and average them as unit vectors.

    What is read inside the vision tower is that of the first view.

    Args:
        views: At least two; usually the first is the whole image.
    """

    kind: ClassVar[str] = "views"
    views: tuple[View, ...]

    def __init__(self, views: Sequence[View]) -> None:
        for one in views:
            left, top, right, bottom = one.box
            if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
                raise ConfigError(
                    f"The box {one.box} of a view is not left, top, right and bottom from 0 to 1."
                )
        if len(views) < 2:
            raise ConfigError("An average needs at least two views.")
        object.__setattr__(self, "views", tuple(views))

    @classmethod
    def mirrored(cls) -> Self:
        """The image and its mirror image."""
        return cls([View(), View(mirrored=True)])

    @classmethod
    def crops(cls, share: float = 0.75) -> Self:
        """The image, its middle and its four corners, each ``share`` of its sides."""
        rest = 1 - share
        corners = [(x, y) for x in (0.0, rest) for y in (0.0, rest)]
        places = [(rest / 2, rest / 2), *corners]
        return cls([View(), *(View((x, y, x + share, y + share)) for x, y in places)])

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Each view."""
        rows = [{"box": list(one.box), "mirrored": one.mirrored} for one in self.views]
        return {"views": rows}, {}

    @classmethod
    def read(cls, fields: Mapping[str, Any], arrays: Arrays) -> Self:
        """From what :meth:`stored` gave."""
        views = []
        for row in fields["views"]:
            left, top, right, bottom = (float(one) for one in row["box"])
            views.append(View((left, top, right, bottom), bool(row["mirrored"])))
        return cls(views)

    def onto(self, clip: Clip, network: Network) -> Network:
        """One batch of pixels becomes several."""

        def look(batches: list[Tensor]) -> list[Tensor]:
            return [_viewed(batch, view) for batch in batches for view in self.views]

        return network.changed(pixels=(*network.pixels, look))

    def __str__(self) -> str:
        return f"mean of {len(self.views)} views of every image"


def _viewed(pixels: Tensor, view: View) -> Tensor:
    """A view of ``(b, 3, H, W)``, at the same size."""
    height, width = pixels.shape[-2:]
    left, top, right, bottom = view.box
    if view.box != (0.0, 0.0, 1.0, 1.0):
        x0, y0 = round(left * width), round(top * height)
        x1, y1 = max(x0 + 1, round(right * width)), max(y0 + 1, round(bottom * height))
        part = pixels[..., y0:y1, x0:x1].float()
        pixels = torch.nn.functional.interpolate(
            part, size=(height, width), mode="bilinear", align_corners=False, antialias=True
        ).to(pixels.dtype)
    return pixels.flip(-1) if view.mirrored else pixels
