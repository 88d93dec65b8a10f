"""The direct effect of replacing units: what they write towards a score themselves.

A head or neuron writes to the residual stream, and so does a direction: taking it out of a stream
removes it there, and taking it out of the neurons removes what they make of it. Directions at other
hook points have no direct effect that can be read off, and it is undefined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.attribution.readout import ScoreName
from clipprobe.errors import UnsupportedHookError
from clipprobe.neurons.effects.sweep import Sweep
from clipprobe.tracing.parts import TowerParts

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.anatomy.parts import Derived
    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip
    from clipprobe.tracing.scales import SiteScale

STREAMS = ("resid_pre", "resid_mid", "resid_post", "attn.out", "mlp.out")


def comparable(clip: Clip, site: str) -> HookPoint:
    """The hook point of that name, whose units can be taken out and have an effect of their own.

    Raises:
        UnknownHookPointError: there is none.
        UnsupportedHookError: it is not what heads or neurons write, nor directions that can be
            taken out.
    """
    from clipprobe.hooks import resolve

    point = resolve(clip, site)[0]
    refuse_normalised(clip, point)
    if point.base is None and point.site not in ("attn.head_out", "mlp.post"):
        raise UnsupportedHookError(
            f"{point.name} is not what a head or neuron writes, nor a direction: compare "
            "attn.head_out or mlp.post, or name directions of your own."
        )
    return point


def refuse_normalised(clip: Clip, point: HookPoint) -> None:
    """Raise where directions are read in a way that no change can undo.

    Raises:
        UnsupportedHookError: vectors are brought to unit length before they are read.
    """
    if point.base is not None and _derived(clip, point).normalised:
        raise UnsupportedHookError(
            f"{point.name} is read after bringing vectors to unit length, so its units cannot be "
            "taken out: name the direction without normalising, or steer along it."
        )


def direct_effects(
    sweep: Sweep, point: HookPoint, method: str, score: ScoreName, scale: SiteScale
) -> tuple[Floats, Floats]:
    """``(n_units, m)``: mean change of the score by the exact and by the first-order readout.

    NaN throughout for directions whose direct effect cannot be read off.
    """
    undefined = np.full((point.n_units, len(sweep.others)), np.nan)
    try:
        parts = TowerParts(sweep.clip, sweep.tower, score)
    except UnsupportedHookError:
        if point.base is None:
            raise
        return undefined, undefined
    weight = written_columns(parts, sweep.clip, point)
    if weight is None and point.base is not None:
        return undefined, undefined
    if weight is None and point.unit == "neuron":
        raise UnsupportedHookError(
            f"What the neurons of {point.name} write cannot be told apart in this model."
        )
    totals = np.zeros((2, point.n_units, len(sweep.others)))
    for batch in sweep.inputs.batches():
        activations = parts.run(sweep.inputs, batch, sweep.others, also=[point.name])
        change = -activations.acts[point.name].double()  # b t u (d)
        if method == "mean":
            # Of the pooled token alone; texts have one mean for all tokens.
            pooled = parts.readout.pool != "none"
            change = change + (scale.mean[:1] if pooled else scale.mean).to(change)
        tangent = parts.tangent(sweep.inputs, batch, sweep.others)
        for row, readout in enumerate((activations.readout, tangent)):
            if weight is None or point.unit == "head":
                effect = readout.of_units(change)
            else:
                effect = readout.of_columns(change, weight)
            totals[row] += effect.sum(dim=0).T.cpu().numpy()
    totals /= len(sweep.inputs)
    return totals[0], totals[1]


def written_columns(parts: TowerParts, clip: Clip, point: HookPoint) -> Tensor | None:
    """``(d, u)``: what a unit writes to the stream per unit of activation; None where unknown."""
    import torch

    if point.base is None and point.site in STREAMS:
        return torch.eye(parts.tower.d_model, device=clip.device)
    if point.base is None:
        assert point.block is not None
        return parts.tower.columns(point.block)
    if point.read_site not in (*STREAMS, "mlp.post"):
        return None
    vectors = torch.tensor(_derived(clip, point).vectors).double()
    alone = (vectors / vectors.square().sum(dim=1, keepdim=True)).T.to(clip.device)
    if point.read_site in STREAMS:
        return alone
    assert point.block is not None
    weight = parts.tower.columns(point.block)
    return None if weight is None else weight.double() @ alone


def _derived(clip: Clip, point: HookPoint) -> Derived:
    return next(d for d in clip.anatomy.derived if f"{d.base}.{d.name}" == point.name)
