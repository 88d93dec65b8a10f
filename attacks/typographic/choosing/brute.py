"""Brute force: which words win, tried on some images and reported on others.

The word that won on the images that chose it looks better than it is (winner's curse). So the
images are split by their ids: on the *choosing* part words are tried in rounds (successive
halving, Jamieson and Talwalkar 2016, arXiv:1502.07943): after each round the better half goes on to
more images, until the budget of queries is spent. The audit then runs on the other part alone,
and its success is what is reported. One query is one attacked image that went through the model.

A word *wins* an image when the answer moves off the truth, and to the word's class where it has
one; ties are broken by the mean margin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.render import Floats, Renderer
from attacks.typographic.task import Task
from attacks.typographic.words.strategies import vocabulary, writable_on
from clipprobe.data.images import batches
from clipprobe.errors import DataError, TextFitError, UnreadableImageError
from clipprobe.statistics import wilson
from clipprobe.statistics.halves import split as split_rows
from clipprobe.statistics.seeds import rng
from clipprobe.zeroshot.classes import Classes

#: Share of the images that choose.
CHOOSING = 0.25
#: Words that are kept: one may be the label of an image, then the next is written.
N_BEST = 5


@dataclass(slots=True)
class _Trials:
    """One word so far."""

    word: str
    wins: int = 0
    n: int = 0
    margin: float = 0.0
    on: set[str] = field(default_factory=set)

    @property
    def rank(self) -> tuple[float, float, str]:
        """Sorts the best first."""
        return (-self.wins / max(self.n, 1), -self.margin / max(self.n, 1), self.word)


@dataclass(frozen=True, slots=True, kw_only=True)
class BruteForce:
    """What the tries found.

    ``words``: the winners, the best first.
    ``queries``, ``budget``: attacked images that were encoded, and that might have been.
    ``candidates``, ``untried``: words of the vocabulary, and those that the budget did not reach.
    ``choosing``: ids of the images that chose; none of them is reported on.
    ``table``: the words tried most: ``word``, ``n``, ``wins``, ``success`` (Wilson).
    """

    words: tuple[str, ...]
    queries: int
    budget: int
    candidates: int
    untried: int
    choosing: tuple[str, ...]
    table: tuple[dict[str, Any], ...]


def split(cases: Sequence[Case], seed: int) -> tuple[list[Case], list[Case]]:
    """The choosing and the reporting part, by the hash of the ids: their order does not matter.

    Raises:
        DataError: there are fewer than two images.
    """
    if len({case.record.id for case in cases}) < 2:
        raise DataError(
            "brute-force needs at least two images: some choose the word, others report on it."
        )

    def in_random_order(rows: list[int]) -> list[int]:
        return sorted(rows, key=lambda i: (rng(seed, cases[i].record.id, "choosing").random(), i))

    rows = list(range(len(cases)))
    chooses = split_rows(rows, in_random_order, lambda n: min(n - 1, max(1, round(CHOOSING * n))))
    # In drawn order, so that the first images of a round are not those of the alphabet.
    return [cases[i] for i in in_random_order(rows) if chooses[i]], [
        cases[i] for i in rows if not chooses[i]
    ]


def brute_force(task: Task, choosing: Sequence[Case], classifier: Floats) -> BruteForce:
    """Try words on the choosing images, within ``words.budget`` queries.

    Raises:
        DataError: no word could be written on any of them.
    """
    words, classes, size = task.words, task.classes, task.batch_size
    names = vocabulary(words, classes)
    may = {
        case.record.id: {names[i] for i in writable_on(words, classes, case.label)}
        for case in choosing
    }
    every = sorted(set().union(*may.values()))
    order = [every[i] for i in rng(task.seed, "brute-force").permutation(len(every))]
    trials = {word: _Trials(word) for word in order[: words.budget]}
    alive, spent = list(trials.values()), 0
    keep = min(N_BEST, len(alive))
    rounds = max(1, math.ceil(math.log2(max(1, len(alive)) / max(1, keep))) + 1)
    for turn in range(rounds):
        share = (words.budget - spent) // (rounds - turn)
        each = max(1, share // max(1, len(alive)))
        jobs = [
            (one, case)
            for one in sorted(alive, key=lambda one: one.word)
            for case in [
                c for c in choosing if one.word in may[c.record.id] and c.record.id not in one.on
            ][:each]
        ][: words.budget - spent]
        for batch in batches(_attacked_images(jobs, task.renderer), size):
            images = [image for _, _, image in batch]
            vectors = task.clip.encode_images(images, batch_size=size)
            logits = task.clip.logits(vectors, classifier)
            answers, grouped = classes.pick(logits), classes.grouped(logits)
            for (one, case, _), answer, row in zip(batch, answers, grouped, strict=True):
                _note(one, case.label, int(answer), row, classes)
            spent += len(batch)
        alive = sorted((one for one in alive if one.n), key=lambda one: one.rank)
        alive = alive[: max(keep, math.ceil(len(alive) / 2))]
        if spent >= words.budget:
            break
    if not alive:
        raise DataError(
            f"None of the {len(names)} words could be written on the {len(choosing)} images that "
            "choose: change the words or the size."
        )
    alive.sort(key=lambda one: one.rank)
    listed = sorted(trials.values(), key=lambda one: (-one.n, *one.rank))[:20]
    return BruteForce(
        words=tuple(one.word for one in alive[:keep]),
        queries=spent,
        budget=words.budget,
        candidates=len(every),
        untried=len(every) - sum(one.n > 0 for one in trials.values()),
        choosing=tuple(sorted(case.record.id for case in choosing)),
        table=tuple(
            {"word": one.word, "n": one.n, "wins": one.wins, "success": wilson(one.wins, one.n)}
            for one in listed
            if one.n
        ),
    )


def _attacked_images(jobs: Sequence[tuple[_Trials, Case]], renderer: Renderer) -> Any:
    """The attacked image of each job that can be drawn; what cannot is not a query."""
    for one, case in jobs:
        one.on.add(case.record.id)
        try:
            yield one, case, renderer.attacked(case, one.word)
        except (TextFitError, UnreadableImageError):
            continue


def _note(one: _Trials, label: int, answer: int, row: Floats, classes: Classes) -> None:
    target = classes.index(one.word)
    wrong = classes.group != classes.group[label]
    rival = row[wrong].max() if target is None else row[target]
    moved = classes.group[answer] != classes.group[label]
    one.n += 1
    one.wins += int(moved and (target is None or answer == target))
    one.margin += float(rival - row[label])
    if not np.isfinite(one.margin):
        one.margin = -math.inf
