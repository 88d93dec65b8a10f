"""A folder of small labelled pictures, one of them damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

N_PICTURES = 75


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25 pictures each of ``red``, ``green`` and ``blue``, and one file that is not an image."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for channel, label in enumerate(("red", "green", "blue")):
        (folder / label).mkdir()
        for number in range(N_PICTURES // 3):
            pixels = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            pixels[..., channel] = 255
            picture = Image.fromarray(pixels).resize((40, 36), Image.Resampling.NEAREST)
            picture.save(folder / label / f"{number:02d}.png")
    (folder / "green" / "damaged.png").write_bytes(b"no image")
    return folder
