"""Directions at a hook point, read and changed like units of the model.

With ``x`` the activation of one token, ``W`` the directions (rows ``w_i``) and ``b`` their biases:

* unit ``i`` reads ``a_i = w_i x + b_i`` (``x / |x|`` in place of ``x`` where the directions are
  normalised);
* ``Steer(s)`` adds the direction itself: ``x + s w_i``;
* every other change says what the units that it names shall read, ``a'``, and gets the smallest
  change of ``x`` after which they do: ``x + pinv(W_named) (a' - a)``, for one unit
  ``x + (a'_i - a_i) w_i / |w_i|^2``. So ``Zero`` without a bias removes all of ``x`` along the
  named directions. Where directions depend on each other linearly, they come as near to ``a'`` as
  least squares can.

The second term is exactly zero where nothing was changed. With a direction that is one-hot, all of
this is what happens to the unit of the hook point itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clipprobe.errors import UnsupportedHookError
from clipprobe.hooks.arithmetic import PointChange
from clipprobe.hooks.changes import Steer

if TYPE_CHECKING:
    from clipprobe.anatomy.listening import Positions, Rows
    from clipprobe.anatomy.parts import Anatomy, Derived
    from clipprobe.hooks.sites import HookPoint


class Reading:
    """What the units of a derived hook point read, and how a change of it is put back."""

    def __init__(self, one: Derived, axis: int) -> None:
        self.one = one
        self._axis = axis
        self._vectors = _Rows(one.vectors)
        self._bias = _Rows(one.bias)
        norms = np.square(one.vectors, dtype=np.float64).sum(axis=1, keepdims=True)
        self._alone = _Rows(one.vectors / norms)

    @classmethod
    def of(cls, anatomy: Anatomy, point: HookPoint) -> Reading:
        """Of a derived hook point of the model."""
        one = next(d for d in anatomy.derived if f"{d.base}.{d.name}" == point.name)
        return cls(one, point.unit_axis)

    def __call__(self, x: Tensor) -> Tensor:
        """The activations of the directions, in float32 at least, from those of the hook point."""
        moved = x.movedim(self._axis, -1).to(torch.promote_types(x.dtype, torch.float32))
        if self.one.normalised:
            moved = moved / moved.norm(dim=-1, keepdim=True)
        return (moved @ self._vectors.like(moved).T + self._bias.like(moved)).movedim(
            -1, self._axis
        )

    def put_back(self, x: Tensor, delta: Tensor, rows: _Rows | None = None) -> Tensor:
        """``x`` with ``delta`` of each unit times its row added.

        Args:
            rows: None for ``w_i / |w_i|^2``, which changes what each unit reads by its delta where
                it alone moves.
        """
        added = delta.movedim(self._axis, -1) @ (rows or self._alone).like(delta)
        return x + added.movedim(-1, self._axis).to(x.dtype)


class DerivedChange:
    """One change at one derived hook point; applied to the hook point that it is read from."""

    def __init__(self, change: PointChange, reading: Reading) -> None:
        self._change = change
        self._reading = reading
        vectors = reading.one.vectors.astype(np.float64)
        if isinstance(change.how, Steer):
            self._rows = _Rows(vectors)
            return
        if reading.one.normalised:
            raise UnsupportedHookError(
                f"{change.point.name} is read after bringing vectors to unit length, so no value "
                "can be set there: use Steer, or a direction that is not normalised."
            )
        units = slice(None) if change.units is None else np.atleast_1d(change.units)
        solved = np.zeros_like(vectors)
        solved[units] = np.linalg.pinv(vectors[units]).T
        self._rows = _Rows(solved)

    def apply(self, x: Tensor, rows: Rows | None, where: Positions | None) -> Tensor:
        """The changed value of the hook point, a new tensor of the same shape."""
        old = self._reading(x)
        new = self._change.apply(old, rows, where)
        return self._reading.put_back(x, new - old, self._rows)


class _Rows:
    """Numbers that are copied to a device once."""

    def __init__(self, values: npt.NDArray[Any]) -> None:
        self._values = values
        self._copies: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def like(self, x: Tensor) -> Tensor:
        """On the device and in the type of a tensor."""
        key = x.device, x.dtype
        if key not in self._copies:
            self._copies[key] = torch.tensor(self._values).to(x)
        return self._copies[key]
