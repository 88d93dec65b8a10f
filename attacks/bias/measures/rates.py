"""Rates of yes/no outcomes by group: each with its interval, its gap and what chance would give.

    Rate_g = hits of g / images of g;   gap = max_g - min_g;   difference = Rate_g - Rate_rest

Rates carry Wilson intervals. A difference carries Newcombe's interval and Fisher's exact p, which
is the permutation test of a two-by-two table done completely. A gap is a maximum, so it is above 0
by chance: its null floor is the same figure with the hits dealt to images at random (without
clusters that is the multivariate hypergeometric distribution, drawn directly), and its interval
is the gap plus or minus the 95th percentile of the largest resampled deviation between two groups
that may be the extremes, because two gaps never differ by more than that.

With clusters whole clusters are resampled and permuted, and no closed form is used; but where all
clusters of a side answer alike a bootstrap has no width, and the side's interval is Wilson's over
its clusters (two sides put together as in Zou & Donner 2008, doi:10.1002/sim.3095).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.measures.association_cells import floor, percentile_interval
from attacks.bias.measures.cells import Cell, hidden_cells
from attacks.bias.measures.draws import Copies, Floats, Ints, generator
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.inference import Settings
from clipprobe.statistics import permutation_p, wilson

GAP = " gap"
DIFFERENCE = " difference"
Hits = NDArray[np.bool_]


def rate_cells(
    frame: Frame,
    hits: Hits,
    *,
    probe: str,
    measure: str,
    item: str,
    settings: Settings,
    compare: bool = True,
) -> list[Cell]:
    """Every figure of one outcome in one group column.

    Args:
        hits: ``(n,)`` over the images of the frame.
        measure: What a hit is, e.g. ``crime rate``; the gap and the differences add to the name.
        item: The label set.
        compare: Whether differences and the gap are wanted, and tested.
    Returns:
        Hidden cells, one rate a group, the rate of all, one difference a group (one in all where
        there are two groups), the gap.
    """
    column = frame.column
    common: dict[str, Any] = {"probe": probe, "item": item, "column": column.name}
    cells = hidden_cells(column, [item], probe=probe, measure=measure)
    if not column.levels:
        return cells
    counts, sizes = _counts(frame, hits), np.array(frame.sizes, dtype=np.int64)
    draws = _Draws(frame, hits, counts, settings, (probe, measure, item))
    for g, level in enumerate(column.levels):
        cells.append(_rate(frame, draws, g, level, counts, settings, {"measure": measure} | common))
    cells.append(_overall(frame, draws, counts, settings, {"measure": measure} | common))
    if len(column.levels) < 2 or not compare:
        return cells
    compared = [(1, [0])] if len(sizes) == 2 else [
        (g, [h for h in range(len(sizes)) if h != g]) for g in range(len(sizes))
    ]  # fmt: skip
    for g, others in compared:
        named = {"measure": measure + DIFFERENCE, **common}
        cells.append(_difference(frame, draws, g, others, counts, settings, named))
    cells.append(_gap(frame, draws, counts, settings, {"measure": measure + GAP, **common}))
    return cells


def _counts(frame: Frame, hits: Hits) -> NDArray[np.int64]:
    return np.bincount(frame.labels[hits], minlength=len(frame.sizes)).astype(np.int64)


class _Draws:
    """Resampled and permuted rates of one outcome, made when first needed."""

    def __init__(
        self,
        frame: Frame,
        hits: Hits,
        counts: NDArray[np.int64],
        settings: Settings,
        name: tuple[str, str, str],
    ) -> None:
        self.frame, self.hits, self.counts, self.settings = frame, hits, counts, settings
        self.sizes = np.array(frame.sizes, dtype=np.int64)
        self.name = (*name, frame.column.name)
        self._order: Ints | None = None
        self._boot: tuple[Floats, Floats] | None = None
        self._null: Floats | None = None
        self._pairs: Floats | None = None

    @property
    def boot(self) -> tuple[Floats, Floats]:
        """Rates ``(b, g)`` of resamples, and the rates ``(g,)`` that they scatter around."""
        if self._boot is None:
            self._boot = self._resampled() if self.frame.clusters is not None else self._binomial()
        return self._boot

    @property
    def null(self) -> Floats:
        """Hits per group ``(b, g)`` under permuted labels, as rates."""
        if self._null is None:
            self._null = self._permuted() if self.frame.conditional else self._dealt()
        return self._null

    @property
    def pairs(self) -> Floats | None:
        """Rates ``(b, g)`` of the draws that pair two audits of the same images."""
        if self._pairs is None and self.frame.pairing is not None:
            self._pairs = self._weighted(self.frame.pairing)
        return self._pairs

    @property
    def shuffled(self) -> Hits:
        """The hits over the images in an order of this outcome's own; for draws that are shared."""
        if self._order is None:
            self._order = self.frame.anonymous(*self.name)
        return self.hits[self._order]

    def _binomial(self) -> tuple[Floats, Floats]:
        # Half a hit is added on both sides: a rate of 0 of 50 must not resample to 0 for ever.
        centre = (self.counts + 0.5) / (self.sizes + 1)
        rng = generator(self.settings.seed, "rates", *self.name)
        drawn = rng.binomial(self.sizes, centre, size=(self.settings.n_boot, len(self.sizes)))
        return drawn / self.sizes, centre

    def _dealt(self) -> Floats:
        rng = generator(self.settings.seed, "dealt", *self.name)
        dealt = rng.multivariate_hypergeometric(
            self.sizes,
            int(self.counts.sum()),
            size=self.settings.n_permutations,
            method="marginals",
        )
        return dealt / self.sizes

    def _resampled(self) -> tuple[Floats, Floats]:
        return self._weighted(self.frame.weights), self.counts / self.sizes

    @property
    def deviations(self) -> Floats:
        """How far resampled rates are off, ``(b, g)``, with a width where all clusters agree."""
        boot, centre = self.boot
        off = boot - centre
        rng = generator(self.settings.seed, "rates", *self.name)
        for g, k in enumerate(self.frame.n_clusters):
            if np.ptp(off[:, g]) == 0:
                middle = (centre[g] * k + 0.5) / (k + 1)
                off[:, g] = rng.binomial(k, middle, size=len(off)) / k - middle
        return off

    def side(self, levels: list[int]) -> tuple[float, float, str]:
        """The interval of the rate over some groups, and how it was made; with clusters."""
        shares = self.sizes[levels] / self.sizes[levels].sum()
        boot = self.boot[0][:, levels] @ shares
        chosen = self.settings
        if not np.ptp(boot) == 0:  # NaN too: a resample left a group empty
            low, high = percentile_interval(boot, chosen.level)
            how = f"bootstrap of clusters ({chosen.n_boot} draws, {100 * chosen.level:g} %)"
            return low, high, how
        from statsmodels.stats.proportion import proportion_confint

        assert self.frame.clusters is not None
        k = len(np.unique(self.frame.clusters[np.isin(self.frame.labels, levels)]))
        rate = float(boot[0])
        low, high = proportion_confint(rate * k, k, 1 - chosen.level, method="wilson")
        how = f"all {k} clusters alike: Wilson over clusters, {100 * chosen.level:g} %"
        return min(float(low), rate), max(float(high), rate), how

    def _weighted(self, weights: Iterable[Copies]) -> Floats:
        one_hot, hits = np.eye(len(self.sizes))[self.frame.labels], self.shuffled
        parts = []
        for chunk in weights:
            copies = chunk.astype(np.float64)
            with np.errstate(invalid="ignore"):
                parts.append((copies * hits) @ one_hot / (copies @ one_hot))
        return np.concatenate(parts)

    def _permuted(self) -> Floats:
        parts, hits = [], self.shuffled
        for chunk in self.frame.permutations:
            columns = []
            for g in range(len(self.sizes)):
                inside = chunk == g
                columns.append(inside[:, hits].sum(axis=1) / inside.sum(axis=1))
            parts.append(np.stack(columns, axis=1))
        return np.concatenate(parts)


