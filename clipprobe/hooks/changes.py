"""What can be done to an activation, and where: the words of an intervention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

from torch import Tensor

from clipprobe.errors import ConfigError


@dataclass(frozen=True, slots=True, init=False)
class At:
    """An address at some tokens, or of several units.

    ``At("vision.blocks.3.mlp.post:17", tokens=[0, 5])``;
    ``At("vision.blocks.3.mlp.post", units=[3, 17])``.

    Args:
        address: Hook point, glob or unit.
        tokens: Token numbers (negative ones count from the end; places of a map row by row;
            queries of an attention pattern), or ``"cls"``, or ``"eos"`` (the token that the
            text tower pools); all without it.
        units: Units of the hook point, where the address names none; all without it.
    """

    address: str
    tokens: tuple[int, ...] | Literal["cls", "eos"] | None
    units: tuple[int, ...] | None

    def __init__(
        self,
        address: str,
        tokens: Sequence[int] | int | Literal["cls", "eos"] | None = None,
        *,
        units: Sequence[int] | None = None,
    ) -> None:
        numbered = None if units is None else tuple(int(unit) for unit in units)
        if numbered is not None and (not numbered or len(set(numbered)) < len(numbered)):
            raise ConfigError(f"units= of {address} names none, or one twice: name each unit once.")
        place: Any = (tokens,) if isinstance(tokens, Integral) else tokens
        if isinstance(place, str) and place not in ("cls", "eos"):
            raise ConfigError(f"tokens={place!r} is not known: give token numbers, 'cls' or 'eos'.")
        if place is not None and not isinstance(place, str):
            place = tuple(int(number) for number in place)
            if not place:
                raise ConfigError(f"No token of {address} was named: give at least one number.")
        for field, value in (("address", address), ("tokens", place), ("units", numbered)):
            object.__setattr__(self, field, value)


@dataclass(frozen=True, slots=True)
class Zero:
    """Set to zero (ablation); ``"zero"`` says the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Steer:
    """Add a direction (steering).

    Args:
        values: A number for each unit that the address picks, or one value for each unit of the
            whole hook point: ``(d,)`` of a residual stream, ``(n_heads, d_head)`` of heads.
        strength: What the values are multiplied by.
    """

    values: Any
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Multiply by a factor."""

    factor: float


@dataclass(frozen=True, slots=True, eq=False)
class Mean:
    """Replace by the mean over other inputs (mean ablation).

    Args:
        values: What was captured there for other inputs, ``(n, ...)`` with the axes of the hook
            point (then each token gets its own mean) or pooled (then all tokens get the same).
            Always of the whole hook point: the address picks units and tokens. NaN is left out.
    """

    values: Any


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Replace by what was captured in another run (activation patching, resample ablation).

    Args:
        values: Captured there, ``(n, ...)`` with the axes of the hook point, or pooled. Always of
            the whole hook point: the address picks units and tokens.
        rows: Which row of ``values`` each input gets: one for all, or a list, one per input.
            Default: input ``i`` gets row ``i``, and all get the same where there is one row.
    """

    values: Any
    rows: Sequence[int] | int | None = None


How = Literal["zero"] | float | Zero | Scale | Steer | Mean | Patch | Callable[[Tensor], Tensor]


def describe(address: object, how: How) -> str:
    """A change in words, for messages and provenance: ``vision.blocks.3.mlp.post:17 zero``."""
    where = str(address)
    if isinstance(address, At):
        units = "" if address.units is None else f":{','.join(map(str, address.units))}"
        tokens = "" if address.tokens is None else f" at {address.tokens}"
        where = f"{address.address}{units}{tokens}"
    if isinstance(how, Zero):
        return f"{where} zero"
    if isinstance(how, str | Real | Scale):
        return f"{where} {how}"
    return f"{where} {getattr(how, '__qualname__', type(how).__name__)}"


def check_how(address: object, how: object) -> None:
    """Raise ConfigError unless ``how`` is something that :class:`Edit` can do."""
    if isinstance(how, str) and how != "zero":
        hint = "Mean(values) with values from other inputs" if how == "mean" else '"zero"'
        raise ConfigError(f"{how!r} is not an intervention for {address}: use {hint}.")
    named = isinstance(how, Real | Zero | Scale | Steer | Mean | Patch)
    known = named or isinstance(how, str) or callable(how)
    if isinstance(how, bool | Tensor) or not known:
        raise ConfigError(
            f"A {type(how).__name__} is not an intervention for {address}: give 'zero', a number, "
            "Scale, Steer, Mean, Patch or a function of a tensor."
        )
