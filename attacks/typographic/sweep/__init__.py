"""Sweeps: how an attack's effect changes with the way its word is written.

:func:`sweep` runs the same words on the same pictures through a grid over the settings of
:class:`attacks.typographic.TypographicAttack`, and draws security curves with controls at every
cell. It loads when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attacks.typographic.sweep.grid import DEFAULT_GRIDS as DEFAULT_GRIDS
    from attacks.typographic.sweep.run import sweep as sweep

__all__ = ["DEFAULT_GRIDS", "sweep"]

_HOMES = {"DEFAULT_GRIDS": "grid", "sweep": "run"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"attacks.typographic.sweep.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'attacks.typographic.sweep' has no attribute {name!r}")
