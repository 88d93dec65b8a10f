"""Public names of a package that load when they are asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def later(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package whose public names stand in ``places``.

    A name must not be that of a module of the package, which would hide it once it is imported.

    Args:
        package: Its ``__name__``.
        places: Public name -> the module that has it.

    Example:
        >>> get = later("json", {"JSONEncoder": "json.encoder"})
        >>> get("JSONEncoder").__name__
        'JSONEncoder'
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(places[name]), name)

    return get
