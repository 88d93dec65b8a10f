"""What a training step is given: images, what they are called, and where their letters are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """What fixes the images of all batches."""

    seed: int
    size_px: int = 64
    patch_px: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rendered images with captions."""

    pixels: npt.NDArray[np.uint8]
    """``(n, h, w, 3)``."""
    captions: list[str]
    """One for each image."""
    letters: npt.NDArray[np.int64]
    """``(n, grid, grid, 3)`` letter targets; ``IGNORE`` alone on images without writing."""
    kept: npt.NDArray[np.int64]
    """``(n, kept_patches)``, ascending: a random choice of patches, those with writing first, then
    those with any other content."""
    kinds: list[str]
    """For each image, how its caption's thing appears: a field of :class:`Mix` or
    :class:`WideMix`, or ``person`` or ``letters``."""
    more: list[tuple[int | None, str]] = field(default_factory=list)
    """Further captions, each with the image that it is true of; ``None`` where it is a near miss
    that is true of none."""
    also: list[tuple[int, int]] = field(default_factory=list)
    """Images and captions (those of ``more`` after the others) that happen to match too, so that
    they count neither way."""

    def texts(self) -> list[str]:
        """All captions, ``(m,)``."""
        return [*self.captions, *(text for _, text in self.more)]

    def owners(self) -> npt.NDArray[np.int64]:
        """The image that each of them belongs to, ``(m,)``; -1 for none."""
        own = list(range(len(self.captions)))
        return np.array([*own, *(-1 if i is None else i for i, _ in self.more)], dtype=np.int64)


def keep_patches(weight: npt.NDArray[np.float64], n_kept: int) -> npt.NDArray[np.int64]:
    """The patches of most weight, ``(n, n_kept)`` of ``(n, grid, grid)``, ascending."""
    order = np.argsort(-weight.reshape(len(weight), -1), axis=1, kind="stable")
    return np.sort(order[:, :n_kept], axis=1)
