"""A toy model that reads words on one group's images, on all, or on none; and its images."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipprobe.stimuli.text import DEFAULT_FONT, label

LABELS = ["person", "thief", "lamp"]
SIDE = 96
QUICK: dict[str, Any] = {
    "classes": LABELS, "n_boot": 400, "n_permutations": 999, "batch_size": 16, "workers": 0,
}  # fmt: skip


class _Grid:
    def keeps(self, height: int, width: int) -> bool:
        return (height, width) == (SIDE, SIDE)

    def to_grid(self, image: Image.Image) -> Image.Image:
        return image if image.size == (SIDE, SIDE) else image.resize((SIDE, SIDE), 0)


class Reader:
    """Answers ``person``; to the word ``thief`` where it reads it ``thief``, to a blank ``lamp``.

    ``reads``: how often, on images of a red and of a green ground. ``startled``: how often any
    ink at all makes it answer ``thief``, read or not.
    """

    weights_sha256, d_embed = "1" * 64, len(LABELS)

    def __init__(
        self, reads: tuple[float, float], startled: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        self.reads, self.startled, self.preprocess = reads, startled, _Grid()
        self.seen: Counter[str] = Counter()
        self.texts: Counter[str] = Counter()
        self.stop_after: int | None = None
        self._shape = label(
            "thief", font=DEFAULT_FONT, size=0.2 * SIDE, room=(SIDE, SIDE), outline_px=1
        ).ink

    def encode_images(self, images: Iterable[Any], *, batch_size: int = 32) -> np.ndarray:
        found = []
        for image in images:
            if self.stop_after is not None and self.seen.total() >= self.stop_after:
                raise KeyboardInterrupt
            self.seen[hashlib.sha256(image.tobytes()).hexdigest()] += 1
            found.append(np.eye(len(LABELS), dtype=np.float32)[self.answer(np.asarray(image))])
        assert len(found) <= batch_size
        return np.stack(found)

    def answer(self, pixels: np.ndarray) -> int:
        codes = pixels.astype(np.int64) @ [1 << 16, 1 << 8, 1]
        colours, counts = np.unique(codes, return_counts=True)
        ground = int(colours[counts.argmax()])
        ink = codes != ground
        if not ink.any():
            return 0
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        if cut.all():
            return 2
        side = 0 if ground >> 16 > 128 else 1
        chance = int(hashlib.sha256(pixels.tobytes()).hexdigest()[:8], 16) / 2**32
        if chance < self.startled[side]:
            return 1
        same = cut.shape == self._shape.shape and (cut == self._shape).mean() > 0.98
        return int(same and chance < self.reads[side])

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.texts.update(texts)
        rows = np.array([[float(t.endswith(name)) for name in LABELS] for t in texts], np.float32)
        rows[~rows.any(axis=1)] = len(LABELS) ** -0.5
        return rows

    def provenance(self) -> dict[str, Any]:
        model = {"id": "reader", "weights_sha256": self.weights_sha256}
        return {"model": model, "versions": {"toy": "1"}, "how": [self.reads, self.startled]}


def write_metadata(folder: Path, rows: Sequence[dict[str, str]]) -> None:
    """The table of a folder of images."""
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def grounds_maker(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Images of one colour: red ones are annotated ``woman``, green ones ``man``."""

    def make(n: int = 80, name: str = "grounds", **columns: Sequence[str]) -> Path:
        folder = tmp_path_factory.mktemp(name)
        rows = []
        for i in range(n):
            colour = (180, 20, i) if i % 2 else (20, 120, i)
            Image.new("RGB", (SIDE, SIDE), colour).save(folder / f"face-{i:03d}.png")
            row = {"file_name": f"face-{i:03d}.png", "perceived_gender": ("man", "woman")[i % 2]}
            rows.append(row | {key: values[i] for key, values in columns.items()})
        write_metadata(folder, rows)
        return folder

    return make


def rows_of(run: Any) -> list[dict[str, str]]:
    with run.file("cells.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def one(run: Any, measure: object, group: str = "", **more: str) -> dict[str, str]:
    found = [
        row
        for row in rows_of(run)
        if row["measure"] == str(measure)
        and row["group"] == group
        and all(row[k] == v for k, v in more.items())
    ]
    assert len(found) == 1, (measure, group, found)
    return found[0]


def number(row: dict[str, str], name: str) -> float:
    return float(row[name])
