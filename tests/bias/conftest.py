"""A model whose bias is known, and a folder of images with annotated groups."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bias.written import grounds_maker, write_metadata
from PIL import Image

from clipprobe.testing.toys import RednessClip
from tests.planting import one_neuron


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


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Only neuron 7 of block 1 writes much of what tells images apart."""
    return one_neuron(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="session")
def redder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty images: one group's are redder."""
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(60):
        red = 70 + 110 * (i % 2)
        pixels = np.clip(rng.normal([red, 128, 128], 25, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
        tone = ("light", "dark")[int(rng.integers(2))]
        rows.append({"file_name": f"{i:02d}.png", "perceived_gender": "ab"[i % 2], "tone": tone})
    with (folder / "metadata.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder
