"""The passes of one explained gap: rank units on one half, take them out, measure on the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attacks.bias.gap.ablation import encode_without, random_sets
from attacks.bias.gap.patching import Contributions, contributions, means, unit_points
from attacks.bias.gap.settings import BAND
from attacks.bias.gap.task import GapTask
from attacks.bias.measures.draws import Floats, generator
from clipprobe.errors import UnsupportedHookError
from clipprobe.statistics import Estimate, permutation_p

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models import Clip
    from clipprobe.runs import Run

SIZES: Mapping[str, tuple[int, ...]] = {
    "neuron": (1, 3, 10, 30, 100, 300),
    "head": (1, 2, 3, 5, 8, 12),
}
ENOUGH = 0.8  # of the gap gone on the ranking half: the size at which the control is drawn in full


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What is left of a gap without the k strongest units of a kind.

    ``removed``: share of the gap that is gone, on the measuring half, with its interval.
    ``fit``: the same share on the half that ranked the units (too good on average).
    ``random``: shares for random sets with as many units of each hook point, ``(n_sets,)``.
    ``p``: share of random sets, the ranked one counted, that remove at least as much.
    ``chosen``: whether this is the size that the ranking half chose.
    """

    kind: str
    k: int
    units: tuple[str, ...]
    removed: Estimate
    fit: float
    random: Floats
    p: float
    chosen: bool

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        low, high = np.percentile(self.random, [2.5, 97.5])
        return {
            "kind": self.kind,
            "k": self.k,
            "units": list(self.units),
            "removed": self.removed.to_json(),
            "removed_on_ranking_half": self.fit,
            "random": {
                "n_sets": len(self.random),
                "mean": float(self.random.mean()),
                "low": float(low),
                "high": float(high),
                "largest": float(self.random.max()),
            },
            "p": self.p,
            "chosen": self.chosen,
        }


class Passes:
    """The passes of one explanation; every finished size is kept in the run folder."""

    def __init__(
        self, clip: Clip, images: Sequence[Any], task: GapTask, run: Run, n_random: int,
        n_boot: int, seed: int, batch_size: int, progress: Callable[[int], None] | None,
    ) -> None:  # fmt: skip
        self.clip, self.images, self.task, self.run = clip, images, task, run
        self.n_random, self.seed, self.batch_size = n_random, seed, batch_size
        self.advance = progress or (lambda n: None)
        self.before = task.scores(clip.encode_images(images, batch_size=batch_size))
        self.weights = task.weights(seed, n_boot)

    def all(
        self, kinds: Sequence[str]
    ) -> tuple[list[Contributions], list[Removal], dict[str, str]]:
        """Rankings, removals, and the kinds that the model lacks with the reason."""
        ranked, removals, absent = [], [], {}
        for kind in kinds:
            try:
                unit_points(self.clip, kind)
            except UnsupportedHookError as error:
                absent[kind] = str(error)
                continue
            one, found = self.kind(kind)
            ranked.append(one)
            removals += found
        return ranked, removals, absent

    def kind(self, kind: str) -> tuple[Contributions, list[Removal]]:
        """Rank the units of one kind on the one half, then take them out on both."""
        task, fit = self.task, self.task.fit
        own = [image for image, here in zip(self.images, fit, strict=True) if here]
        points = unit_points(self.clip, kind)
        mean = means(self.clip, own, points, batch_size=self.batch_size)
        sign = float(np.sign(task.gap(self.before, fit)))
        ranked = contributions(
            self.clip, own, task.inside[fit], task.direction, kind, sign=sign, replacement=mean,
            batch_size=self.batch_size, progress=self.advance,
        )  # fmt: skip
        sizes = [k for k in SIZES[kind] if 2 * k <= len(ranked.units)]
        after = {k: self._without(ranked.top(k), mean) for k in sizes}
        start = task.gap(self.before, fit)
        on_fit = {k: 1 - task.gap(scores, fit) / start for k, scores in after.items()}
        enough = [k for k in sizes if on_fit[k] >= ENOUGH]
        best = enough[0] if enough else max(sizes, key=lambda k: on_fit[k])
        removals = []
        for k in sizes:
            shares = self._random(kind, ranked, k, mean, self.n_random if k == best else BAND)
            removed = task.removed(self.before, after[k], self.weights)
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
        return ranked, removals

    def _without(self, units: Sequence[str], mean: Mapping[str, Tensor]) -> Floats:
        vectors = encode_without(self.clip, self.images, units, mean, batch_size=self.batch_size)
        self.advance(len(self.images))
        return self.task.scores(vectors)

    def _random(
        self, kind: str, ranked: Contributions, k: int, mean: Mapping[str, Tensor], n_sets: int
    ) -> Floats:
        """Shares of the measuring half's gap that random sets remove."""
        name = f"parts/random-{kind}-{k}.json"
        if not self.run.has(name):
            half = ~self.task.fit
            measured = [image for image, here in zip(self.images, half, strict=True) if here]
            inside = self.task.inside[half]
            start = self.task.gap(self.before, half)
            rng = generator(self.seed, "random units", kind, str(k))
            shares = []
            for units in random_sets(ranked.top(k), sorted(ranked.units), n_sets, rng):
                vectors = encode_without(
                    self.clip, measured, units, mean, batch_size=self.batch_size
                )
                scores = self.task.scores(vectors)
                shares.append(1 - (scores[inside].mean() - scores[~inside].mean()) / start)
                self.advance(len(measured))
            self.run.write_json(name, [float(share) for share in shares])
        return np.array(self.run.read_json(name), dtype=np.float64)
