"""The attribution methods by name, and what each returns."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.errors import ConfigError, UnknownMethodError


@dataclass(frozen=True, slots=True, kw_only=True)
class Maps:
    """What a method computes for a batch.

    Attributes:
        values: ``(b, h, w)`` float64 attributions.
        resolution: ``pixels`` or ``patches``.
        units: What the numbers are; ``{score}`` stands for the units of the score.
        scores: ``(b,)`` float64 scores.
        baseline_scores: ``(b,)`` float64; None where the method has no baseline.
        reason: Why there is no completeness gap, where there is none.
        caution: What is known against maps of this kind; empty if nothing.
        settings: Settings as resolved.
    """

    values: NDArray[np.float64]
    resolution: str
    units: str
    scores: NDArray[np.float64]
    baseline_scores: NDArray[np.float64] | None = None
    reason: str = ""
    caution: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


Method = Callable[..., Maps]
"""``(clip, pixels (b, 3, H, W), score, **settings) -> Maps``; every setting is a keyword."""

_METHODS: dict[str, Method] = {}


def register(name: str, function: Method) -> None:
    """Make a method known to ``explain`` by name."""
    _METHODS[name] = function


def attribution_methods() -> list[str]:
    """Names of the attribution methods, for ``explain(..., method=name)``."""
    return sorted(_METHODS)


def find_method(name: str, settings: Mapping[str, Any]) -> Method:
    """A method by name, checked to have these settings.

    Raises:
        UnknownMethodError: there is none of that name; lists all.
        ConfigError: it has no such setting.
    """
    if name not in _METHODS:
        near = difflib.get_close_matches(name, _METHODS, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise UnknownMethodError(
            f"There is no attribution method {name!r}{hint}: use one of "
            f"{', '.join(attribution_methods())}."
        )
    chosen = _METHODS[name]
    known = [
        parameter.name
        for parameter in inspect.signature(chosen).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    for setting in settings:
        if setting not in known:
            raise ConfigError(
                f"The method {name} has no setting {setting!r}: it has {', '.join(known)}."
            )
    return chosen
