"""What replacing units would do to scores: by the gradient, or along each unit's own path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.neurons.effects.curvature import Curvature
from clipprobe.neurons.effects.direct import comparable
from clipprobe.neurons.effects.norms.exact import ExactNorms
from clipprobe.neurons.effects.settings import EffectTest
from clipprobe.neurons.effects.sweep import InputsWithTargets
from clipprobe.study import Workload
from clipprobe.tracing.contributions import by_unit, gradients
from clipprobe.tracing.inputs import InputBatch

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip


def refuse_passes(steps: int, probes: int) -> None:
    """Raise where a number of passes has no meaning.

    Raises:
        ConfigError: says what to give.
    """
    if steps < 1:
        raise ConfigError(f"steps={steps} takes no gradient: give at least 1.")
    if probes < 0 or (probes and steps > 1):
        raise ConfigError(
            f"probes={probes} cannot be used with steps={steps}: probes are at least 0, and steps "
            "hold all orders already."
        )


def exact_norms(clip: Clip, tower: str, steps: int, probes: int) -> ExactNorms | None:
    """What corrects the first order; None for towers that have no such stream, where an edit
    changes it, and for steps and probes, which hold what it lacks."""
    with suppress(UnsupportedHookError):
        return ExactNorms(clip, tower) if steps == 1 and not probes else None
    return None


def passes_of(settings: EffectTest, clip: Clip, n_images: int, sites: Sequence[str]) -> Workload:
    """Of all hook points; ``agreement.site_effects`` makes them."""
    points = [comparable(clip, site) for site in sites]
    units = sum(min(settings.per_site or one.n_units, one.n_units) for one in points)
    steps = settings.steps * units if settings.steps > 1 else 0
    # By what was read off to first order and by the gradients that predict.
    backward = (2 + 2 * settings.probes) * len(points) + steps
    # For the scales, to read off, and as the inputs are before units are taken out one by one.
    passes = 3 * len(points) + units + backward
    no_readout = any(one.base is not None for one in points)
    more: dict[str, Any] = {"at_most": no_readout}
    if no_readout:
        more["reason"] = "directions that cannot be read off take two passes less"
    if points[0].tower == "text":
        texts = passes * len(settings.texts)
        return Workload(images=n_images * len(points), texts=texts, **more)
    return Workload(
        images=passes * n_images,
        texts=len(set(settings.texts)) * len(points),
        gradients=backward * n_images,
        **more,
    )


class Predictor:
    """Predicted changes of scores by replacing units, batch by batch.

    Args:
        data: Inputs and targets; changes are in cosines with them.
        points, units: Hook points, and by their names which units of each.
        new: Activations of a hook point, the point and the numbers of the inputs to what replaces
            the activations.
        steps, probes, seed: See ``first_order``.
        norms: Whether norms are taken exactly where the tower and the passes allow it.
    """

    def __init__(
        self,
        data: InputsWithTargets,
        points: Sequence[HookPoint],
        units: Mapping[str, Sequence[int]],
        new: Callable[[Tensor, HookPoint, Sequence[int]], Tensor],
        *,
        steps: int,
        probes: int,
        norms: bool,
        seed: int,
    ) -> None:
        self.inputs, self.scores = data.inputs, data.scores
        self.points, self.units, self.new, self.steps = points, units, new, steps
        self.norms = exact_norms(data.clip, data.tower, steps, probes) if norms else None
        shape = (len(self.inputs), len(self.scores))
        self.curvature = Curvature(points, units, shape, probes, seed)
        self.n_backward = 0

    def batches(self) -> Iterator[tuple[list[int], dict[str, Floats]]]:
        """Numbers of the inputs, and hook point -> ``(b, m, u)`` without second-order terms."""
        for batch in self.inputs.batches():
            yield batch.rows, self._effects(batch)

    def second_order(self) -> dict[str, Floats]:
        """Hook point -> ``(n, m, u)``: added after the last batch; nothing without probes."""
        return self.curvature.terms() if self.curvature.probes else {}

    def _effects(self, batch: InputBatch) -> dict[str, Floats]:
        names = [point.name for point in self.points]
        modules = {} if self.norms is None else self.norms.norms
        acts, slopes, inside = gradients(self.inputs, batch, names, self.scores, modules)
        changes = {
            point.name: self.new(acts[point.name], point, batch.rows) - acts[point.name]
            for point in self.points
        }
        probing = self.curvature.add(self.inputs, batch, self.scores, changes)
        self.n_backward += len(self.scores) + probing
        effects = {}
        for point in self.points:
            change, units = changes[point.name], list(self.units[point.name])
            if self.steps > 1:
                act = acts[point.name]
                effects[point.name] = np.stack(
                    [self._along_path(batch, point, one, act, change) for one in units], axis=2
                )
                continue
            writes = np.stack([by_unit(one[point.name] * change, point) for one in slopes], 1)
            effects[point.name] = writes[..., units]
            if self.norms is not None:
                effects[point.name] += self.norms.beyond_first_order(
                    point, change, units, inside, slopes, self.scores
                )
        return effects

    def _along_path(
        self, batch: InputBatch, point: HookPoint, unit: int, act: Tensor, change: Tensor
    ) -> Floats:
        """``(b, m)``: the change times the mean gradient along the path of one unit."""
        from clipprobe.hooks import intervene

        own, delta = (x.select(point.unit_axis, unit) for x in (act, change))
        total = np.zeros((len(batch.rows), len(self.scores)))
        for step in range(self.steps):
            place = own + delta * ((step + 0.5) / self.steps)
            edit = {f"{point.name}:{unit}": lambda _, place=place: place}
            with intervene(self.inputs.clip, edit):
                _, slopes, _ = gradients(self.inputs, batch, [point.name], self.scores)
            for column, one in enumerate(slopes):
                slope = one[point.name].select(point.unit_axis, unit) * delta
                total[:, column] += slope.flatten(1).double().sum(1).cpu().numpy() / self.steps
        self.n_backward += self.steps * len(self.scores)
        return total
