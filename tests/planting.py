"""A tiny CLIP in which one neuron writes what tells images apart, and images that it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import clipprobe
from clipprobe.testing import checkpoints as tiny

PLANTED = "vision.blocks.1.mlp.post:7"


def one_neuron(folder: Path) -> Any:
    """Only neuron 7 of block 1 writes much of what tells images apart."""
    clip = clipprobe.load(tiny.tiny_clip(folder))
    layers = clip.module.vision_model.encoder.layers
    with torch.no_grad():
        for index, layer in enumerate(layers):
            layer.mlp.fc2.weight.mul_(0.05)
            layer.self_attn.out_proj.weight.mul_(1.0 if index == 0 else 0.05)
        layers[1].mlp.fc2.weight[:, 7] = torch.randn(
            tiny.D_VISION, generator=torch.Generator().manual_seed(3)
        )
    return clip


def images(reds: list[int], seed: int = 0) -> list[Image.Image]:
    """One noisy image for each mean of the red channel."""
    rng = np.random.default_rng(seed)
    return [
        Image.fromarray(
            np.clip(rng.normal([red, 128, 128], 25, (32, 32, 3)), 0, 255).astype(np.uint8)
        )
        for red in reds
    ]
