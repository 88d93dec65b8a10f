"""The loop of the word probe: words are drawn, pass the model once, and leave one row per unit.

Words go in chunks; each finished chunk is a file, and a killed probe goes on after the last one. A
chunk always makes the same batches (the last one filled up), because matrix products of another
height may round differently. What is kept of a chunk is a value and a standard error for each word
and unit, never activations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.models.activations import Reader
from clipprobe.neurons.words.grid import DrawnWord, WordGrid, draw_word

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from clipprobe.models import Clip

Floats = NDArray[np.float32]
#: Images of one chunk, about: what a killed probe loses at most.
CHUNK_IMAGES = 512


def chunks(texts: Sequence[str], grid: WordGrid) -> list[list[str]]:
    """The texts in chunks of about :data:`CHUNK_IMAGES` images."""
    size = max(1, CHUNK_IMAGES // grid.n_renderings)
    return [list(texts[start : start + size]) for start in range(0, len(texts), size)]


def reduce_word(values: NDArray[Any]) -> tuple[Floats, Floats]:
    """One word's activations to one number per unit: mean over sizes and fonts, maximum over place.

    Args:
        values: ``(n_fonts, n_places, n_sizes, n_units)``.
    Returns:
        ``(n_units,)`` the value, and its standard error over the fonts at the place of the maximum
        (NaN for one font).
    """
    exact = values.astype(np.float64)
    by_font = exact.mean(axis=2)  # font place unit
    over_fonts = by_font.mean(axis=0)  # place unit
    best = over_fonts.argmax(axis=0)
    units = np.arange(values.shape[-1])
    value = over_fonts[best, units].astype(np.float32)
    fonts = by_font[:, best, units]  # font unit
    if len(fonts) < 2:
        return value, np.full_like(value, np.nan)
    error = fonts.std(axis=0, ddof=1) / np.sqrt(len(fonts))
    return value, error.astype(np.float32)


def run_chunk(
    clip: Clip,
    sites: Sequence[tuple[str, int]],
    texts: Sequence[str],
    grid: WordGrid,
    pool: str,
    batch_size: int,
) -> dict[str, NDArray[Any]]:
    """Draw the texts and pass them through the model.

    Args:
        sites: Hook points and their numbers of units.
        texts: An empty text is the blank ground.
    Returns:
        The arrays of one file: of each hook point ``<name>/value``, the ``(n, n_units)`` pooled
        activation of each text, and ``<name>/error``, its standard error over fonts (NaN for one
        font); ``n_shrunk``, renderings drawn smaller than asked; as JSON the ``reasons`` why a text
        was not drawn, else empty (its rows are NaN).
    """
    words_rendered: list[DrawnWord] = []

    def images() -> Iterator[Image.Image]:
        for text in texts:
            word = draw_word(text, grid, clip.image_size)
            # Without the images: they are used once.
            words_rendered.append(replace(word, images=()))
            yield from word.images

    n = grid.n_renderings
    values = {name: np.full((len(texts), units), np.nan, np.float32) for name, units in sites}
    errors = {name: np.full_like(array, np.nan) for name, array in values.items()}
    waiting = {name: np.empty((n, units), np.float32) for name, units in sites}
    rows: list[int] = []  # of the texts that were drawn, in order
    filled = 0
    for batch in _forward(clip, list(values), images(), pool, batch_size):
        size = len(next(iter(batch.values())))
        rows = [row for row, word in enumerate(words_rendered) if not word.reason]
        for start in range(size):
            place = filled % n
            for name, part in batch.items():
                waiting[name][place] = part[start]
            filled += 1
            if place == n - 1:
                row = rows[filled // n - 1]
                for name, block in waiting.items():
                    values[name][row], errors[name][row] = reduce_word(
                        block.reshape(*grid.shape, -1)
                    )
    reasons = json.dumps([word.reason for word in words_rendered]).encode("ascii")
    return {
        "n_shrunk": np.array([word.n_shrunk for word in words_rendered], np.int32),
        "reasons": np.frombuffer(reasons, np.uint8),
        **{f"{name}/value": array for name, array in values.items()},
        **{f"{name}/error": array for name, array in errors.items()},
    }


def _forward(
    clip: Clip,
    names: Sequence[str],
    images: Iterator[Image.Image],
    pool: str,
    batch_size: int,
) -> Iterator[Mapping[str, Floats]]:
    """Pooled activations ``(b, n_units)`` of each batch; the next one is drawn meanwhile."""
    reader = Reader(clip, names, pool, fill=batch_size)

    def next_pixels() -> list[Tensor]:
        # The range first: it must run out before an image is taken that nobody uses.
        batch = [image for _, image in zip(range(batch_size), images, strict=False)]
        return list(clip.preprocess(batch)) if batch else []

    with ThreadPoolExecutor(1, thread_name_prefix="clipprobe-words") as behind:
        coming = behind.submit(next_pixels)
        while pixels := coming.result():
            coming = behind.submit(next_pixels)
            yield reader(pixels).values
