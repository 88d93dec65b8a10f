"""The ways in which a unit is taken out or driven, as one vocabulary for effects.

``zero`` sets the unit to 0 on every token; ``mean`` to its mean over the images (per place; a
text unit's mean over tokens); ``resample`` gives each input the unit's activations on another
input, drawn by the seed; ``steer:K`` adds K of the unit's own standard deviations on every token.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.anatomy import listening as context
from clipprobe.errors import ConfigError, UnsupportedHookError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.hooks import HookPoint
    from clipprobe.tracing.scales import SiteScale

METHODS = ("zero", "mean", "resample", "steer:K")


def parse_method(text: str) -> tuple[str, float]:
    """``"steer:2"`` -> ``("steer", 2.0)``; the others have no number.

    Raises:
        ConfigError: there is no such method.
    """
    name, _, number = text.partition(":")
    if name == "steer":
        try:
            amount = float(number or "1")
        except ValueError:
            amount = math.nan
        if math.isfinite(amount) and amount != 0:
            return name, amount
    elif name in ("zero", "mean", "resample") and not number:
        return name, 0.0
    raise ConfigError(
        f"{text!r} is not a way to change a unit: use zero, mean, resample, or steer:K with K "
        "standard deviations, for example steer:2."
    )


def derangement(n: int, seed: int) -> list[int]:
    """A random order in which no input gets itself (one random cycle through all).

    Raises:
        ConfigError: there is only one input.
    """
    if n < 2:
        raise ConfigError("Resampling needs at least two inputs: give more, or use zero or mean.")
    cycle = np.random.default_rng(seed).permutation(n)
    donors = np.empty(n, dtype=np.int64)
    donors[cycle] = np.roll(cycle, 1)
    return donors.tolist()


def change_of(point: HookPoint, unit: int, method: str, scale: SiteScale, *, seed: int = 0) -> Any:
    """What :func:`clipprobe.intervene` does to the unit at this hook point.

    Args:
        method: See the module.
        scale: The hook point's scale over the same inputs; for ``resample`` with the unit kept.
    Raises:
        UnsupportedHookError: the method has no meaning for this unit; says why.
    """
    name, amount = parse_method(method)
    if name == "zero":
        return "zero"
    if name == "mean":
        mean = scale.mean.select(point.unit_axis - 1, unit)
        return lambda value: mean.to(value)
    if name == "steer":
        if point.unit == "head":
            raise UnsupportedHookError(
                f"{point.name}:{unit} is a head, which writes a vector and has no direction of its "
                "own to be steered along: ablate it, or steer a neuron or dimension."
            )
        shift = amount * float(scale.std[unit])
        return lambda value: value + shift
    if unit not in scale.kept:
        raise UnsupportedHookError(
            f"{point.name}:{unit} cannot be resampled, because the inputs have different numbers "
            "of tokens: use zero or mean."
        )
    activations, donors = scale.kept[unit], derangement(scale.n_inputs, seed)

    def resample(value: Tensor) -> Tensor:
        rows = context.current_rows()
        assert rows is not None  # Inputs.run says which inputs a batch holds
        return activations[[donors[row] for row in rows.indices]].to(value)

    return resample
