"""A tiny CLIP with planted neurons, and images whose concept and modality it can see.

Every concept of every modality is a pattern of one patch, and one channel of the residual stream
answers to each pattern; attention writes nothing. What a neuron of block 0 answers to is then
what its row of weights says.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image

from clipprobe.models import random_twin

MODALITIES = ("picture", "drawing", "word")
CONCEPTS = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen")
SITE = "vision.blocks.0.mlp.post"
TARGET = "dog"
MULTIMODAL, WORD_ONLY, PICTURE_ONLY, CONSTANT, INK = range(5)
_PATCH, _SIDE = 8, 32


def patterns() -> np.ndarray:
    """One pattern per modality and concept, and one of ink: ``(25, 3, 8, 8)``, mean 0."""
    rng = np.random.default_rng(42)
    made = rng.choice([-1.0, 1.0], (25, 3, _PATCH, _PATCH))
    return made - made.mean(axis=(2, 3), keepdims=True)


def channel(modality: str, concept: str) -> int:
    return MODALITIES.index(modality) * len(CONCEPTS) + CONCEPTS.index(concept)


def planted_clip(clip: Any) -> Any:
    """A copy of a tiny CLIP with five planted neurons in block 0; the others are random."""
    twin = random_twin(clip, seed=0)
    vision = twin.module.vision_model
    templates = torch.tensor(patterns(), dtype=torch.float32)
    with torch.no_grad():
        embeddings = vision.embeddings
        embeddings.patch_embedding.weight.mul_(0.02)
        embeddings.patch_embedding.weight[:25] = templates / templates[0].numel()
        # Every token has this much in two idle channels, so that no norm blows up its noise.
        embeddings.position_embedding.weight.zero_()
        embeddings.position_embedding.weight[:, 30] = 0.5
        embeddings.position_embedding.weight[:, 31] = -0.5
        embeddings.class_embedding.normal_(std=0.01)
        block = vision.encoder.layers[0]
        block.self_attn.out_proj.weight.zero_()
        block.self_attn.out_proj.bias.zero_()
        rows, bias = block.mlp.fc1.weight, block.mlp.fc1.bias
        rows[:5], bias[:5] = 0, 0
        for modality in MODALITIES:
            rows[MULTIMODAL, channel(modality, TARGET)] = 1
        rows[WORD_ONLY, channel("word", TARGET)] = 1
        rows[PICTURE_ONLY, channel("picture", TARGET)] = 1
        bias[CONSTANT] = 1
        rows[INK, 24] = 1
    return twin


def planted_images(n: int = 24, seed: int = 0) -> dict[str, dict[str, list[Image.Image]]]:
    """``n`` images of each concept in each modality; drawings and words are full of ink."""
    rng = np.random.default_rng(seed)
    made = patterns().transpose(0, 2, 3, 1)
    found: dict[str, dict[str, list[Image.Image]]] = {}
    for concept in CONCEPTS:
        for modality in MODALITIES:
            images = []
            for _ in range(n):
                pixels = 128 + rng.normal(0, 12, (_SIDE, _SIDE, 3))
                places = rng.permutation(16)
                shown = [(made[channel(modality, concept)], 50.0)]
                if modality != "picture":
                    shown += [(made[24], float(rng.uniform(30, 60)))] * 3
                for place, (pattern, strength) in zip(places, shown, strict=False):
                    y, x = (int(v) * _PATCH for v in divmod(int(place), 4))
                    pixels[y : y + _PATCH, x : x + _PATCH] += strength * pattern
                images.append(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))
            found.setdefault(concept, {})[modality] = images
    return found
