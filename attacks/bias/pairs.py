"""Resamples kept for comparing two audits of the same images, without giving any image away.

Two runs over the same images differ by less than their intervals suggest, because the images are
the same. To say so a comparison needs what both runs found on the same resamples. Each run draws
``PAIR_DRAWS`` bootstrap resamples from a key and keeps only the figures that they give, in
``draws.safetensors``, one row a cell.

Whoever could repeat the resamples could solve for the answers of single images (200 equations for
the hits of a group). So the key is an HMAC of the images' ids under a secret that stays with the
auditor: 32 random bytes in ``~/.local/state/clipprobe/pair-key`` (``XDG_STATE_HOME`` is honoured;
``CLIPPROBE_PAIR_KEY`` names another file), made on first use, never written into a run. Without it
a run's resamples are numbers that scatter around a figure as its interval says, and nothing more.
Runs made with one secret are paired by anybody; runs made with two are not.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attacks.bias.cells import Cell
from attacks.bias.frame import PAIR_DRAWS
from attacks.bias.resampling import Floats, Ints

if TYPE_CHECKING:
    from clipprobe.runs import Run, RunView

FILE = "draws.safetensors"
SECRET_VARIABLE = "CLIPPROBE_PAIR_KEY"
_LENGTH = 32
_TRIES = 20  # another process may be writing it


def pair_key(ids: Sequence[str]) -> tuple[str, str]:
    """The key of these images' resamples under the auditor's secret, and a note.

    Returns:
        The key, and why there is none where it is empty: then nothing is kept and no pairing is
        possible.
    """
    try:
        path = secret_path()
        secret = _secret(path)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return "", (
            "This report cannot be paired with another of the same images: no pairing key could "
            f"be read or kept ({reason}). Set {SECRET_VARIABLE} to a file that can be written."
        )
    return hmac.new(secret, _told(ids), hashlib.sha256).hexdigest(), ""


def secret_path() -> Path:
    """Where the auditor's secret is kept."""
    named = os.environ.get(SECRET_VARIABLE)
    if named:
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "clipprobe" / "pair-key"


def _secret(path: Path) -> bytes:
    """The secret in a file, which only its owner can read; made where there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_LENGTH))
    for _ in range(_TRIES):
        found = path.read_text(encoding="ascii").strip()
        if len(found) == 2 * _LENGTH:
            return bytes.fromhex(found)
        time.sleep(0.05)
    raise ValueError(f"{path} holds no pairing key of {2 * _LENGTH} hexadecimal digits")


def images_fingerprint(ids: Sequence[str]) -> str:
    """Equal for equal images, whatever the secret."""
    return hashlib.sha256(b"images:" + _told(ids)).hexdigest()


def write_draws(
    run: Run, cells: Sequence[Cell], key: str, ids: Sequence[str]
) -> dict[str, Any] | None:
    """Write the resamples of all cells that have them.

    Returns:
        What ``summary.json`` says: a fingerprint of the images and how many cells and draws; None
        without a key.
    """
    if not key:
        return None
    rows = [i for i, cell in enumerate(cells) if cell.draws is not None]
    draws = np.zeros((len(rows), PAIR_DRAWS), dtype=np.float32)
    for place, row in enumerate(rows):
        draws[place] = cells[row].draws
    mark = hashlib.sha256(b"pairs:" + key.encode()).digest()
    run.write_arrays(
        FILE,
        {
            "pairs/cell": np.array(rows, dtype=np.int64),
            "pairs/draws": draws,
            "pairs/key": np.frombuffer(mark, dtype=np.uint8),
        },
    )
    return {"images": images_fingerprint(ids), "cells": len(rows), "draws": PAIR_DRAWS}


def key_mark(view: RunView) -> bytes:
    """Equal for runs whose resamples are the same; empty where a run keeps none."""
    if not view.has(FILE):
        return b""
    return view.read_arrays(FILE).get("pairs/key", np.zeros(0, np.uint8)).tobytes()


def read_draws(view: RunView) -> dict[int, Floats]:
    """Row in ``cells.parquet`` -> its resamples ``(b,)``; empty where a run has none."""
    if not view.has(FILE):
        return {}
    arrays = view.read_arrays(FILE)
    places: Ints = arrays["pairs/cell"].astype(np.int64)
    return dict(zip(places.tolist(), arrays["pairs/draws"].astype(np.float64), strict=True))


def _told(ids: Sequence[str]) -> bytes:
    return "\n".join(ids).encode("utf-8", "replace")
