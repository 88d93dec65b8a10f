"""Random generators that depend on a seed and a name, never on the order in which they are used."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np


def generator(seed: int, *path: str) -> np.random.Generator:
    """A random generator that depends on the seed and on a name, not on the order of use.

    Adding a group column or a probe therefore changes no number of the others.
    """
    return np.random.default_rng([seed, *(zlib.crc32(part.encode("utf-8")) for part in path)])


def rng(*key: object) -> np.random.Generator:
    """A generator that depends on ``key`` alone: not on order, threads or what else was drawn."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))
