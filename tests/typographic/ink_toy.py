"""A toy that reads only ink of one colour, size and place, and the space that holds its answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

SIDE = 64
NAMES = ["dog", "cat", "ship"]
GROUND = (90, 90, 90)
#: Small enough to be searched exhaustively.
SPACE: dict[str, Any] = {
    "places": 4, "sizes": (0.16, 0.2, 0.25, 0.32), "opacities": (0.4, 0.7, 1.0),
    "colors": ("white", "red", "blue"), "fixed": {"outline": None},
}  # fmt: skip


class InkToy:
    """Answers "cat" to red ink that is high enough and whose middle lies low on the left."""

    d_embed = 3

    class preprocess:
        @staticmethod
        def keeps(height: int, width: int) -> bool:
            return (height, width) == (SIDE, SIDE)

        @staticmethod
        def to_grid(image: Image.Image) -> Image.Image:
            return image.resize((SIDE, SIDE), 0)

    def __init__(self, height: int = 12, red: int = 100) -> None:
        self.height, self.red = height, red
        self.n_images = 0
        self.stop_at: int | None = None

    def flips(self, pixels: np.ndarray) -> bool:
        values = pixels.astype(int)
        ink = values[..., 0] - values[..., 1:].max(axis=-1) > self.red
        if not ink.any():
            return False
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        low = (rows[0] + rows[-1]) / 2 > SIDE / 2
        left = (columns[0] + columns[-1]) / 2 < SIDE / 2
        return bool(rows[-1] - rows[0] + 1 >= self.height and low and left)

    def encode_images(self, images: Any, *, batch_size: int = 32) -> np.ndarray:
        images = list(images)
        assert len(images) <= batch_size
        if self.stop_at is not None and self.n_images + len(images) > self.stop_at:
            raise KeyboardInterrupt
        self.n_images += len(images)
        return np.eye(3, dtype=np.float32)[[int(self.flips(np.asarray(i))) for i in images]]

    def encode_texts(self, texts: Any, **_: Any) -> np.ndarray:
        return np.array([[float(n in text) for n in NAMES] for text in texts], np.float32)

    def logits(self, images: np.ndarray, texts: np.ndarray) -> np.ndarray:
        return np.float32(10) * (images @ texts.T)

    def provenance(self) -> dict[str, Any]:
        return {"model": {"id": "ink"}, "versions": {"ink": "1"}}


def picture() -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), GROUND)
