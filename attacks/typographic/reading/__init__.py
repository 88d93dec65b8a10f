"""Why a typographic attack works: the heads and neurons that carry the written word.

:func:`explain_reading` explains a whole audit, :func:`why_image` one image. Both load torch when
they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attacks.typographic.reading.run import explain_reading as explain_reading
    from attacks.typographic.reading.single import WhyImage as WhyImage
    from attacks.typographic.reading.single import why_image as why_image

__all__ = ["WhyImage", "explain_reading", "why_image"]

_PLACES = {"explain_reading": "run", "why_image": "single", "WhyImage": "single"}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        module = importlib.import_module(f"attacks.typographic.reading.{_PLACES[name]}")
        return getattr(module, name)
    raise AttributeError(f"module 'attacks.typographic.reading' has no attribute {name!r}")
