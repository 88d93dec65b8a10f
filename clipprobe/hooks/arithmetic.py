"""The arithmetic of interventions.

Inside, every value is seen as ``(b, tokens, units, ...)``: maps become one token per place (row by
row), attention patterns one token per query, and a vector per input becomes one token.
"""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from clipprobe.errors import UnsupportedHookError
from clipprobe.hooks.changes import How, Mean, Patch, Scale, Steer, Zero
from clipprobe.hooks.pooling import token_positions, without_token

if TYPE_CHECKING:
    from clipprobe.anatomy.listening import Positions, Rows
    from clipprobe.anatomy.parts import Tower
    from clipprobe.hooks.sites import HookPoint


class PointChange:
    """One change at one hook point."""

    def __init__(
        self,
        point: HookPoint,
        tower: Tower,
        units: int | tuple[int, ...] | None,
        tokens: tuple[int, ...] | str | None,
        how: How,
    ) -> None:
        self.point, self.tower, self.units, self.tokens = point, tower, units, tokens
        zero = isinstance(how, Zero) or (isinstance(how, str) and how == "zero")
        self.how: How = 0.0 if zero else how
        self.source = _source(point, how) if isinstance(how, Mean | Patch) else None
        if tokens is not None:
            which = tokens if isinstance(tokens, str) else "any"
            reason = without_token(point, tower, which)
            if reason is not None:
                raise UnsupportedHookError(
                    f"Tokens {tokens!r} were named at {point.name}, but {reason}: leave them out."
                )

    def apply(self, x: Tensor, rows: Rows | None, where: Positions | None) -> Tensor:
        """The changed value, a new tensor of the same shape."""
        new = x.clone(memory_format=torch.contiguous_format)
        if callable(self.how) and self.tokens is None:
            return self._part_called(new)
        tokens = as_tokens(new, self.point.axes)  # b t u ..., sharing memory with new
        index = self._index(tokens, where)
        tokens[index] = self._value(tokens, index, rows)
        return new

    def _value(self, tokens: Tensor, index: tuple[Any, ...], rows: Rows | None) -> Tensor | float:
        if isinstance(self.how, Real):
            return float(self.how)
        if isinstance(self.how, Scale):
            return tokens[index] * self.how.factor
        if isinstance(self.how, Steer):
            return tokens[index] + self.how.strength * self._direction(tokens)
        if self.source is not None:
            return self._replacement(tokens, rows)[index]
        return self._called(tokens[index])

    def _part_called(self, new: Tensor) -> Tensor:
        """A function's answer in the place of the units that are named, of whole tokens."""
        if isinstance(self.units, tuple):
            index = torch.tensor(self.units, device=new.device)
            part = new.index_select(self.point.unit_axis, index)
            return new.index_copy_(self.point.unit_axis, index, self._called(part))
        view = new if self.units is None else new.select(self.point.unit_axis, self.units)
        view.copy_(self._called(view.clone()))
        return new

    def _direction(self, tokens: Tensor) -> Tensor:
        """What is added at the units that are named."""
        assert isinstance(self.how, Steer)
        values = _tensor(self.how.values)
        if values.ndim and values.shape != tokens.shape[2:]:
            raise UnsupportedHookError(
                f"The direction given for {self.point.name} has shape {tuple(values.shape)} and "
                f"the model has {tuple(tokens.shape[2:])} there: give a number, or one value for "
                "each unit of the whole hook point."
            )
        values = values.to(tokens)
        if not values.ndim or self.units is None:
            return values
        return values[self.units if isinstance(self.units, int) else list(self.units)]

    def _index(self, tokens: Tensor, where: Positions | None) -> tuple[Any, ...]:
        n_rows, n_tokens = tokens.shape[:2]
        end: tuple[Any, ...] = () if self.units is None else (self.units,)
        if isinstance(self.units, tuple):
            end = (torch.tensor(self.units, device=tokens.device),)
        if self.tokens is None:
            return (slice(None), slice(None), *end)
        across = (..., None) if isinstance(self.units, tuple) else ...  # tokens x units
        if self.tokens == "eos":
            last = self.tower.pool_token == "last"
            eos = token_positions(n_rows, n_tokens, where, last, self.point.name, tokens.device)
            inputs = torch.arange(n_rows, device=tokens.device)
            return (inputs[:, None][across], eos[:, None][across], *end)
        numbers = (0,) if isinstance(self.tokens, str) else self.tokens
        outside = [number for number in numbers if not -n_tokens <= number < n_tokens]
        if outside:
            raise UnsupportedHookError(
                f"Token {outside[0]} of {self.point.name} was named, but this input has "
                f"{n_tokens} tokens: name tokens from 0 to {n_tokens - 1}."
            )
        return (slice(None), torch.tensor(numbers, device=tokens.device)[across], *end)

    def _called(self, values: Tensor) -> Tensor:
        assert callable(self.how)
        result = self.how(values)
        if not isinstance(result, Tensor) or not _broadcasts(result.shape, values.shape):
            parts = (
                f"a tensor of shape {tuple(result.shape)}"
                if isinstance(result, Tensor)
                else f"a {type(result).__name__}"
            )
            raise UnsupportedHookError(
                f"The function given for {self.point.name} returned {parts} where it got a tensor "
                f"of shape {tuple(values.shape)}: return a tensor of the same shape."
            )
        return result.to(values)

    def _replacement(self, tokens: Tensor, rows: Rows | None) -> Tensor:
        """Values of the shape of ``tokens``, ``(b, t, u, ...)``."""
        source = self.source
        assert source is not None
        if isinstance(self.how, Patch):
            source = source[self._source_rows(len(source), rows, len(tokens))]
        if self.point.tower == "text":
            # A longer text's values fit a shorter one, from the first token on.
            positions = [slice(None), slice(tokens.shape[1]), slice(None)]
            if self.point.axes.count("t") == 2:
                positions.append(slice(tokens.shape[3]))
            source = source[tuple(positions)]
        if not _broadcasts(source.shape, tokens.shape) or source.shape[2:] != tokens.shape[2:]:
            raise UnsupportedHookError(
                f"The values given for {self.point.name} have shape {tuple(source.shape)} as "
                f"(inputs, tokens, units, ...) and the model has {tuple(tokens.shape)} there: "
                "capture them at the same hook point from inputs of the same size."
            )
        if bool(source.isnan().any()):
            raise UnsupportedHookError(
                f"The values given for {self.point.name} are NaN where this input has tokens: "
                "they come from a shorter text, so take them from one at least as long."
            )
        return source.to(tokens).expand(tokens.shape)

    def _source_rows(self, n_source: int, rows: Rows | None, n_rows: int) -> list[int]:
        assert isinstance(self.how, Patch)
        inputs = range(n_rows) if rows is None else rows.indices
        index = self.how.rows
        if isinstance(index, int):
            source_rows = [index] * n_rows
        elif index is not None:
            if max(inputs) >= len(index):
                raise UnsupportedHookError(
                    f"Patch rows at {self.point.name} name a source for {len(index)} inputs and "
                    f"input {max(inputs)} came: give one row number per input."
                )
            source_rows = [int(index[i]) for i in inputs]
        else:
            source_rows = [0] * n_rows if n_source == 1 else list(inputs)
        if not all(-n_source <= row < n_source for row in source_rows):
            raise UnsupportedHookError(
                f"A patch at {self.point.name} holds {n_source} rows and row {max(source_rows)} "
                "was needed: give one row per input, one for all, or say which with rows=."
            )
        return source_rows


