"""Which units carry a score: ranked on one half, confirmed on the other, taken out in sets.

Units that look best on some inputs look better there than they are. So they are ranked on one half
of the inputs (:mod:`~clipprobe.tracing.contributions`), and everything that is said about them is
measured on the other: each listed unit by itself, beside random units
(:mod:`~clipprobe.tracing.ranking`), and the k strongest together, beside random sets of as many
units of the same hook points (:mod:`~clipprobe.tracing.removal`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats, Ints
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.statistics import permutation_p
from clipprobe.statistics.seeds import generator
from clipprobe.study import Workload
from clipprobe.tracing.contributions import Contributions, contributions, means, unit_points
from clipprobe.tracing.inputs import Inputs
from clipprobe.tracing.ranking import Ranking, rank
from clipprobe.tracing.removal import Removal, encode_without, pools_like, random_sets
from clipprobe.tracing.score import Score
from clipprobe.tracing.sizes import BAND, ENOUGH, SIZES

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models import Clip
    from clipprobe.runs import Run

#: Gives the plain numbers of a name: kept from an earlier time, or made now.
Once = Callable[[str, Callable[[], list[float]]], list[float]]


def kept_in(run: Run) -> Once:
    """Numbers are kept as parts of a run, so that a killed one goes on."""

    def once(name: str, make: Callable[[], list[float]]) -> list[float]:
        part = f"parts/{name}.json"
        if not run.has(part):
            run.write_json(part, make())
        values: list[float] = run.read_json(part)
        return values

    return once


class Tracer:
    """Traces one score through the units of a model.

    Args:
        inputs: Images (or texts, for the text tower), ``n`` of them, which the score is of.
        fit: ``(n,)`` the half that ranks; the other measures.
        weights: Resamples of the measuring half, see :func:`resamples`.
        replacement: ``mean``: units that are taken out get their mean over the ranking half, place
            by place; ``zero``: nothing.
        once: Keeps what random sets removed, so that a killed run goes on.
        progress: Called with the number of inputs that went through the model.
    """

    def __init__(
        self,
        inputs: Inputs,
        score: Score,
        fit: NDArray[np.bool_],
        weights: Floats,
        *,
        n_random: int = 100,
        replacement: str = "mean",
        seed: int = 0,
        once: Once = lambda name, make: make(),
        progress: Callable[[int], None] | None = None,
    ) -> None:
        if score.inside is None and replacement == "mean":
            raise ConfigError(
                "A mean over all inputs hardly changes where units get their own mean: name the "
                "inputs inside (Score.inside), or replace units by zero."
            )
        self.inputs, self.score = inputs, score
        self.fit, self.weights, self.replacement = fit, weights, replacement
        self.n_random, self.seed = n_random, seed
        self.once, self.advance = once, progress or (lambda n: None)
        self.before = score.numbers(self._vectors(inputs.items, (), {}))

    def all(
        self, kinds: Sequence[str]
    ) -> tuple[list[Contributions], list[Removal], dict[str, str]]:
        """Rankings, removals, and the kinds that the model lacks with the reason."""
        ranked, removals, absent = [], [], {}
        for kind in kinds:
            try:
                unit_points(self.inputs.clip, kind, self.inputs.tower)
            except UnsupportedHookError as error:
                absent[kind] = str(error)
                continue
            put = self.put(kind)
            ranked.append(self.rank(kind, put))
            removals += self.curve(ranked[-1], put)
        return ranked, removals, absent

    def put(self, kind: str) -> dict[str, Tensor]:
        """What replaces the units of a kind, by hook point."""
        inputs = self.inputs
        own, points = self._of(self.fit), unit_points(inputs.clip, kind, inputs.tower)
        mean = means(inputs.clip, own, points, batch_size=inputs.batch_size, tower=inputs.tower)
        if self.replacement == "mean":
            return mean
        return {name: value * 0 for name, value in mean.items()}

    def rank(self, kind: str, put: Mapping[str, Tensor]) -> Contributions:
        """The units of one kind by their contributions on the ranking half."""
        inputs = self.inputs
        return contributions(
            inputs.clip, self._of(self.fit), self.score.among(np.flatnonzero(self.fit)), kind,
            sign=self._sign, replacement=put, tower=inputs.tower, batch_size=inputs.batch_size,
            progress=self.advance,
        )  # fmt: skip

    def confirm(
        self,
        ranked: Contributions,
        put: Mapping[str, Tensor],
        clusters: Ints,
        *,
        k: int,
        least_share: float,
    ) -> tuple[tuple[str, ...], Ranking]:
        """Take each of the k strongest out by itself, and random units of the same hook points.

        Returns:
            The addresses of the columns, and the ranking of the k.
        """
        top = ranked.top(k)
        everything = sorted(ranked.units)
        pool = [unit for pool, _ in pools_like(top, everything) for unit in pool]
        rng = generator(self.seed, "random units", ranked.kind)
        units = [*top, *random_sets([(pool, BAND)], [rng])[0]]
        gone = [self._sign * (self.before - self._without([unit], put)) for unit in units]
        effects = np.stack(gone, axis=1)
        ranking = rank(
            effects, effects, self._sign * self.before, clusters, self.fit, k=len(top),
            random=range(len(top), len(units)), least_share=least_share, seed=self.seed,
            candidates=range(len(top)), inside=self.score.inside,
        )  # fmt: skip
        return tuple(units), ranking

    def curve(self, ranked: Contributions, put: Mapping[str, Tensor]) -> list[Removal]:
        """Take the strongest units out together, at each size, beside random sets of as many."""
        kind, fit, score = ranked.kind, self.fit, self.score
        sizes = [k for k in SIZES[kind] if 2 * k <= len(ranked.units)]
        after = {k: self._without(ranked.top(k), put) for k in sizes}
        start = score.value(self.before, fit)
        on_fit = {k: 1 - score.value(numbers, fit) / start for k, numbers in after.items()}
        enough = (k for k in sizes if on_fit[k] >= ENOUGH)
        best = next(enough, max(sizes, key=lambda k: on_fit[k]))
        removals = []
        for k in sizes:
            shares = self._random(ranked, k, put, self.n_random if k == best else BAND)
            removed = score.removed(self.before, after[k], ~fit, self.weights)
            removals.append(
                Removal(
                    kind=kind,
                    k=k,
                    units=tuple(ranked.top(k)),
                    removed=removed,
                    fit=on_fit[k],
                    random=shares,
                    p=permutation_p(removed.value, shares) if removed.defined else float("nan"),
                    chosen=k == best,
                )
            )
        return removals

    @property
    def _sign(self) -> float:
        """Of the value on the ranking half."""
        return float(np.sign(self.score.value(self.before, self.fit)))

    def _of(self, half: NDArray[np.bool_]) -> list[Any]:
        return [item for item, here in zip(self.inputs.items, half, strict=True) if here]

    def _encode(
        self, items: Sequence[Any], units: Sequence[str], put: Mapping[str, Tensor]
    ) -> Floats:
        vectors = self._vectors(items, units, put)
        self.advance(len(items))
        return vectors

    def _vectors(
        self, items: Sequence[Any], units: Sequence[str], put: Mapping[str, Tensor]
    ) -> Floats:
        clip, tower, batch_size = self.inputs.clip, self.inputs.tower, self.inputs.batch_size
        return encode_without(clip, items, units, put, batch_size=batch_size, tower=tower)

    def _without(self, units: Sequence[str], put: Mapping[str, Tensor]) -> Floats:
        return self.score.numbers(self._encode(self.inputs.items, units, put))

    def _random(
        self, ranked: Contributions, k: int, put: Mapping[str, Tensor], n_sets: int
    ) -> Floats:
        """Shares of the measuring half's value that random sets remove."""

        def make() -> list[float]:
            half = ~self.fit
            measured, score = self._of(half), self.score.among(np.flatnonzero(half))
            start = self.score.value(self.before, half)
            rng = generator(self.seed, "random units", ranked.kind, str(k))
            pools = pools_like(ranked.top(k), sorted(ranked.units))
            return [
                float(1 - score.value(score.numbers(self._encode(measured, units, put))) / start)
                for units in random_sets(pools, [rng] * n_sets)
            ]

        return np.array(self.once(f"random-{ranked.kind}-{k}", make), dtype=np.float64)


def passes_of(
    clip: Clip, n: int, kinds: Sequence[str], *, n_random: int, listed: int | None = None
) -> Workload:
    """Most images of a trace of a score of ``n`` images; its texts are for the caller to count.

    A half is taken for all of the images, since clusters stay in one: a bound, up to twice too
    high.

    Args:
        n_random: Random sets at the size that is chosen.
        listed: Units that are taken out one by one; None where none is.
    """
    forward, gradients = n, 0  # as they are
    for kind in kinds:
        try:
            n_units = sum(point.n_units for point in unit_points(clip, kind))
        except UnsupportedHookError:
            continue
        sizes = sum(2 * k <= n_units for k in SIZES[kind])
        sets = sizes + (sizes - 1) * BAND + max(n_random, BAND)
        forward += n * (1 + sets)  # their means, and each set
        gradients += n
        if listed is not None:
            forward += n * (1 + min(listed, n_units) + BAND)
    return Workload(
        images=forward + gradients,
        texts=0,
        gradients=gradients,
        at_most=True,
        reason="units are ranked on one half of the images and measured on the other",
    )
