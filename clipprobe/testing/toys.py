"""Models whose truth is planted, over numbers small enough to work out by hand.

:class:`ToyClip` sees colours, and reads words only where a reader is planted. Each class is a
colour. Whatever is not of that colour is taken for ink; the planted reader compares the ink with
the shapes of the class names and answers the word that it sees. Without the reader, ink only
disturbs: the answer moves to the next class, whatever is written. :class:`RednessClip` sees only
how red an image is, and each of three words leans to red by a known amount.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from clipprobe.stimuli.text import DEFAULT_FONT, label

RED = {"judge": 1.0, "pilot": 0.5, "artist": -1.0}  # how far each word leans to red images


class RednessClip:
    """Sees only how red an image is; each word leans to red by a known amount, others not."""

    id, weights_sha256, d_embed = "redness", "0" * 64, 3

    def __init__(self) -> None:
        self.preprocess = SimpleNamespace(to_grid=lambda image: image)
        self.encoded = 0

    def provenance(self) -> dict[str, Any]:
        return {"model": {"id": self.id, "weights_sha256": self.weights_sha256}}

    def encode_images(self, images: Iterable[Image.Image], *, batch_size: int = 32) -> Any:
        pixels = [np.asarray(image, np.float64) for image in images]
        self.encoded += len(pixels)
        redness = np.array([p[..., 0].mean() / 255 - 0.5 for p in pixels])
        other = np.array([p[..., 1].mean() / 255 - 0.5 for p in pixels])
        vectors = np.stack([redness, other, np.full(len(pixels), 1.0)], axis=1)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Any:
        vectors = np.array([[RED.get(t.split()[-1], 0.0), 1.0, 3.0] for t in texts])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


#: The classes of :class:`ToyClip`, the colour of each, and the side of its images in pixels.
NAMES = ["dog", "cat", "ship", "lamp", "tree", "fish"]
COLORS = [0xC81E1E, 0x1EA01E, 0x2828C8, 0xBEB414, 0x9614A0, 0x00A0AA]
SIDE = 96


class _Grid:
    def keeps(self, height: int, width: int) -> bool:
        return (height, width) == (SIDE, SIDE)

    def to_grid(self, image: Image.Image) -> Image.Image:
        return image if image.size == (SIDE, SIDE) else image.resize((SIDE, SIDE), 0)


class ToyClip:
    """The part of ``Clip`` that an audit uses, over one-hot vectors."""

    def __init__(self, reads: bool, size_px: float, disturbed: bool = True) -> None:
        self.reads, self.disturbed = reads, disturbed
        self.preprocess, self.d_embed = _Grid(), len(NAMES)
        self.seen: Counter[str] = Counter()
        self.texts: Counter[str] = Counter()
        self.batches: list[int] = []
        self.interrupt_after: int | None = None
        self._shapes = {
            name: label(name, font=DEFAULT_FONT, size=size_px, room=(SIDE, SIDE), outline_px=1).ink
            for name in NAMES
        }

    def encode_images(self, images: Iterable[Any], *, batch_size: int = 32) -> Any:
        vectors = []
        for image in images:
            if self.interrupt_after is not None and sum(self.seen.values()) >= self.interrupt_after:
                raise KeyboardInterrupt
            self.seen[hashlib.sha256(image.tobytes()).hexdigest()] += 1
            vectors.append(np.eye(len(NAMES), dtype=np.float32)[self.answer(np.asarray(image))])
        self.batches.append(len(vectors))
        assert len(vectors) <= batch_size
        return np.stack(vectors)

    def answer(self, pixels: np.ndarray) -> int:
        codes = pixels.astype(np.int64) @ [1 << 16, 1 << 8, 1]
        colors, counts = np.unique(codes, return_counts=True)
        ground = int(colors[counts.argmax()])
        shown_class = COLORS.index(ground)
        ink = codes != ground
        if not ink.any():
            return shown_class
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        if self.reads:
            for word, shape in self._shapes.items():
                if shape.shape == cut.shape and (shape == cut).mean() > 0.98:
                    return NAMES.index(word)
        return (shown_class + 1) % len(NAMES) if self.disturbed else shown_class

    def encode_texts(self, texts: Iterable[str], **_: Any) -> Any:
        texts = list(texts)
        self.texts.update(texts)
        rows = np.array([[float(name in text) for name in NAMES] for text in texts], np.float32)
        rows[~rows.any(axis=1)] = len(NAMES) ** -0.5  # no class of its own: in the middle of all
        return rows

    def logits(self, images: np.ndarray, texts: np.ndarray) -> Any:
        return np.float32(10.0) * (images @ texts.T)

    def provenance(self) -> dict[str, Any]:
        model = {"id": "toy", "weights_sha256": "0" * 64, "reads": self.reads}
        return {"model": model, "versions": {"toy": "1"}}
