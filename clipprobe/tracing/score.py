"""What is traced: a number of every embedding, and how the numbers of many inputs become one.

A claim such as "these heads carry the word" or "these neurons carry the gap" is a :class:`Score`;
the rest of :mod:`clipprobe.tracing` asks of it which units it goes through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError
from clipprobe.statistics import Estimate
from clipprobe.statistics.estimate import boolean

if TYPE_CHECKING:
    from torch import Tensor

    #: Unit vectors ``(b, d)`` and the numbers of their inputs -> ``(b,)``, differentiable.
    Function = Callable[[Tensor, Sequence[int]], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Score:
    """A number of each input, and one value over all of them.

    Attributes:
        name: What is measured, in words.
        direction: The number is the unit vector times this: ``(d,)``, or ``(n, d)`` with one
            direction for each input.
        function: Makes the number instead, where it is not linear in the unit vector.
        factor: Multiplies the number of a direction: the model's scale, for logits.
        inside: ``(n,)``; the value is the mean over these inputs less that over all others. None:
            the mean over all inputs.

    Example:
        >>> score = Score(name="a gap", direction=np.array([1.0, 0.0]), inside=np.array([1, 0]) > 0)
        >>> score.value(score.numbers([[0.6, 0.8], [0.0, 1.0]]))
        0.6
    """

    name: str
    direction: Floats | None = None
    function: Function | None = None
    factor: float = 1.0
    inside: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if (self.direction is None) == (self.function is None):
            raise ConfigError(
                f"Give the score {self.name!r} a direction or a function, one of the two."
            )
        if self.inside is not None:  # 0 and 1 would be taken for the numbers of inputs
            inside = boolean(self.inside, f"The inputs inside of the score {self.name!r}")
            object.__setattr__(self, "inside", inside)

    def of(self, vectors: Tensor, rows: Sequence[int]) -> Tensor:
        """Numbers ``(..., b)`` of unit vectors ``(..., b, d)``, float64, differentiable.

        Args:
            rows: Which inputs they are, ``(b,)``.
        """
        import torch

        if self.function is not None:
            return self.function(vectors, rows).double()
        direction = np.asarray(self.direction, np.float64)
        own = torch.from_numpy(direction if direction.ndim == 1 else direction[list(rows)])
        return (vectors.double() * own.to(vectors.device)).sum(dim=-1) * self.factor

    def numbers(self, vectors: ArrayLike) -> Floats:
        """Numbers ``(n,)`` of the unit vectors ``(n, d)`` of all inputs."""
        array = np.asarray(vectors, np.float64)
        if self.direction is not None and np.ndim(self.direction) == 1:
            linear: Floats = array @ self.direction * self.factor
            return linear
        import torch

        with torch.no_grad():
            result: Floats = self.of(torch.from_numpy(array), range(len(array))).numpy()
        return result

    def among(self, rows: NDArray[np.intp]) -> Score:
        """The same score of some of the inputs, ``(k,)`` their numbers."""
        per_input = self.direction is not None and np.ndim(self.direction) == 2
        function = self.function
        return replace(
            self,
            direction=self.direction[rows] if per_input and self.direction is not None
            else self.direction,
            function=None if function is None
            else lambda vectors, own: function(vectors, [int(rows[i]) for i in own]),
            inside=None if self.inside is None else self.inside[rows],
        )  # fmt: skip

    def value(self, numbers: Floats, among: NDArray[np.bool_] | None = None) -> float:
        """One value of the numbers ``(n,)``, over some of the inputs."""
        among = np.ones(len(numbers), bool) if among is None else among
        if self.inside is None:
            return float(numbers[among].mean())
        return float(numbers[among & self.inside].mean() - numbers[among & ~self.inside].mean())

    def values(self, numbers: Floats, among: NDArray[np.bool_], weights: Floats) -> Floats:
        """The value of every resample, ``(n_boot,)``.

        Args:
            numbers: ``(n,)``, of all inputs.
            weights: How often each of ``among`` was drawn, ``(n_boot, n_among)``.
        """
        own = numbers[among]
        if self.inside is None:
            result: Floats = weights @ own / weights.sum(axis=1)
            return result
        inside = self.inside[among]
        ours, others = weights[:, inside], weights[:, ~inside]
        with np.errstate(invalid="ignore"):  # of clusters that span sides, a draw may leave one out
            remaining: Floats = ours @ own[inside] / ours.sum(axis=1)
            right: Floats = others @ own[~inside] / others.sum(axis=1)
        return remaining - right

    def removed(
        self, before: Floats, after: Floats, among: NDArray[np.bool_], weights: Floats
    ) -> Estimate:
        """Share of the value that is gone, ``1 - after / before``, over some of the inputs.

        Args:
            before, after: Numbers of all inputs, ``(n,)``.
            weights: See :meth:`values`; both are resampled together.
        Returns:
            NaN with a reason where the value before is not told from 0: a share of nothing; also
            where a draw left a side empty, so that nothing is told.
        """
        first, second = (self.values(numbers, among, weights) for numbers in (before, after))
        n = int(among.sum())
        how = "over inputs" if self.inside is None else "within groups"
        method = f"percentile bootstrap {how}, {len(weights)} draws, 95 %"
        low, high = np.percentile(first, [2.5, 97.5])
        if not (low > 0 or high < 0):  # NaN too
            return Estimate(
                value=float("nan"), low=float("nan"), high=float("nan"), n=n, method=method,
                reason=f"{self.name} itself is not told from 0 on the measuring half",
            )  # fmt: skip
        low, high = np.percentile(1 - second / first, [2.5, 97.5])
        value = 1 - self.value(after, among) / self.value(before, among)
        return Estimate(value=value, low=float(low), high=float(high), n=n, method=method)
