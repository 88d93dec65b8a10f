"""Does the direct effect of a unit predict what taking it out does?

For heads and neurons of every block: the predicted change (the direct effect, removed or replaced
by its mean) beside the measured one (ablation), over a set of images. Where units act through later
parts, and where ablation changes the last norm's scale, the two part: the correlation says how far
(reported, whatever it is). It is over units, for each text, averaged over texts; the interval
resamples units; p compares it with pairs of units put together at random.

Beside the exact direct effect, which holds the scales of the clean pass fixed, stands the
first-order one, in which they move: the derivative of the score by the final stream, times what the
unit wrote. The difference between the two is what normalisation does.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from clipprobe.attribution.readout import ScoreName
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.neurons.effects.changes import change_of
from clipprobe.neurons.effects.sweep import Sweep
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, cluster_bootstrap, permutation_p, undefined
from clipprobe.tracing.parts import TowerParts

if TYPE_CHECKING:
    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip
    from clipprobe.tracing.scales import SiteScale

Floats = NDArray[np.float64]
_N_PERMUTATIONS = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement(AsJson):
    """Predicted and measured effects of the units of one hook point, or of several.

    ``name``: hook point, or kind of unit over all blocks.
    ``kind``: head or neuron.
    ``n_units``: units compared (of ``n_there``).
    ``pearson``, ``spearman``: correlation of predicted with measured mean changes over units,
    averaged over texts; ``n`` of an estimate is the number of units.
    ``p``: of ``spearman`` under random pairing, one-sided; NaN where it is undefined.
    ``first_order``: as ``spearman``, for the first-order effect instead of the direct one.
    ``predicted_size``, ``measured_size``: mean magnitudes, in the unit of the score.
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

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {**AsJson.to_json(self), "reason": self.spearman.reason}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteEffects:
    """Effects of some units of one hook point, in the unit of the score.

    ``units``: ``(u,)`` their indices. ``predicted``: ``(u, m)`` direct effects, mean over inputs;
    ``first_order``: likewise.
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


def effect_sites(clip: Clip, tower: str = "vision") -> list[str]:
    """The heads and neurons of every block, where the tower has them apart.

    Raises:
        UnsupportedHookError: the tower has no exact decomposition.
    """
    parts = TowerParts(clip, tower)
    names = []
    for index in range(len(parts.tower.blocks)):
        names += [parts.attention_site(index), parts.mlp_site(index)]
    return [name for name in names if name.endswith(("head_out", "mlp.post"))]


def comparable(clip: Clip, site: str) -> HookPoint:
    """The hook point of that name, whose units have a direct effect.

    Raises:
        UnknownHookPointError: there is none.
        UnsupportedHookError: it is not what heads or neurons write.
    """
    from clipprobe.hooks import resolve

    point = resolve(clip, site)[0]
    if point.site not in ("attn.head_out", "mlp.post"):
        raise UnsupportedHookError(
            f"{point.name} is not what a head or neuron writes: compare attn.head_out or mlp.post."
        )
    return point


def site_effects(
    clip: Clip,
    images: Sequence[Any],
    texts: Sequence[str],
    site: str,
    *,
    per_site: int | None = 24,
    method: str = "zero",
    score: ScoreName = "logit",
    seed: int = 0,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> SiteEffects:
    """Predicted and measured effects of a random sample of the units of one hook point.

    Args:
        site: A hook point ``attn.head_out`` or ``mlp.post``.
        per_site: How many units, drawn by the seed; None for all.
        method: ``zero`` or ``mean``.
    """
    if method not in ("zero", "mean"):
        raise ConfigError(f"Direct effects predict zero and mean ablation, not {method!r}.")
    point = comparable(clip, site)
    n_chosen = point.n_units if per_site is None else min(per_site, point.n_units)
    rng = np.random.default_rng([seed, point.block or 0, point.unit == "head"])
    units = np.sort(rng.permutation(point.n_units)[:n_chosen])
    addresses = [f"{point.name}:{unit}" for unit in units]
    sweep = Sweep(clip, images, texts, addresses, score=score, batch_size=batch_size)
    scale = sweep.scales(progress)[point.name]
    predicted, first_order = _predicted(sweep, point, method, score, scale)
    changes = {
        (address, method): change_of(point, unit, method, scale)
        for address, (_, unit) in sweep.units.items()
    }
    deltas = sweep.deltas(changes, progress)
    return SiteEffects(
        site=point.name,
        kind=point.unit,
        n_there=point.n_units,
        units=units,
        predicted=predicted[units],
        first_order=first_order[units],
        measured=np.stack([deltas[(address, method)] for address in addresses], axis=1),
        rms=scale.rms[units],
    )


def _predicted(
    sweep: Sweep, point: HookPoint, method: str, score: ScoreName, scale: SiteScale
) -> tuple[Floats, Floats]:
    """``(n_units, m)``: mean change of the score by the exact and by the first-order readout."""
    parts = TowerParts(sweep.clip, sweep.tower, score)
    assert point.block is not None
    weight = parts.columns(point.block)
    if point.unit == "neuron" and weight is None:
        raise UnsupportedHookError(
            f"What the neurons of {point.name} write cannot be told apart in this model."
        )
    totals = np.zeros((2, point.n_units, len(sweep.others)))
    for batch in sweep.inputs.batches():
        seen = parts.run(sweep.inputs, batch, sweep.others)
        change = -seen.acts[point.name].double()  # b t u (d)
        if method == "mean":
            # Of the pooled token alone; texts have one mean for all tokens.
            pooled = parts.readout.pool != "none"
            change = change + (scale.mean[:1] if pooled else scale.mean)
        tangent = parts.tangent(sweep.inputs, batch, sweep.others)
        for row, readout in enumerate((seen.readout, tangent)):
            if weight is None or point.unit == "head":
                effect = readout.of_units(change)
            else:
                effect = readout.of_columns(change, weight)
            totals[row] += effect.sum(dim=0).T.cpu().numpy()
    totals /= len(sweep.inputs)
    return totals[0], totals[1]


def agreement(
    name: str, sites: Sequence[SiteEffects], *, seed: int = 0, n_boot: int = 1000
) -> Agreement:
    """Correlate predicted with measured effects over the units of these hook points."""
    predicted = np.concatenate([one.predicted for one in sites])
    measured = np.concatenate([one.measured.mean(axis=0) for one in sites])
    first_order = np.concatenate([one.first_order for one in sites])
    n = len(predicted)
    pearson = _estimate(predicted, measured, False, n_boot, seed)
    spearman = _estimate(predicted, measured, True, n_boot, seed)
    p = np.nan
    if spearman.defined:
        rng = np.random.default_rng(seed)
        left, right = _ranks(predicted), _ranks(measured)
        null = [_correlation(left[rng.permutation(n)], right) for _ in range(_N_PERMUTATIONS)]
        p = permutation_p(spearman.value, null)
    return Agreement(
        name=name,
        kind=sites[0].kind,
        n_units=n,
        n_there=sum(one.n_there for one in sites),
        pearson=pearson,
        spearman=spearman,
        p=p,
        first_order=_estimate(first_order, measured, True, n_boot, seed),
        predicted_size=float(np.abs(predicted).mean()),
        measured_size=float(np.abs(measured).mean()),
    )


def agreements(sites: Sequence[SiteEffects], *, seed: int = 0) -> list[Agreement]:
    """For each hook point, then for all heads and for all neurons together."""
    found = [agreement(one.site, [one], seed=seed) for one in sites]
    by_kind: Mapping[str, list[SiteEffects]] = {
        kind: [one for one in sites if one.kind == kind] for kind in ("head", "neuron")
    }
    return found + [
        agreement(f"all {kind}s", members, seed=seed)
        for kind, members in by_kind.items()
        if len(members) > 1
    ]


def _estimate(left: Floats, right: Floats, ranks: bool, n_boot: int, seed: int) -> Estimate:
    n = len(left)
    if n < 3:
        return undefined("fewer than three units", n=n)

    def of(drawn: Floats) -> float:
        rows = drawn.astype(np.int64)
        a, b = left[rows], right[rows]
        return _correlation(_ranks(a), _ranks(b)) if ranks else _correlation(a, b)

    with warnings.catch_warnings():  # of resamples of one unit only; the estimate says so itself
        warnings.simplefilter("ignore", category=RuntimeWarning)
        return cluster_bootstrap(np.arange(n, dtype=np.float64), of, n_boot=n_boot, seed=seed)


def _ranks(values: Floats) -> Floats:
    from scipy.stats import rankdata

    return cast(Floats, rankdata(values, axis=0))


def _correlation(left: Floats, right: Floats) -> float:
    """Pearson's r of each column pair, averaged; NaN where a column is constant."""
    a, b = left - left.mean(axis=0), right - right.mean(axis=0)
    size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    if (size <= 0).any():
        return float("nan")
    return float(((a * b).sum(axis=0) / size).mean())
