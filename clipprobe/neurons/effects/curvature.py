"""The second-order term of taking each unit out, for all units at once.

With ``d`` the change of a unit's activation, ``g`` the gradient of a score by it and ``H`` the
second derivatives, taking the unit out changes the score by ``g d + d H d / 2`` and higher orders.
All units are moved at once, each by its own change times a random sign ``s``: for unit u,
``s_u d_u H (sum of s_v d_v)`` is ``d_u H d_u`` plus noise whose mean is 0 (Bekas, Kokiopoulou and
Saad 2007, "An estimator for the diagonal of a matrix"). ``H`` times a vector is the difference of
two gradients, a tenth of the way to either side, so a *probe* is two passes, however many units.

Signs are drawn for every input anew, so the noise falls with inputs times probes. What is left of
it is held down: the term of a hook point is multiplied by its reliability,
``1 - noise / mean square`` over the units, at least 0 (James and Stein 1961).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.tracing.contributions import by_unit, gradients

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.hooks import HookPoint
    from clipprobe.tracing import Score
    from clipprobe.tracing.inputs import Inputs

_REACH = 0.1  # share of a unit's change to either side


class Curvature:
    """Second-order terms of the units of some hook points, batch by batch.

    Args:
        units: Hook point -> units.
        shape: Inputs and scores.
        seed: Draws the signs.
    """

    def __init__(
        self,
        points: Sequence[HookPoint],
        units: Mapping[str, Sequence[int]],
        shape: tuple[int, int],
        probes: int,
        seed: int,
    ) -> None:
        self.points, self.units, self.probes, self.seed = points, units, probes, seed
        self.sums = {p.name: np.zeros((*shape, len(units[p.name]))) for p in points}
        self.squares = {p.name: np.zeros((shape[1], len(units[p.name]))) for p in points}

    def add(
        self,
        inputs: Inputs,
        batch: Any,
        scores: Sequence[Score],
        changes: Mapping[str, Tensor],
    ) -> int:
        """Probe one batch; returns the backward passes that it took.

        Args:
            changes: Hook point -> what replaces its activations, less the activations.
        """
        from clipprobe.hooks import intervene

        names = [point.name for point in self.points]
        for probe in range(self.probes):
            signs = {name: self._signs(name, batch.rows, probe) for name in names}
            slopes = []
            for side in (_REACH, -_REACH):
                moves: dict[str, Any] = {
                    point.name: self._move(point, changes[point.name], side * signs[point.name])
                    for point in self.points
                }
                with intervene(inputs.clip, moves):
                    slopes.append(gradients(inputs, batch, names, scores)[1])
            for point in self.points:
                for column, (ahead, behind) in enumerate(zip(*slopes, strict=True)):
                    product = (ahead[point.name] - behind[point.name]) / (2 * _REACH)
                    own = by_unit(product * changes[point.name], point)
                    each = own[:, list(self.units[point.name])] * signs[point.name]
                    self.sums[point.name][batch.rows, column] += each
                    self.squares[point.name][column] += (each**2).sum(axis=0)
        return 2 * self.probes * len(scores)

    def terms(self) -> dict[str, Floats]:
        """Hook point -> ``(n_inputs, n_scores, n_units)``: what is added to the first order."""
        result = {}
        for name, sums in self.sums.items():
            n = len(sums) * self.probes
            mean = sums.sum(axis=0) / n
            noise = np.maximum(self.squares[name] / n - mean**2, 0) / max(1, n - 1)
            power = (mean**2).sum(axis=1)
            reliable = 1 - noise.sum(axis=1) / np.where(power > 0, power, 1)
            result[name] = np.maximum(reliable, 0)[:, None] * sums / self.probes / 2
        return result

    def _signs(self, name: str, rows: Sequence[int], probe: int) -> Floats:
        """``(b, n_units)``, the same for an input whatever batch it is in."""
        where = [one.name for one in self.points].index(name)
        signs = [
            np.random.default_rng([self.seed, where, probe, row]).choice(
                [-1.0, 1.0], len(self.units[name])
            )
            for row in rows
        ]
        return np.array(signs)

    def _move(
        self, point: HookPoint, change: Tensor, factors: Floats
    ) -> Callable[[Tensor], Tensor]:
        """Adds the change of every unit times its factor; of units that were not named, nothing."""
        import torch

        whole = np.zeros((len(factors), point.n_units))
        whole[:, list(self.units[point.name])] = factors
        sizes = [1] * change.ndim
        sizes[0], sizes[point.unit_axis] = whole.shape
        shift = change * torch.from_numpy(whole).to(change).reshape(sizes)
        return lambda value: value + shift