def as_tokens(x: Tensor, axes: tuple[str, ...]) -> Tensor:
    """A view as ``(b, tokens, units, ...)`` of a contiguous tensor whose axes are ``axes``."""
    if "h" in axes:
        return x.flatten(2).transpose(1, 2)
    if axes.count("t") == 2:
        return x.transpose(1, 2)
    return x if "t" in axes else x.unsqueeze(1)


def _source(point: HookPoint, how: Mean | Patch) -> Tensor:
    """Given values as ``(n, tokens or 1, units, ...)``; the mean over ``n`` for Mean."""
    values = _tensor(how.values)
    pooled_rank = len(point.axes) - (2 if "h" in point.axes else 1)
    if values.ndim == len(point.axes):
        values = as_tokens(values.contiguous(), point.axes)
    elif values.ndim == pooled_rank and len(point.axes) > 2:
        values = values.unsqueeze(1)
    else:
        raise UnsupportedHookError(
            f"The values given for {point.name} have shape {tuple(values.shape)}: give what "
            f"capture returns there, with axes {' '.join(point.axes)}."
        )
    if values.shape[2] != point.n_units or not values.is_floating_point() or not len(values):
        raise UnsupportedHookError(
            f"The values given for {point.name} are {values.dtype} for {len(values)} inputs and "
            f"{values.shape[2]} {point.unit}s: give floats for its {point.n_units} {point.unit}s."
        )
    if isinstance(how, Mean):
        # In float64, which not every accelerator has.
        mean = values.cpu().nanmean(dim=0, keepdim=True, dtype=torch.float64)
        values = mean.to(values.dtype)
    return values


def _tensor(values: Any) -> Tensor:
    """Given values; a copy of an array that nobody may write to, which torch does not take."""
    readonly = isinstance(values, np.ndarray) and not values.flags.writeable
    return torch.as_tensor(values.copy() if readonly else values).detach()


def _broadcasts(shape: torch.Size, target: torch.Size) -> bool:
    sizes = zip(reversed(shape), reversed(target), strict=False)
    return len(shape) <= len(target) and all(size in (1, length) for size, length in sizes)
