"""Public names of a package that load when they are asked for."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any


def later(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a package whose names are declared for types alone.

    A name is public where the package's ``__init__.py`` says ``from module import name as name``,
    as type checkers read it too; that file is read when a name is first asked for. ``__all__``
    holds the same names. A name must not be that of a module of the package, which would hide it
    once it is imported.

    Example:
        >>> get, names = later("clipprobe.tracing")
        >>> names()
        ['Contributions', 'Removal', 'Score', 'Trace', 'Tracer', 'trace']
        >>> get("Score").__module__
        'clipprobe.tracing.score'
    """

    @functools.cache
    def places() -> dict[str, str]:
        """Public name -> the module that has it."""
        import ast  # here, as every command imports this file, and most ask for no name
        import pkgutil

        source = pkgutil.get_data(package, "__init__.py") or b""
        return {
            alias.name: str(node.module)
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.asname == alias.name
        }

    def names() -> list[str]:
        return sorted(places())

    def get(name: str) -> Any:
        if name == "__all__":
            return names()
        if name not in places():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(places()[name]), name)

    return get, names
