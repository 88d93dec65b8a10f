"""``trace``: from a score to the units that carry it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.errors import DataError
from clipprobe.statistics import Estimate
from clipprobe.statistics.seeds import generator
from clipprobe.tracing.contributions import Contributions
from clipprobe.tracing.inputs import Inputs
from clipprobe.tracing.ranking import Ranking, mean_of
from clipprobe.tracing.removal import Removal
from clipprobe.tracing.score import Score
from clipprobe.tracing.split import halves, resamples
from clipprobe.tracing.tracer import Once, Tracer

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """A traced score.

    ``score``: what was measured. ``value``: on the measuring half; ``estimate``: with its interval.
    ``n_measured``: inputs of that half. ``n_inside``: those of them inside.
    ``ranked``: the units of each kind by their contributions.
    ``listed``: kind -> the strongest units, each taken out by itself, and what the other half says.
    ``removals``: the curve of each kind, and random sets beside it.
    ``absent``: kinds that the model lacks, with the reason.
    """

    score: str
    value: float
    estimate: Estimate
    n_measured: int
    n_inside: int
    ranked: tuple[Contributions, ...]
    listed: Mapping[str, tuple[tuple[str, ...], Ranking]]
    removals: tuple[Removal, ...]
    absent: Mapping[str, str]

    @property
    def confirmed(self) -> tuple[str, ...]:
        """Addresses of the units that the other half confirms, strongest first within a kind."""
        return tuple(
            units[one.column]
            for units, ranking in self.listed.values()
            for one in ranking.units
            if one.confirmed
        )


def trace(
    clip: Clip,
    items: Sequence[Any],
    score: Score,
    *,
    kinds: Sequence[str] = ("neuron", "head"),
    k: int = 10,
    clusters: Sequence[Any] | None = None,
    replacement: str = "mean",
    least_share: float = 0.05,
    n_random: int = 100,
    n_boot: int = 1000,
    tower: str = "vision",
    seed: int = 0,
    batch_size: int = 32,
    once: Once = lambda name, make: make(),
    progress: Callable[[int], None] | None = None,
) -> Trace:
    """Say which heads and neurons carry a score.

    Args:
        items: Images (or texts, for the text tower), which the score is of.
        kinds: ``neuron`` and ``head``; those that the model lacks are left out, with the reason.
        k: Units that are listed and taken out one by one.
        clusters: Names; inputs of one cluster stay in one half and are drawn together.
        replacement: ``mean`` or ``zero``, see :class:`Tracer`.
        least_share: Of the value, that a confirmed unit carries.
        n_random: Random sets at the size that the ranking half chooses, at least 20.
        once: Keeps what random sets removed, see :func:`~clipprobe.tracing.tracer.kept_in`.
    Raises:
        DataError: too few inputs to be cut in two, or more or fewer than `inside` or clusters name.
        ConfigError: a mean over all inputs, with units replaced by their means.

    Example:
        >>> inside = labels == "dog"                                       # doctest: +SKIP
        >>> trace(clip, images, Score(name="dog", direction=v, inside=inside)).confirmed
        ...                                                                # doctest: +SKIP
        ('vision.blocks.3.mlp.post:17',)
    """
    _, own = np.unique(
        np.arange(len(items)) if clusters is None else np.asarray(clusters), return_inverse=True
    )
    said = len(own) if score.inside is None else len(score.inside)
    if not said == len(own) == len(items):
        raise DataError(
            f"{len(items)} inputs were given, {said} of which it is said whether they are inside, "
            f"and {len(own)} clusters: give one of each for every input."
        )
    fit = halves(score.inside, own, seed)
    there = None if score.inside is None else score.inside[~fit]
    rng = generator(seed, "resamples", score.name)
    tracer = Tracer(
        Inputs(clip, tower, items, batch_size), score, fit,
        resamples(there, own[~fit], n_boot, rng), n_random=n_random, replacement=replacement,
        seed=seed, once=once, progress=progress,
    )  # fmt: skip
    ranked, removals, absent = tracer.all(kinds)
    listed = {
        one.kind: tracer.confirm(one, tracer.put(one.kind), own, k=k, least_share=least_share)
        for one in ranked
    }
    return Trace(
        score=score.name,
        value=score.value(tracer.before, ~fit),
        estimate=mean_of(tracer.before[~fit], own[~fit], seed=seed, inside=there),
        n_measured=int((~fit).sum()),
        n_inside=int((~fit).sum() if there is None else there.sum()),
        ranked=tuple(ranked),
        listed=listed,
        removals=tuple(removals),
        absent=absent,
    )