def _rate(
    frame: Frame,
    draws: _Draws,
    g: int,
    level: str,
    counts: NDArray[np.int64],
    settings: Settings,
    common: dict[str, Any],
) -> Cell:
    status, reason = frame.judge([g])
    given = _wilson(int(counts[g]), frame.sizes[g], settings.level)
    if frame.clusters is not None:
        given |= _clustered(draws, [g])
    if status != "inferred":
        given |= {"low": math.nan, "high": math.nan, "method": "value only"}
    elif draws.pairs is not None:
        given["draws"] = draws.pairs[:, g]
    given["reason"] = reason or given.get("reason", "")
    return Cell(
        group=level, reference="", n=frame.sizes[g], n_reference=0, status=status,
        **given, **common,
    )  # fmt: skip


def _overall(
    frame: Frame,
    draws: _Draws,
    counts: NDArray[np.int64],
    settings: Settings,
    common: dict[str, Any],
) -> Cell:
    given = _wilson(int(counts.sum()), len(frame.labels), settings.level)
    shares = np.array(frame.sizes) / len(frame.labels)
    if frame.clusters is not None:
        given |= _clustered(draws, list(range(len(frame.sizes))))
    if draws.pairs is not None:
        given["draws"] = draws.pairs @ shares
    return Cell(
        group="", reference="", n=len(frame.labels), n_reference=0, status="inferred",
        **given, **common,
    )  # fmt: skip


