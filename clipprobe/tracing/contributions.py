"""What each head and neuron adds to a score, to first order.

Attribution patching (Nanda 2023; Syed et al. 2023, arXiv:2310.10348): with ``a`` a unit's
activation on one input, ``m`` what replaces it (its mean over the inputs, place by place) and ``g``
the derivative of the input's score by the activation, taking the replacement instead changes the
score by about ``g (m - a)``, summed over tokens (a head: over its vector ``z`` too). Unlike a
direct effect this counts what acts through later parts as well; unlike an ablation it costs one
backward pass for all units. It is a ranking, not a result: what removing units does is measured.

    contribution of a unit = mean over the inside of g (a - m) - mean over the others of the same

so that units that make the value of a score have its sign.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.errors import UnsupportedHookError
from clipprobe.tracing.inputs import InputBatch, Inputs
from clipprobe.tracing.scales import site_scales
from clipprobe.tracing.score import Score

if TYPE_CHECKING:
    from torch import Tensor, nn

    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip

KINDS = {"neuron": ("mlp.post", "post"), "head": ("attn.z",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """The units of one kind, strongest first.

    ``kind``: ``neuron`` (in a ResNet a channel) or ``head``.
    ``units``: addresses; ``values``: their contributions, in the score's unit.
    ``low``, ``high``: 95 % interval of each (Welch, between two groups), over inputs.
    ``n``: inputs.
    """

    kind: str
    units: tuple[str, ...]
    values: Floats
    low: Floats
    high: Floats
    n: int

    def top(self, k: int) -> list[str]:
        """Addresses of the k units that add most."""
        return list(self.units[:k])


def unit_points(clip: Clip, kind: str, tower: str = "vision") -> list[HookPoint]:
    """The hook points of a tower whose units are ranked.

    Raises:
        UnsupportedHookError: the model has no units of that kind.
    """
    points = [p for p in clip.hook_points() if p.tower == tower and p.site in KINDS[kind]]
    if not points:
        raise UnsupportedHookError(
            f"The {tower} tower of {clip.id} has no {kind}s that can be taken out one by one: "
            "`clipprobe hooks` lists what it has."
        )
    return points


def means(
    clip: Clip,
    items: Sequence[Any],
    points: Sequence[HookPoint],
    *,
    batch_size: int,
    tower: str = "vision",
) -> dict[str, Tensor]:
    """Mean activation by hook point, place by place, axes of the hook point without the batch."""
    inputs = Inputs(clip, tower, items, batch_size)
    return {name: scale.mean for name, scale in site_scales(inputs, points).items()}


def gradients(
    inputs: Inputs,
    batch: InputBatch,
    names: Sequence[str],
    scores: Sequence[Score],
    norms: Mapping[str, nn.Module] | None = None,
) -> tuple[dict[str, Tensor], list[dict[str, Tensor]], dict[str, Tensor]]:
    """Activations of hook points, and the derivatives of each score by them.

    Args:
        norms: Name -> layer norm, by whose output the derivatives are taken too, under that name.
            Those that come before every hook point are left out.
    Returns:
        Activations of hook points; the derivatives, a mapping per score; the norms' inputs.
    """
    import torch

    from clipprobe.hooks import capture
    from clipprobe.hooks.norms import norms_seen

    with (
        torch.enable_grad(),
        norms_seen(norms or {}) as seen,
        capture(inputs.clip, list(names), pool="none", grad=True) as acts,
    ):
        vectors = inputs.run(batch, grad=True)
        sums = [score.of(vectors, batch.rows).sum() for score in scores]
        later = [name for name in norms or () if seen[name][1].requires_grad]
        values = [*(acts[name] for name in names), *(seen[name][1] for name in later)]
        slopes = [torch.autograd.grad(one, values, retain_graph=True) for one in sums]
    keys = [*names, *later]
    detached = {name: acts[name].detach() for name in names}
    inside = {name: seen[name][0].detach() for name in later}
    return detached, [dict(zip(keys, one, strict=True)) for one in slopes], inside


def by_unit(values: Tensor, point: HookPoint) -> Floats:
    """``(b, n_units)``: summed over every axis but the batch and the units, in float64."""
    other = [i for i in range(1, values.ndim) if i != point.unit_axis]
    summed = values.double().sum(dim=other) if other else values.double()
    result: Floats = summed.cpu().numpy()
    return result


def contributions(
    clip: Clip,
    items: Sequence[Any],
    score: Score,
    kind: str,
    *,
    sign: float,
    replacement: Mapping[str, Tensor],
    tower: str = "vision",
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> Contributions:
    """Rank the units of a tower by what they add to a score.

    Args:
        items: Images (or texts), ``n`` of them, which the score is of.
        kind: ``neuron`` or ``head``.
        sign: Of the value: units that make it larger come first.
        replacement: What replaces activations, see :func:`means`.
        progress: Called with the number of inputs done.
    """
    points = unit_points(clip, kind, tower)
    inputs = Inputs(clip, tower, items, batch_size)
    sides = np.ones(len(items), np.intp) if score.inside is None else score.inside.astype(np.intp)
    moments = {point.name: np.zeros((2, 2, point.n_units)) for point in points}
    for batch in inputs.batches():
        acts, [slopes], _ = gradients(inputs, batch, list(moments), [score])
        for point in points:
            away = acts[point.name].double() - replacement[point.name].to(acts[point.name].device)
            each = by_unit(slopes[point.name].double() * away, point)
            for side in (0, 1):
                own = each[sides[batch.rows] == side]
                moments[point.name][side] += [own.sum(axis=0), (own**2).sum(axis=0)]
        if progress is not None:
            progress(len(batch.rows))
    return _ranked(kind, moments, np.bincount(sides, minlength=2), sign)


def _ranked(kind: str, moments: dict[str, Floats], n: Any, sign: float) -> Contributions:
    table = np.concatenate(list(moments.values()), axis=2)  # side, moment, unit
    there = n > 0  # one side only where the value is a mean over all
    n, table = n[there], table[there]
    mean = table[:, 0] / n[:, None]
    variance = np.maximum(table[:, 1] / n[:, None] - mean**2, 0) * (n / (n - 1))[:, None]
    error = np.sqrt((variance / n[:, None]).sum(axis=0))
    values = mean[1] - mean[0] if len(n) == 2 else mean[0]
    order = np.argsort(-sign * values, kind="stable")
    names = [f"{name}:{unit}" for name, one in moments.items() for unit in range(one.shape[2])]
    return Contributions(
        kind=kind,
        units=tuple(names[i] for i in order),
        values=values[order],
        low=(values - 1.96 * error)[order],
        high=(values + 1.96 * error)[order],
        n=int(n.sum()),
    )
