"""Taking heads out: the curve in ranked order, and random heads beside it.

A head is taken out where it writes to the class token alone (as Dyslexify does, arXiv:2508.20570),
or at every token; by zero, or by its mean over the clean images. The order comes from one half of
the images and the curve from the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from attacks.typographic.reading.measure import Measurer
from attacks.typographic.reading.pairs import ImageConditions
from attacks.typographic.scoring.metrics import rate
from clipprobe.statistics import (
    Estimate,
    difference_of_paired_proportions,
    permutation_p,
    undefined,
)
from clipprobe.statistics.seeds import rng
from clipprobe.tracing.removal import random_sets
from clipprobe.tracing.variants import Acts, of_heads

Head = tuple[int, int]
Bools = npt.NDArray[np.bool_]
_KEEP_BYTES = 512 << 20
_CONDITIONS = ("clean", "nonsense", "attack")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a model with some heads out says, ``(n,)`` each, over images.

    ``right``: clean image answered with its label. ``attacked_right``: the attacked one.
    ``hit``: the attacked image answered with the written word. ``control_hit``: the nonsense
    control answered with it. ``margin``: of the attacked image, in logits.
    """

    right: Bools
    attacked_right: Bools
    hit: Bools
    control_hit: Bools
    margin: npt.NDArray[np.float64]


