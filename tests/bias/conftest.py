"""A model whose bias is known, and a folder of images with annotated groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from bias.written import grounds_maker, write_metadata
from PIL import Image

from clipprobe.testing.toys import RednessClip


@pytest.fixture
def redness() -> RednessClip:
    return RednessClip()


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a folder of images: women's are redder, skin tones do not matter."""

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
    """Images for :class:`bias.written.Reader`."""
    return grounds_maker(tmp_path_factory)
