"""What MLP neurons write into the residual stream, and the images to linearise at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from clipprobe.errors import UnsupportedHookError
from clipprobe.stimuli import concept_set, concepts, render

if TYPE_CHECKING:
    from clipprobe.models import Clip

N_REFERENCE = 16
"""Reference images where the user gives none."""


def reference_images(side: int) -> list[Any]:
    """Colour pictures of concepts spread over the bundled list."""
    known = concepts()
    names = [known[i] for i in np.linspace(0, len(known) - 1, N_REFERENCE).astype(int)]
    samples = concept_set("picture", names=names, size_px=max(16, side))
    return [render(sample.scene).image for sample in samples]


def mlp_writes(clip: Clip, index: int) -> Tensor:
    """What each neuron of a block adds to the stream per unit of activation, ``(unit, width)``."""
    tower = clip.anatomy.vision
    block = tower.blocks[index]
    weight = tower.columns(index)
    if weight is not None:
        return weight.T.float()
    # open_clip with a layer scale: the scale is what adds to the stream, the map lies before it.
    maps = [
        part
        for part in block.module.modules()
        if isinstance(part, nn.Linear)
        and (part.in_features, part.out_features) == (tower.d_mlp, tower.d_model)
    ]
    if len(maps) != 1:
        raise UnsupportedHookError(
            f"The map from the neurons of vision.blocks.{index} to the residual stream was not "
            f"found ({len(maps)} candidates): use its mlp.out instead."
        )
    with torch.no_grad():
        rows = maps[0].weight.T
        scaled: Tensor = block.mlp_out(rows) - block.mlp_out(torch.zeros_like(rows))
    return scaled.float()
