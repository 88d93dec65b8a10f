"""Embeddings of users and models, checked before anything is computed from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.measures.draws import Floats
from clipprobe import arrays
from clipprobe.errors import DataError


def unit_rows(vectors: Any, what: str) -> Floats:
    """Rows as float64 of length 1.

    Raises:
        DataError: not a table, or a row is NaN, infinite or zero.
    """
    table: NDArray[np.float64] = np.asarray(vectors, dtype=np.float64)
    if table.ndim != 2:
        raise DataError(f"{what} embeddings must be a table, but have the shape {table.shape}.")
    lengths = np.linalg.norm(table, axis=1)
    broken = int(np.count_nonzero(~np.isfinite(lengths) | (lengths == 0)))
    if broken:
        raise DataError(
            f"{broken} of {len(table)} {what} embeddings are NaN, infinite or zero: the model "
            "or the file is broken, so nothing is computed from them."
        )
    return arrays.unit_rows(table)


def one_width(images: Floats, texts: Floats) -> None:
    """Raises:
    DataError: the embeddings of images and of texts differ in width.
    """
    if images.ndim != 2 or texts.ndim != 2 or images.shape[1] != texts.shape[1]:
        raise DataError(
            f"Image and text embeddings must have one width, but have the shapes {images.shape} "
            f"and {texts.shape}: encode both with one model."
        )
