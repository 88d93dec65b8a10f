"""What replacing units would do to scores: by the gradient, or along each unit's own path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError
from clipprobe.neurons.effects.curvature import Curvature
from clipprobe.neurons.effects.direct import comparable
from clipprobe.neurons.effects.norms.exact import ExactNorms
from clipprobe.neurons.effects.settings import EffectTest
from clipprobe.neurons.effects.sweep import Sweep
from clipprobe.study import Workload
from clipprobe.tracing import Score
from clipprobe.tracing.contributions import by_unit, gradients, gradients_with_norms
from clipprobe.tracing.inputs import Inputs
from clipprobe.tracing.scales import SiteScale

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
    """What corrects the first order, where there is one: steps and probes hold what it lacks."""
    return ExactNorms.where_there(clip, tower) if steps == 1 and not probes else None


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


def changes_in_batch(
    inputs: Inputs,
    batch: Any,
    points: Sequence[HookPoint],
    units_by_site: Mapping[str, Sequence[int]],
    scores: Sequence[Score],
    new: Callable[[Tensor, HookPoint], Tensor],
    steps: int,
    curvature: Curvature,
    norms: ExactNorms | None,
) -> tuple[dict[str, Floats], int]:
    """Hook point -> ``(b, m, u)`` predicted change by the units wanted; and the backward passes.

    Args:
        new: Activations of a hook point to what replaces them.
        curvature: Takes the second-order terms of the batch.
        norms: Corrects the first order; None leaves it as it is.
    """
    names = [point.name for point in points]
    modules = {} if norms is None else norms.norms
    acts, slopes, inside = gradients_with_norms(inputs, batch, names, scores, modules)
    n_backward = len(scores)
    changes = {point.name: new(acts[point.name], point) - acts[point.name] for point in points}
    n_backward += curvature.add(inputs, batch, scores, changes)
    effects = {}
    for point in points:
        act, units = acts[point.name], list(units_by_site[point.name])
        change = changes[point.name]
        if steps == 1:
            writes = np.stack([by_unit(one[point.name] * change, point) for one in slopes], 1)
            effects[point.name] = writes[..., units]
            if norms is not None:
                effects[point.name] += norms.beyond_first_order(
                    point, change, units, inside, slopes, scores
                )
            continue
        n_backward += steps * len(scores) * len(units)
        effects[point.name] = np.stack(
            [_along_path(inputs, batch, point, one, act, change, scores, steps) for one in units],
            axis=2,
        )
    return effects, n_backward


def _along_path(
    inputs: Inputs,
    batch: Any,
    point: HookPoint,
    unit: int,
    act: Tensor,
    change: Tensor,
    scores: Sequence[Score],
    steps: int,
) -> Floats:
    """``(b, m)``: the change times the mean gradient along the path of one unit."""
    from clipprobe.hooks import intervene

    own, delta = (x.select(point.unit_axis, unit) for x in (act, change))
    total = np.zeros((len(batch.rows), len(scores)))
    for step in range(steps):
        place = own + delta * ((step + 0.5) / steps)
        with intervene(inputs.clip, {f"{point.name}:{unit}": lambda _, place=place: place}):
            _, slopes = gradients(inputs, batch, [point.name], scores)
        for column, one in enumerate(slopes):
            slope = one[point.name].select(point.unit_axis, unit) * delta
            total[:, column] += slope.flatten(1).double().sum(1).cpu().numpy() / steps
    return total


def mean_changes(
    sweep: Sweep,
    point: HookPoint,
    units: NDArray[np.int64],
    method: str,
    scale: SiteScale,
    steps: int,
    probes: int,
    seed: int,
    norms: bool,
) -> Floats:
    """``(u, m)``: mean change of the score that attribution patching predicts over all inputs.

    Args:
        method: ``zero`` or ``mean``. scale: What the mean is.
        seed: Draws the signs of probes.
        norms: Whether norms are taken exactly, see ``norms.exact``.
    """
    import torch

    def new(act: Tensor, _: HookPoint) -> Tensor:
        if method == "zero":
            return torch.zeros_like(act)
        return scale.mean.to(act).expand_as(act)

    scores = [
        Score(name=name, direction=direction)
        for name, direction in zip(sweep.targets, sweep.others.cpu().numpy(), strict=True)
    ]
    total = np.zeros((len(units), len(scores)))
    units_by_site = {point.name: units.tolist()}
    shape = (len(sweep.inputs), len(scores))
    curvature = Curvature([point], units_by_site, shape, probes, seed)
    exact = exact_norms(sweep.clip, sweep.tower, steps, probes) if norms else None
    for batch in sweep.inputs.batches():
        changes, _ = changes_in_batch(
            sweep.inputs, batch, [point], units_by_site, scores, new, steps, curvature, exact
        )
        total += changes[point.name].sum(axis=0).T
    if probes:
        total += curvature.terms()[point.name].sum(axis=0).T
    return total * sweep.factor / len(sweep.inputs)
