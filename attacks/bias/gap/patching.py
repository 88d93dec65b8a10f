"""What each head and neuron adds to a gap, to first order.

Attribution patching (Nanda 2023; Syed et al. 2023, arXiv:2310.10348): with ``a`` a unit's
activation on one picture, ``m`` its mean over the pictures (place by place) and ``g`` the
derivative of the picture's score by the activation, taking the unit's mean instead changes the
score by about ``g (m - a)``, summed over tokens (a head: over its vector ``z`` too). Unlike a
direct effect this counts what acts through later parts as well; unlike an ablation it costs one
backward pass for all units. It is a ranking, not a result: what removing units does is measured.

    contribution of a unit = mean over the group of g (a - m) - mean over the others of the same

so that units that make the gap have the sign of the gap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.measures.draws import Floats
from clipprobe.errors import UnsupportedHookError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip

KINDS = {"neuron": ("mlp.post", "post"), "head": ("attn.z",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """The units of one kind, strongest first.

    ``kind``: ``neuron`` (in a ResNet a channel) or ``head``.
    ``units``: addresses; ``values``: their contributions to the gap, in the score's unit.
    ``low``, ``high``: 95 % Welch interval of each, over pictures.
    ``n``: pictures of both groups.
    """

    kind: str
    units: tuple[str, ...]
    values: Floats
    low: Floats
    high: Floats
    n: int

    def top(self, k: int) -> list[str]:
        """Addresses of the k units that add most to the gap."""
        return list(self.units[:k])


def unit_points(clip: Clip, kind: str) -> list[HookPoint]:
    """The hook points of the vision tower whose units are ranked.

    Raises:
        UnsupportedHookError: the model has no units of that kind.
    """
    points = [p for p in clip.hook_points() if p.tower == "vision" and p.site in KINDS[kind]]
    if not points:
        raise UnsupportedHookError(
            f"The vision tower of {clip.id} has no {kind}s that can be taken out one by one: "
            "`clipprobe hooks` lists what it has."
        )
    return points


def means(
    clip: Clip, images: Sequence[Any], points: Sequence[HookPoint], *, batch_size: int
) -> dict[str, Tensor]:
    """Mean activation by hook point, place by place, axes of the hook point without the batch."""
    from clipprobe.neurons.effects.inputs import Inputs
    from clipprobe.neurons.effects.scales import site_scales

    inputs = Inputs(clip, "vision", images, batch_size)
    return {name: scale.mean for name, scale in site_scales(inputs, points).items()}


def contributions(
    clip: Clip,
    images: Sequence[Any],
    inside: NDArray[np.bool_],
    direction: Floats,
    kind: str,
    *,
    sign: float,
    replacement: dict[str, Tensor] | None = None,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> Contributions:
    """Rank the units of the vision tower by what they add to a gap.

    Args:
        images: Pictures, ``n`` of them.
        inside: ``(n,)`` whether each is of the group.
        direction: ``(d,)``; the score is the unit vector times this.
        kind: ``neuron`` or ``head``.
        sign: Of the gap: units that make it larger come first.
        replacement: Mean activations (see :func:`means`); by default over these pictures.
        progress: Called with the number of pictures done.
    """
    import torch

    from clipprobe.hooks import capture
    from clipprobe.neurons.effects.inputs import Inputs

    points = unit_points(clip, kind)
    mean = replacement or means(clip, images, points, batch_size=batch_size)
    inputs = Inputs(clip, "vision", images, batch_size)
    wanted = torch.as_tensor(direction, dtype=torch.float32, device=clip.device)
    names = [point.name for point in points]
    sums = {name: np.zeros((2, 2, p.n_units)) for name, p in zip(names, points, strict=True)}
    for batch in inputs.batches():
        with torch.enable_grad(), capture(clip, names, grad=True) as acts:
            vectors = inputs.run(batch, grad=True)
            score = (vectors.float() @ wanted).sum()
            grads = torch.autograd.grad(score, [acts[name] for name in names])
        side = inside[batch.rows].astype(int)
        for point, grad in zip(points, grads, strict=True):
            away = acts[point.name].detach().double() - mean[point.name].to(grad.device)
            each = _by_unit(grad.double() * away, point)
            for group in (0, 1):
                own = each[side == group]
                sums[point.name][group] += [own.sum(axis=0), (own**2).sum(axis=0)]
        if progress is not None:
            progress(len(batch.rows))
    return _ranked(kind, sums, inside, sign)


def _by_unit(values: Tensor, point: HookPoint) -> Floats:
    """``(b, n_units)``: summed over every axis but the batch and the units."""
    axis = point.unit_axis
    other = [i for i in range(1, values.ndim) if i != axis]
    result: Floats = (values.sum(dim=other) if other else values).cpu().numpy()
    return result


def _ranked(
    kind: str, sums: dict[str, Floats], inside: NDArray[np.bool_], sign: float
) -> Contributions:
    n = np.array([int((~inside).sum()), int(inside.sum())])
    table = np.concatenate(list(sums.values()), axis=2)  # group, moment, unit
    mean = table[:, 0] / n[:, None]
    variance = np.maximum(table[:, 1] / n[:, None] - mean**2, 0) * (n / (n - 1))[:, None]
    error = np.sqrt((variance / n[:, None]).sum(axis=0))
    values = mean[1] - mean[0]
    order = np.argsort(-sign * values, kind="stable")
    names = [f"{name}:{unit}" for name, one in sums.items() for unit in range(one.shape[2])]
    return Contributions(
        kind=kind,
        units=tuple(names[i] for i in order),
        values=values[order],
        low=(values - 1.96 * error)[order],
        high=(values + 1.96 * error)[order],
        n=int(n.sum()),
    )
