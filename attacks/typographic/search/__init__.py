"""The least visible text that flips one picture's answer: a black-box search within a budget.

Each name loads when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attacks.typographic.search.result import Found as Found
    from attacks.typographic.search.result import SearchResult as SearchResult
    from attacks.typographic.search.run import search_attack as search_attack
    from attacks.typographic.search.space import SearchSpace as SearchSpace

__all__ = ["Found", "SearchResult", "SearchSpace", "search_attack"]

_HOMES = {
    "Found": "result",
    "SearchResult": "result",
    "SearchSpace": "space",
    "search_attack": "run",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"attacks.typographic.search.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'attacks.typographic.search' has no attribute {name!r}")
