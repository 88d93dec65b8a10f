"""What predicts what taking a unit out does?

For a sample of the heads and neurons of every block, or of directions, three predictions of the
change of a score stand beside the measured one (ablation), over a set of images:

* *attribution patching*, the predictor: the derivative of the score by the unit along every path,
  times the change of its activation, with the norms that read it taken exactly (see
  ``first_order``; one backward pass for all units, or ``steps`` along each unit's own path);
* the *direct* effect, which is what the unit itself writes towards the score, with the scales of
  the clean pass held fixed: no prediction of a removal, because later parts read the unit too;
* the *first-order direct* effect, in which the last norm's scale moves. The difference between the
  last two is what normalisation does.

Correlations are over units, for each text, averaged over texts, whatever comes out; the interval
resamples units; p compares attribution patching's with pairs of units put together at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.attribution.readout import ScoreName
from clipprobe.errors import ConfigError
from clipprobe.neurons.effects.changes import change_of
from clipprobe.neurons.effects.direct import comparable, direct_effects
from clipprobe.neurons.effects.predicting import Predictor, refuse_passes
from clipprobe.neurons.effects.sweep import Sweep
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, permutation_p, undefined
from clipprobe.statistics.correlation import correlate, correlation, rank
from clipprobe.tracing.parts import TowerParts

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip

KINDS = ("head", "neuron", "direction")
_N_PERMUTATIONS = 999
_NOT_TOLD = "what these directions write themselves cannot be told"
_NOT_THERE = undefined("made by a version without attribution patching")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement(AsJson):
    """Predicted and measured effects of the units of one hook point, or of several.

    ``name``: hook point, or kind of unit over all blocks.
    ``kind``: head, neuron or direction.
    ``n_units``: units compared (of ``n_there``).
    ``attribution``: rank correlation of attribution patching with the measured mean changes over
    units, averaged over texts; ``n`` of an estimate is the number of units. Undefined, with the
    reason, in runs of versions that did not have it.
    ``p``: of ``attribution`` (in older runs of ``spearman``) under random pairing, one-sided; NaN
    where it is undefined.
    ``pearson``, ``spearman``: of the direct effects.
    ``first_order``: as ``spearman``, for the first-order direct effect.
    ``attribution_size``, ``predicted_size``, ``measured_size``: mean magnitudes by attribution
    patching, of the direct effects and as measured, in the unit of the score.
    """

    name: str
    kind: str
    n_units: int
    n_there: int
    pearson: Estimate
    spearman: Estimate
    p: float
    first_order: Estimate
    predicted_size: float
    measured_size: float
    attribution: Estimate = _NOT_THERE
    attribution_size: float = np.nan

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {**AsJson.to_json(self), "reason": self._best.reason}

    @property
    def _best(self) -> Estimate:
        """Of attribution patching; in older runs of the direct effects."""
        return self.spearman if self.attribution is _NOT_THERE else self.attribution


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteEffects:
    """Effects of some units of one hook point, in the unit of the score.

    ``units``: ``(u,)`` their indices. ``predicted``: ``(u, m)`` direct effects, mean over inputs;
    ``first_order``, ``attribution``: likewise; the latter NaN in runs of versions without it.
    ``measured``: ``(n, u, m)`` changed minus clean. ``rms``: ``(u,)`` activation scale.
    """

    site: str
    kind: str
    n_there: int
    units: NDArray[np.int64]
    predicted: Floats
    first_order: Floats
    measured: Floats
    rms: Floats
    attribution: Floats


def effect_sites(clip: Clip) -> list[str]:
    """The heads and neurons of every block of the vision tower, where it has them apart.

    Raises:
        UnsupportedHookError: the tower has no exact decomposition.
    """
    parts = TowerParts(clip, "vision")
    names = []
    for index in range(len(parts.tower.blocks)):
        names += [parts.attention_site(index), parts.mlp_site(index)]
    return [name for name in names if name.endswith(("head_out", "mlp.post"))]


def site_effects(
    clip: Clip,
    images: Sequence[Any],
    texts: Sequence[str],
    site: str,
    *,
    per_site: int | None = 24,
    method: str = "zero",
    steps: int = 1,
    probes: int = 0,
    norms: bool = True,
    score: ScoreName = "logit",
    seed: int = 0,
    batch_size: int = 32,
) -> SiteEffects:
    """Predicted and measured effects of a random sample of the units of one hook point.

    Args:
        site: A hook point ``attn.head_out`` or ``mlp.post``, or directions.
        per_site: How many units, drawn by the seed; None for all.
        method: ``zero`` or ``mean``.
        steps: Gradients along each unit's path; 1 for one backward pass for all of them.
        probes: Of the second-order term, see ``curvature``.
        norms: Whether one pass takes norms exactly, see ``norms.exact``.
    """
    refuse_passes(steps, probes)
    if method not in ("zero", "mean"):
        raise ConfigError(f"Only zero and mean ablation are predicted, not {method!r}.")
    point = comparable(clip, site)
    n_units = point.n_units if per_site is None else min(per_site, point.n_units)
    rng = np.random.default_rng([seed, point.block or 0, point.unit == "head"])
    units = np.sort(rng.permutation(point.n_units)[:n_units])
    addresses = [f"{point.name}:{unit}" for unit in units]
    sweep = Sweep(clip, images, texts, addresses, score=score, batch_size=batch_size)
    scale = sweep.scales()[point.name]
    predicted, first_order = direct_effects(sweep, point, method, score, scale)
    changes = {
        (address, method): change_of(point, unit, method, scale)
        for address, (_, unit) in sweep.units.items()
    }
    deltas = sweep.deltas(changes)

    def new(act: Tensor, _: HookPoint, rows: Sequence[int]) -> Tensor:
        if method == "zero":
            return act.new_zeros(act.shape)
        return scale.mean.to(act).expand_as(act)

    predictor = Predictor(
        sweep,
        [point],
        {point.name: units.tolist()},
        new,
        steps=steps,
        probes=probes,
        norms=norms,
        seed=seed,
    )
    total = np.zeros((n_units, len(sweep.targets)))
    for _, mine in predictor.batches():
        total += mine[point.name].sum(axis=0).T
    for second in predictor.second_order().values():
        total += second.sum(axis=0).T
    return SiteEffects(
        site=point.name,
        kind=point.unit,
        n_there=point.n_units,
        units=units,
        predicted=predicted[units],
        first_order=first_order[units],
        measured=np.stack([deltas[(address, method)] for address in addresses], axis=1),
        rms=scale.rms[units],
        attribution=total * sweep.factor / len(sweep.inputs),
    )


def agreement(name: str, sites: Sequence[SiteEffects], *, seed: int = 0) -> Agreement:
    """Correlate predicted with measured effects over the units of these hook points."""
    predicted = np.concatenate([one.predicted for one in sites])
    measured = np.concatenate([one.measured.mean(axis=0) for one in sites])
    first_order = np.concatenate([one.first_order for one in sites])
    attribution = np.concatenate([one.attribution for one in sites])
    n = len(predicted)
    pearson = correlate(predicted, measured, False, seed, absent=_NOT_TOLD)
    spearman = correlate(predicted, measured, True, seed, absent=_NOT_TOLD)
    attributed, best = _NOT_THERE, predicted
    if not np.isnan(attribution).any():
        best = attribution
        attributed = correlate(best, measured, True, seed, absent=_NOT_TOLD)
    tested = spearman if attributed is _NOT_THERE else attributed
    p = np.nan
    if tested.defined:
        rng = np.random.default_rng(seed)
        left, right = rank(best), rank(measured)
        null = [correlation(left[rng.permutation(n)], right) for _ in range(_N_PERMUTATIONS)]
        p = permutation_p(tested.value, null)
    return Agreement(
        name=name,
        kind=sites[0].kind,
        n_units=n,
        n_there=sum(one.n_there for one in sites),
        pearson=pearson,
        spearman=spearman,
        p=p,
        first_order=correlate(first_order, measured, True, seed, absent=_NOT_TOLD),
        predicted_size=float(np.abs(predicted).mean()),
        measured_size=float(np.abs(measured).mean()),
        attribution=attributed,
        attribution_size=float(np.abs(attribution).mean()),
    )


def agreements(sites: Sequence[SiteEffects], *, seed: int = 0) -> list[Agreement]:
    """For each hook point, then for all heads and for all neurons together."""
    results = [agreement(one.site, [one], seed=seed) for one in sites]
    for kind in KINDS:
        members = [one for one in sites if one.kind == kind]
        if len(members) > 1:
            results.append(agreement(f"all {kind}s", members, seed=seed))
    return results
