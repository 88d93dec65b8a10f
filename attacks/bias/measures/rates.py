"""Rates of yes/no outcomes by group: each with its interval, its gap and what chance would give.

    Rate_g = hits of g / images of g;   gap = max_g - min_g;   difference = Rate_g - Rate_rest

Rates carry Wilson intervals. A difference carries Newcombe's interval and Fisher's exact p, which
is the permutation test of a two-by-two table done completely. A gap is a maximum, so it is above 0
by chance: its null floor is the same figure with the hits assigned to images at random (without
clusters that is the multivariate hypergeometric distribution, drawn directly), and its interval
is the gap plus or minus the 95th percentile of the largest resampled deviation between two groups
that may be the extremes, because two gaps never differ by more than that.

With clusters whole clusters are resampled and permuted, and no closed form is used; but where all
clusters of a side answer alike a bootstrap has no width, and the side's interval is Wilson's over
its clusters (two sides put together as in Zou & Donner 2008, doi:10.1002/sim.3095).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.measures.cells import LARGEST_MINUS_SMALLEST, Cell, Key
from attacks.bias.measures.draws import Draws, Floats, generator
from attacks.bias.measures.group_sums import permuted_means, resampled_means
from attacks.bias.measures.subjects import Subject, Subjects, floor, percentile_interval
from clipprobe.statistics import mover, permutation_p, wilson

Hits = NDArray[np.bool_]
MAXIMUM = "a maximum is above 0 by chance: see the excess"


def rate_cells(
    subjects: Subjects, hits: Hits, key: Key, item: str, *, compare: bool = True
) -> list[Cell]:
    """Every figure of one outcome in one group column.

    Args:
        hits: ``(n,)`` over the images of the frame.
        key: What a hit is, e.g. ``crime rate``; that of the gap and the differences follows.
        item: The label set.
        compare: Whether differences and the gap are wanted, and tested.
    Returns:
        Hidden cells, one rate per group, the rate of all, one difference per group (one in all
        where there are two groups), the gap.
    """
    cells, levels = subjects.hidden(key, [item]), subjects.frame.column.levels
    if not levels:
        return cells
    rates = _Rates(subjects, hits, (str(key), item))
    every = subjects.together()
    cells += [one.cell(key, item, **rates.of(one)) for one in subjects.each()]
    cells.append(every.cell(key, item, status="inferred", reason="", **rates.of(every, sure=True)))
    if len(levels) < 2 or not compare:
        return cells
    difference, gap = key.against("difference"), key.against("gap")
    for one in subjects.compared():
        cells.append(one.cell(difference, item, **rates.difference(one)))
    whole = subjects.whole(LARGEST_MINUS_SMALLEST)
    cells.append(whole.cell(gap, item, why=MAXIMUM, **rates.gap(whole)))
    return cells


class _Rates:
    """Rates of one outcome by group, ``(g,)``; resampled and permuted ones when first needed."""

    def __init__(self, subjects: Subjects, hits: Hits, name: tuple[str, str]) -> None:
        frame = subjects.frame
        self.frame, self.hits, self.settings = frame, hits, subjects.settings
        self.sizes = np.array(frame.sizes, dtype=np.int64)
        self.counts = np.bincount(frame.labels[hits], minlength=len(self.sizes)).astype(np.int64)
        self.name = (subjects.probe, *name, frame.column.name)

    @cached_property
    def boot(self) -> tuple[Floats, Floats]:
        """Rates ``(b, g)`` of resamples, and the rates ``(g,)`` that they scatter around."""
        if self.frame.clusters is not None:
            return self._resampled(self.frame.weights), self.counts / self.sizes
        # Half a hit is added on both sides: a rate of 0 of 50 must not resample to 0 for ever.
        centre = (self.counts + 0.5) / (self.sizes + 1)
        rng = generator(self.settings.seed, "rates", *self.name)
        hits = rng.binomial(self.sizes, centre, size=(self.settings.n_boot, len(self.sizes)))
        return hits / self.sizes, centre

    @cached_property
    def null(self) -> Floats:
        """Hits per group ``(b, g)`` under permuted labels, as rates."""
        if self.frame.conditional:
            means = permuted_means(self.shuffled, self.frame.permutations, len(self.sizes))
            return means[:, :, 0]
        rng, n = generator(self.settings.seed, "dealt", *self.name), self.settings.n_permutations
        hits = rng.multivariate_hypergeometric(
            self.sizes, int(self.counts.sum()), size=n, method="marginals"
        )
        return hits / self.sizes

    @cached_property
    def pairs(self) -> Floats | None:
        """Rates ``(b, g)`` of the draws that pair two audits of the same images."""
        pairing = self.frame.pairing
        return None if pairing is None else self._resampled(pairing)

    @cached_property
    def shuffled(self) -> Floats:
        """The hits over the images, ``(n, 1)``, in an order of this outcome's own; for draws that
        are shared."""
        return self.hits[self.frame.anonymous(*self.name), None].astype(np.float64)

    def _resampled(self, copies: Draws[np.uint8]) -> Floats:
        return resampled_means(self.shuffled, self.frame.labels, copies, len(self.sizes))[:, :, 0]

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
        options = self.settings
        if not np.ptp(boot) == 0:  # NaN too: a resample left a group empty
            low, high = percentile_interval(boot, options.level)
            how = f"bootstrap of clusters ({options.n_boot} draws, {100 * options.level:g} %)"
            return low, high, how
        from statsmodels.stats.proportion import proportion_confint

        assert self.frame.clusters is not None
        k = len(np.unique(self.frame.clusters[np.isin(self.frame.labels, levels)]))
        rate = float(boot[0])
        low, high = proportion_confint(rate * k, k, 1 - options.level, method="wilson")
        how = f"all {k} clusters alike: Wilson over clusters, {100 * options.level:g} %"
        return min(float(low), rate), max(float(high), rate), how

    def of(self, one: Subject, *, sure: bool = False) -> dict[str, Any]:
        """The rate of one side.

        Args:
            sure: Whether it has an interval whatever its size.
        """
        estimate = wilson(int(self.counts[one.groups].sum()), one.n, self.settings.level)
        low, high, how = estimate.low, estimate.high, estimate.method
        if self.frame.clusters is not None:
            low, high, how = self.side(one.groups)
        if not (one.inferred or sure):
            return {"value": estimate.value, "method": "value only"}
        fields: dict[str, Any] = {"value": estimate.value, "low": low, "high": high, "method": how}
        if self.pairs is None:
            return fields
        if not one.group:
            return fields | {"draws": self.pairs @ (self.sizes / one.n)}
        return fields | {"draws": self.pairs[:, one.groups[0]]}

    def difference(self, one: Subject) -> dict[str, Any]:
        """The rate of a group less that of the others."""
        [g], others, shares = one.groups, one.others, one.shares
        hits, hits_other = int(self.counts[g]), int(self.counts[others].sum())
        a, b = hits / one.n, hits_other / one.n_reference
        null = self.null[:, g] - self.null[:, others] @ shares
        fields: dict[str, Any] = {"value": a - b, **floor(a - b, null), "method": "value only"}
        if not one.inferred:
            return fields
        level, frame = self.settings.level, self.frame
        if frame.clusters is None:
            fields |= compare_proportions(hits, one.n, hits_other, one.n_reference, level)
            how = f"Newcombe, {100 * level:g} %"
        else:
            left, right = self.boot[0][:, g], self.boot[0][:, others] @ shares
            if np.ptp(left) == 0 or np.ptp(right) == 0:
                ours, theirs = self.side([g])[:2], self.side(others)[:2]
                fields["low"], fields["high"] = mover((a, *ours), (b, *theirs))
                how = "from both sides' intervals over clusters (Zou-Donner)"
            else:
                fields["low"], fields["high"] = percentile_interval(left - right, level)
                how = f"bootstrap of clusters ({self.settings.n_boot} draws)"
        if frame.conditional:
            fields["p"] = one.p(a - b, null)
            fields["method"] = f"{how}; {len(null)} {frame.permuted}"
        if self.pairs is not None:
            fields["draws"] = self.pairs[:, g] - self.pairs[:, others] @ shares
        return fields

    def gap(self, whole: Subject) -> dict[str, Any]:
        """The largest rate less the smallest."""
        rates = self.counts / self.sizes
        value, null = float(np.ptp(rates)), np.ptp(self.null, axis=1)
        fields: dict[str, Any] = {"value": value, **floor(value, null), "method": "value only"}
        if whole.inferred:
            n_boot, level = self.settings.n_boot, self.settings.level
            away = float(np.percentile(_furthest(rates, self.deviations), 100 * level))
            fields |= {
                "low": max(0.0, value - away),
                "high": min(1.0, value + away),
                "p": permutation_p(value, null),
                "method": "bootstrap bound on the largest deviation between possible extremes "
                f"({n_boot} draws, {100 * level:g} %), {len(null)} {self.frame.permuted}",
            }
        return fields


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