def _difference(
    frame: Frame,
    draws: _Draws,
    g: int,
    others: list[int],
    counts: NDArray[np.int64],
    settings: Settings,
    common: dict[str, Any],
) -> Cell:
    column = frame.column
    status, reason = frame.judge([g], others)
    n, n_other = frame.sizes[g], int(sum(frame.sizes[h] for h in others))
    hits, hits_other = int(counts[g]), int(counts[others].sum())
    value = hits / n - hits_other / n_other
    shares = np.array([frame.sizes[h] for h in others]) / n_other
    null = draws.null[:, g] - draws.null[:, others] @ shares
    given: dict[str, Any] = {"value": value, **floor(value, null), "method": "value only"}
    if status == "inferred":
        if frame.clusters is None:
            given |= compare_proportions(hits, n, hits_other, n_other, settings.level)
            how = f"Newcombe, {100 * settings.level:g} %"
        else:
            left, right = draws.boot[0][:, g], draws.boot[0][:, others] @ shares
            if np.ptp(left) == 0 or np.ptp(right) == 0:
                (low, high, _), (low_r, high_r, _) = draws.side([g]), draws.side(others)
                a, b = hits / n, hits_other / n_other
                given["low"] = value - math.hypot(a - low, high_r - b)
                given["high"] = value + math.hypot(high - a, b - low_r)
                how = "from both sides' intervals over clusters (Zou-Donner)"
            else:
                given["low"], given["high"] = percentile_interval(left - right, settings.level)
                how = f"bootstrap of clusters ({settings.n_boot} draws)"
        if frame.conditional:
            # Where strata differ the permuted differences are not centred on 0.
            centre = null.mean() if frame.strata is not None else 0.0
            given["p"] = permutation_p(value - centre, null - centre, "two-sided")
            given["method"] = f"{how}; {len(null)} {frame.permuted}"
        if draws.pairs is not None:
            given["draws"] = draws.pairs[:, g] - draws.pairs[:, others] @ shares
    return Cell(
        group=column.levels[g],
        reference=column.levels[0] if len(column.levels) == 2 else "rest",
        n=n, n_reference=n_other, status=status, reason=reason, **given, **common,
    )  # fmt: skip


def _gap(
    frame: Frame,
    draws: _Draws,
    counts: NDArray[np.int64],
    settings: Settings,
    common: dict[str, Any],
) -> Cell:
    rates = counts / draws.sizes
    value, null = float(np.ptp(rates)), np.ptp(draws.null, axis=1)
    status, reason = frame.judge_all()
    given: dict[str, Any] = {"value": value, **floor(value, null), "method": "value only"}
    if status == "inferred":
        off = draws.deviations
        away = float(np.percentile(_furthest(rates, off), 100 * settings.level))
        given |= {
            "low": max(0.0, value - away),
            "high": min(1.0, value + away),
            "p": permutation_p(value, null),
            "method": f"bootstrap bound on the largest deviation between possible extremes "
            f"({settings.n_boot} draws, {100 * settings.level:g} %), {len(null)} {frame.permuted}",
        }
    return Cell(
        group="", reference="largest minus smallest", n=len(frame.labels), n_reference=0,
        status=status, reason=reason or "a maximum is above 0 by chance: see the excess",
        **given, **common,
    )  # fmt: skip


def _furthest(rates: Floats, off: Floats) -> Floats:
    """How far each resample's gap can be off, ``(b,)``, from deviations of the rates ``(b, g)``.

    Only groups that may have the highest (lowest) true rate count: those no further from the
    highest (lowest) seen than 99 in 100 resamples move any two rates apart. Where rates are far
    apart two groups are left and the bound is that of a difference; where all are alike it is the
    range of all.
    """
    reach = np.percentile(np.ptp(off, axis=1), 99)
    top, bottom = off[:, rates >= rates.max() - reach], off[:, rates <= rates.min() + reach]
    over = top.max(axis=1) - bottom.min(axis=1)
    under = bottom.max(axis=1) - top.min(axis=1)
    return np.asarray(np.maximum(over, under))


def compare_proportions(a: int, n_a: int, b: int, n_b: int, level: float) -> dict[str, Any]:
    """Newcombe's interval of ``a/n_a - b/n_b`` and Fisher's exact two-sided p."""
    from scipy.stats import fisher_exact
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(a, n_a, b, n_b, method="newcomb", alpha=1 - level)
    p = fisher_exact([[a, n_a - a], [b, n_b - b]]).pvalue
    return {
        "low": float(low),
        "high": float(high),
        "p": min(1.0, max(float(p), np.finfo(np.float64).tiny)),  # none is 0; it underflows
        "method": f"Newcombe, {100 * level:g} %; Fisher's exact test",
    }


def _wilson(hits: int, n: int, level: float) -> dict[str, Any]:
    found = wilson(hits, n, level)
    return {"value": found.value, "low": found.low, "high": found.high, "method": found.method}


def _clustered(draws: _Draws, levels: list[int]) -> dict[str, Any]:
    low, high, how = draws.side(levels)
    return {"low": low, "high": high, "method": how}