class Ablator:
    """Answers of one model with heads taken out, over some images.

    Args:
        batches: Makes the batches of images anew.
        replacement: What a head is replaced with, by block: ``(1, t or 1, h, k)``.
        cls: Whether heads are taken out at the class token alone.
        advance: Called with the number of runs that are done.
    """

    def __init__(
        self,
        measurer: Measurer,
        batches: Callable[[], Iterator[list[ImageConditions]]],
        replacement: Sequence[Tensor],
        *,
        cls: bool,
        advance: Callable[[int], None],
    ) -> None:
        self.measurer = measurer
        self.replacement = replacement
        self.cls = cls
        self.advance = advance
        self._batches = batches
        self._acts: dict[tuple[int, str], Acts] = {}
        self._room = _KEEP_BYTES

    def outcomes(self, sets: Sequence[Sequence[Head]], *, control: bool = True) -> list[Outcome]:
        """One outcome for each set of heads; an empty set is the model as it is.

        Args:
            control: Whether the nonsense control is run; else no ``control_hit`` is true.
        """
        kinds = _CONDITIONS if control else ("clean", "attack")
        results: list[list[dict[str, Any]]] = [[] for _ in sets]
        for number, batch in enumerate(self._batches()):
            plan = [one.planned for one in batch]
            group = self.measurer.classes.group
            labels = group[[one.label for one in plan]]
            targets = group[[one.target for one in plan]]
            units = {kind: self._embeddings(number, batch, kind, sets) for kind in kinds}
            for place in range(len(sets)):
                answers = {kind: self.measurer.answers(units[kind][place]) for kind in kinds}
                results[place].append(
                    {
                        "right": answers["clean"] == labels,
                        "attacked_right": answers["attack"] == labels,
                        "hit": answers["attack"] == targets,
                        "control_hit": answers["nonsense"] == targets
                        if control
                        else np.zeros(len(plan), dtype=bool),
                        "margin": self.measurer.margin(units["attack"][place], plan),
                    }
                )
        return [
            Outcome(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
            for parts in results
        ]

    def _own(self, number: int, images: list[ImageConditions], kind: str) -> Acts:
        """The unchanged run of a batch: kept from call to call while there is room."""
        if (number, kind) in self._acts:
            return self._acts[number, kind]
        acts = self.measurer.streams.acts(self.measurer.drawer.pixels(images, kind))
        acts = dataclasses.replace(acts, z=[], post=[], pattern=[])
        size = sum(x.numel() * x.element_size() for x in acts.resid)
        if size <= self._room:
            self._room -= size
            self._acts[number, kind] = acts
        return acts

    def _embeddings(
        self, number: int, images: list[ImageConditions], kind: str, sets: Sequence[Sequence[Head]]
    ) -> Tensor:
        streams = self.measurer.streams
        own = self._own(number, images, kind)
        changed = [place for place, heads in enumerate(sets) if heads]
        vectors = own.unit.expand(len(sets), *own.unit.shape).clone()
        if changed:
            variants = [of_heads(sets[place]) for place in changed]
            unit = streams.run(own, variants, self.replacement, cls=self.cls)
            vectors[torch.tensor(changed, device=vectors.device)] = unit.to(vectors)
        self.advance(len(images) * len(sets))
        return vectors


def numbers(outcome: Outcome, clusters: npt.NDArray[np.str_], *, seed: int) -> dict[str, Estimate]:
    """Rates of one outcome with their intervals."""
    return {
        "clean_accuracy": rate(outcome.right, clusters, seed=seed),
        "attacked_accuracy": rate(outcome.attacked_right, clusters, seed=seed),
        "success": rate(outcome.hit, clusters, seed=seed),
        "reading_effect": difference_of_paired_proportions(
            outcome.hit, outcome.control_hit, clusters=clusters, seed=seed
        )
        if len(outcome.hit)
        else undefined("no images"),
    }


#: What the random-head band is drawn of, and in which direction taking heads out should move it.
BANDED = {"clean_accuracy": -1.0, "attacked_accuracy": 1.0, "success": -1.0, "reading_effect": -1.0}


def points(outcome: Outcome) -> dict[str, float]:
    """The same as :func:`numbers`, without intervals: one point of a random set."""
    return {
        "clean_accuracy": float(outcome.right.mean()),
        "attacked_accuracy": float(outcome.attacked_right.mean()),
        "success": float(outcome.hit.mean()),
        "reading_effect": float(outcome.hit.mean() - outcome.control_hit.mean()),
    }


def random_heads(
    ranked: Sequence[Head], n_heads: int, size: int, n: int, *, seed: int
) -> list[list[Head]]:
    """``n`` sets of that many heads, drawn from all heads of the blocks of the ranked ones.

    They may hold ranked heads too: excluding those would leave the weakest only.
    """
    blocks = sorted({block for block, _ in ranked})
    pool = [(block, head) for block in blocks for head in range(n_heads)]
    rngs = (rng(seed, "why", size, draw) for draw in range(n))
    return [sorted(one) for one in random_sets([(pool, size)], rngs)]


def band_sizes(k: int) -> list[int]:
    """Numbers of heads at which random sets are run: 1, 2, 4, 8 … and all.

    Example:
        >>> band_sizes(10)
        [1, 2, 4, 8, 10]
    """
    sizes = [2**i for i in range(k.bit_length()) if 2**i < k]
    return [*sizes, k]


def curve(
    ablator: Ablator,
    ranked: Sequence[Head],
    clusters: npt.NDArray[np.str_],
    *,
    n_random: int,
    n_heads: int,
    seed: int,
) -> list[dict[str, Any]]:
    """One row for each number of heads out, from 0: rates, and random heads where they were run."""
    steps = [list(ranked[:k]) for k in range(len(ranked) + 1)]
    sets = {
        size: random_heads(ranked, n_heads, size, n_random, seed=seed)
        for size in band_sizes(len(ranked))
    }
    flat = [heads for of_size in sets.values() for heads in of_size]
    results = ablator.outcomes([*steps, *flat])
    random = iter(results[len(steps) :])
    bands = {size: [points(next(random)) for _ in of_size] for size, of_size in sets.items()}
    rows = []
    for k, outcome in enumerate(results[: len(steps)]):
        mine = points(outcome)
        row: dict[str, Any] = {
            "k": k,
            "head": ranked[k - 1] if k else None,
            **numbers(outcome, clusters, seed=seed),
            "random": None,
        }
        if k in bands:
            row["random"] = {name: _band(name, mine, bands[k]) for name in BANDED}
        rows.append(row)
    return rows


def _band(name: str, mine: dict[str, float], random: Sequence[dict[str, float]]) -> dict[str, Any]:
    values = np.array([one[name] for one in random])
    sign = BANDED[name]
    return {
        "mean": float(values.mean()),
        "low": float(np.quantile(values, 0.025)),
        "high": float(np.quantile(values, 0.975)),
        "n": len(values),
        # Share of random sets that do at least as much; for clean accuracy, that cost as much.
        "p": permutation_p(sign * mine[name], sign * values),
    }


def band(mine: Outcome, random: Sequence[Outcome]) -> dict[str, Any]:
    """What random sets of as many heads do, beside one outcome."""
    outcomes = [points(outcome) for outcome in random]
    return {name: _band(name, points(mine), outcomes) for name in BANDED}
