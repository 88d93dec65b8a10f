"""How the patches of a preprocessed image are laid out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models.clip import Clip


def patch_grid(clip: Clip, pixels: Tensor) -> tuple[int, int]:
    """Rows and columns of the patches of these pixels; for ResNets, of the last map."""
    if clip.anatomy.vision.grid is not None:
        return clip.anatomy.vision.grid
    side = clip.image_size // clip.grid[0]  # a model that keeps each image's shape
    return pixels.shape[2] // side, pixels.shape[3] // side
