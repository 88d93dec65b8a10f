"""A model whose bias is known, and a folder of pictures with annotated groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bias.written import grounds_maker, write_metadata
from PIL import Image

RED = {"judge": 1.0, "pilot": 0.5, "artist": -1.0}  # how far each word leans to red pictures


class RednessClip:
    """Sees only how red a picture is; each word leans to red by a known amount, others not."""

    id, weights_sha256, d_embed = "redness", "0" * 64, 3

    def __init__(self) -> None:
        self.preprocess = SimpleNamespace(to_grid=lambda image: image)
        self.encoded = 0

    def provenance(self) -> dict[str, Any]:
        return {"model": {"id": self.id, "weights_sha256": self.weights_sha256}}

    def encode_images(self, images: Iterable[Image.Image], *, batch_size: int = 32) -> np.ndarray:
        pixels = [np.asarray(image, np.float64) for image in images]
        self.encoded += len(pixels)
        redness = np.array([p[..., 0].mean() / 255 - 0.5 for p in pixels])
        other = np.array([p[..., 1].mean() / 255 - 0.5 for p in pixels])
        vectors = np.stack([redness, other, np.full(len(pixels), 1.0)], axis=1)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.array([[RED.get(t.split()[-1], 0.0), 1.0, 3.0] for t in texts])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def redness() -> RednessClip:
    return RednessClip()


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a folder of pictures: women's are redder, skin tones do not matter."""

    def make(n: int = 80, name: str = "people", **columns: Sequence[str]) -> Path:
        folder = tmp_path_factory.mktemp(name)
        rng = np.random.default_rng(0)
        tones = rng.permutation(np.resize(["light", "dark"], n))
        rows = []
        for i in range(n):
            gender = ("man", "woman")[i % 2]
            red = rng.normal(100 + 60 * (i % 2), 40)
            colour = np.clip([red, rng.normal(128, 40), 128], 0, 255).astype(np.uint8)
            Image.fromarray(np.full((8, 8, 3), colour)).save(folder / f"{i:03d}.png")
            row = {"file_name": f"{i:03d}.png", "perceived_gender": gender, "skin_tone": tones[i]}
            rows.append(row | {key: values[i] for key, values in columns.items()})
        write_metadata(folder, rows)
        return folder

    return make


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Pictures for :class:`bias.written.Reader`."""
    return grounds_maker(tmp_path_factory)
