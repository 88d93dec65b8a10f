"""Resamples kept for comparing two audits of the same images, without keeping any image's score.

Two runs over the same images differ by less than their intervals suggest, because the images are
the same. To say so a comparison needs what both runs did on the same resamples. Each run draws
``PAIR_DRAWS`` bootstrap resamples from the ids of its images and keeps only the figures that they
give: ``draws.safetensors``, one row a cell. The ids are hashed; the key itself is not written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attacks.bias.cells import Cell
from attacks.bias.frame import PAIR_DRAWS
from attacks.bias.resampling import Floats, Ints

if TYPE_CHECKING:
    from clipprobe.runs import Run, RunView

FILE = "draws.safetensors"


def write_draws(run: Run, cells: Sequence[Cell], pair_key: str) -> dict[str, Any]:
    """Write the resamples of all cells that have them.

    Returns:
        What ``summary.json`` says: a fingerprint of the images and how many cells and draws.
    """
    rows = [i for i, cell in enumerate(cells) if cell.draws is not None]
    draws = np.zeros((len(rows), PAIR_DRAWS), dtype=np.float32)
    for place, row in enumerate(rows):
        draws[place] = cells[row].draws
    run.write_arrays(FILE, {"pairs/cell": np.array(rows, dtype=np.int64), "pairs/draws": draws})
    return {"images": fingerprint(pair_key), "cells": len(rows), "draws": PAIR_DRAWS}


def fingerprint(pair_key: str) -> str:
    """Equal for equal images; the resamples cannot be repeated from it."""
    return hashlib.sha256(b"pairs:" + pair_key.encode()).hexdigest()


def read_draws(view: RunView) -> dict[int, Floats]:
    """Row in ``cells.parquet`` -> its resamples ``(b,)``; empty where a run has none."""
    if not view.has(FILE):
        return {}
    arrays = view.read_arrays(FILE)
    places: Ints = arrays["pairs/cell"].astype(np.int64)
    return dict(zip(places.tolist(), arrays["pairs/draws"].astype(np.float64), strict=True))
