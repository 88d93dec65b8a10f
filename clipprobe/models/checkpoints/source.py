"""Where a model's numbers come from: checkpoint and library versions."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cache
from importlib import metadata

from clipprobe.version import __version__

version = cache(metadata.version)  # it reads and parses a file each time


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a model came from; part of every result's provenance."""

    id: str
    """What was asked for, without private folders: a hub id, ``open_clip:NAME/TAG`` or a name."""
    revision: str | None
    """The hub commit that was read; None for a folder."""
    weights_sha256: str
    """Of the weights file; of the sorted hashes of its shards where there are several."""
    attention: str
    """`sdpa` or `eager`."""


def versions() -> dict[str, str]:
    """Versions of everything between the weights and the embeddings."""
    libraries = ("torch", "transformers", "tokenizers", "numpy", "pillow")
    return {
        "clipprobe": __version__,
        "python": platform.python_version(),
        **{library: version(library) for library in libraries},
    }
