"""Typographic x social: does a written word move one group's label rates more than another's?

A word on a picture moves what a model answers. :func:`audit_written` writes it on pictures of
people, with a blank label and a nonsense word in the same place as controls, and compares how far
it moves the rate of a label between perceived or annotated groups.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attacks.bias.written.audit import audit_written as audit_written

__all__ = ["audit_written"]

_LATER = {
    "audit_written": "attacks.bias.written.audit",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'attacks.bias.written' has no attribute {name!r}")
