"""Cover parts of the pixels with the mean colour, and see what the score loses.

``occlusion`` (Zeiler and Fergus 2014, arXiv:1311.2901) moves a window over the image. ``rise``
(Petsiuk et al. 2018, arXiv:1806.07421) covers at random, with smooth masks, and takes the mean
score where a pixel was seen, less the mean over all masks. Both work on every model; covered pixels
are not what the model was trained on, and a colour of its own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clipprobe.attribution.masking import encode_mean_pixel
from clipprobe.attribution.registry import Maps, Method
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.job import Job

_N_AT_ONCE = 32
"""Masks that are drawn at a time, whatever goes through the model at once: the same masks."""


def windows(grid: tuple[int, int], side: int) -> NDArray[np.bool_]:
    """Every square of ``side`` cells that lies on the grid, ``(m, rows * columns)``."""
    rows, columns = grid
    high, wide = min(side, rows), min(side, columns)
    boxes = []
    for top in range(rows - high + 1):
        for left in range(columns - wide + 1):
            cells = np.zeros(grid, bool)
            cells[top : top + high, left : left + wide] = True
            boxes.append(cells.reshape(-1))
    return np.stack(boxes)


def occlusion(job: Job, *, window: int = 2) -> Maps:
    """Mean loss of the score over the windows that cover a patch.

    Args:
        window: Side of the square, in patches; at most half of the image's.
    """
    import torch

    if window < 1:
        raise ConfigError(f"window={window} is too small: give the side in patches, at least 1.")
    side = max(1, min(window, min(job.grid) // 2))
    cover = windows(job.grid, side)
    scores = job.scores()
    under = job.per_pair(encode_mean_pixel(job, torch.from_numpy(~cover)))  # p m
    lost = (scores[:, None] - under) @ cover / cover.sum(axis=0)
    return Maps(
        values=job.on_grid(lost),
        units="{score} lost where a window on the patch has the mean colour",
        reason="losses of single windows do not share out the score",
        settings={"window": side},
    )


def rise(job: Job, *, n_masks: int = 500, keep: float = 0.5, cells: int = 7, seed: int = 0) -> Maps:
    """Mean score where a pixel is seen, less the mean score of all masks.

    Args:
        n_masks: Random masks, the same for every image.
        keep: Probability that a cell of a mask is seen.
        cells: Cells of a mask along each side, before it is smoothed and shifted.
    """
    import torch

    if n_masks < 2 or cells < 1 or not 0 < keep < 1:
        raise ConfigError(
            f"RISE with n_masks={n_masks}, keep={keep}, cells={cells} cannot run: give at least 2 "
            "masks, a probability between 0 and 1, and at least 1 cell."
        )
    size = (int(job.pixels.shape[-2]), int(job.pixels.shape[-1]))
    rng = np.random.default_rng(seed)
    sums = torch.zeros(len(job), *size, dtype=torch.float64)
    visits = torch.zeros(size, dtype=torch.float64)
    total = np.zeros(len(job))
    for start in range(0, n_masks, _N_AT_ONCE):
        masks = smooth_masks(rng, min(_N_AT_ONCE, n_masks - start), keep, cells, size)
        features = torch.stack(
            [job.encode(image[None] * masks[:, None].to(image)) for image in job.pixels]
        )
        scores = job.per_pair(features)  # p m
        sums += torch.einsum("pm,mhw->phw", torch.from_numpy(scores), masks.double())
        visits += masks.double().sum(dim=0)
        total += scores.sum(axis=1)
    mean = sums / visits.clamp(min=1e-9)
    return Maps(
        values=mean.numpy() - (total / n_masks)[:, None, None],
        resolution="pixels",
        units="{score} where the pixel is seen, less the mean over masks",
        reason="means over random masks do not share out the score",
        settings={"n_masks": n_masks, "keep": keep, "cells": cells, "seed": seed},
    )


def smooth_masks(
    rng: np.random.Generator, n: int, keep: float, cells: int, size: tuple[int, int]
) -> Tensor:
    """Random coarse masks, enlarged bilinearly and shifted by less than a cell: ``(n, h, w)``."""
    import torch
    from torch.nn import functional

    high, wide = (math.ceil(side / cells) for side in size)
    coarse = torch.from_numpy((rng.random((n, 1, cells, cells)) < keep).astype(np.float32))
    large = functional.interpolate(
        coarse, size=((cells + 1) * high, (cells + 1) * wide), mode="bilinear", align_corners=False
    )[:, 0]
    tops, lefts = rng.integers(0, high, n), rng.integers(0, wide, n)
    return torch.stack(
        [
            one[top : top + size[0], left : left + size[1]]
            for one, top, left in zip(large, tops, lefts, strict=True)
        ]
    )


OCCLUSION = Method(
    run=occlusion,
    title="occlusion",
    paper="Zeiler and Fergus 2014, arXiv:1311.2901",
    cost="1 and one per window",
)
RISE = Method(
    run=rise, title="RISE", paper="Petsiuk et al. 2018, arXiv:1806.07421", cost="1 and n_masks"
)
