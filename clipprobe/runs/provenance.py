"""Versions of what a result depends on, read without importing it."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

from clipprobe.version import __version__

version = cache(metadata.version)  # it reads and parses a file each time
_PACKAGES = ("captum", "numpy", "pillow", "pyarrow", "scipy", "torch", "transformers")


def versions() -> dict[str, str]:
    """Versions of clipprobe, Python and the packages that numbers depend on."""
    table = {"clipprobe": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            table[name] = version(name)
        except (
            metadata.PackageNotFoundError
        ):  # an environment may do without one, for example captum
            continue
    return table
