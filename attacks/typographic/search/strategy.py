"""How the budget is spent: coarse tries, then smaller text, then neighbours, then the rest.

1. *Coarse*: combinations of word, place, colour and other knobs in random order, each at the
   largest size that the area allows and full opacity, for half of the budget. The order is drawn
   by the seed, so that the flips among them are an unbiased sample: best-of-n is computed from it.
2. *Shrink*: from the best flips the size, then the opacity, is bisected. That assumes that more
   visible text works better; step 3 mends where it does not.
3. *Refine*: neighbours that are less visible (one step in place, size or opacity, another word or
   colour, and one step in size together with one of these) until none flips.
4. *Rest*: what is left goes to random points that are less visible than the best, each followed by
   step 2 and 3. Without a flip, steps 3 and 4 climb the margin instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from attacks.typographic.search.oracle import Answer, Oracle
from attacks.typographic.search.space import SHRINK, Point
from clipprobe.statistics.seeds import rng

#: Share of the budget for the coarse tries.
COARSE = 0.5
#: Flips that are shrunk and refined.
STARTS = 4
_MOST_SHUFFLED = 1_000_000


def run_search(oracle: Oracle, *, seed: int) -> Answer | None:
    """Spend the budget; the least visible flip, None where there is none."""
    source = rng(seed, oracle.arm, "search")
    coarse = max(1, math.ceil(COARSE * oracle.budget))
    whole, oracle.budget = oracle.budget, coarse
    oracle.ask(_coarse(oracle, source), "coarse")
    oracle.budget = whole
    # The best of each word first: one word's flips must not take all the starts.
    starts: list[Answer] = []
    for answer in sorted(oracle.answers.values(), key=lambda one: one.rank):
        if len(starts) < STARTS and all(one.point[0] != answer.point[0] for one in starts):
            starts.append(answer)
    for start in starts:
        _improve(oracle, start)
    _rest(oracle, source)
    return best(oracle)


def best(oracle: Oracle) -> Answer | None:
    """The least visible flip so far."""
    flips = [one for one in oracle.answers.values() if one.flip]
    return min(flips, key=lambda one: one.rank) if flips else None


def _coarse(oracle: Oracle, source: np.random.Generator) -> Iterator[Point]:
    """Combinations at their largest allowed size, in random order, none twice."""
    shape = oracle.space.shape[:-2]
    n = math.prod(shape)
    if n <= _MOST_SHUFFLED:
        order: Iterator[int] = iter(source.permutation(n).tolist())
    else:
        order = (int(source.integers(n)) for _ in range(_MOST_SHUFFLED))
    for number in order:
        combination = tuple(int(i) for i in np.unravel_index(number, shape))
        point = _largest(oracle, combination)
        if point is not None:
            yield point


def _largest(oracle: Oracle, combination: tuple[int, ...]) -> Point | None:
    """The largest size at which a combination fits and keeps to the area: ink grows with size."""
    sizes, opaque = oracle.space.shape[-2], oracle.space.shape[-1] - 1
    for size in range(sizes - 1, -1, -1):
        if oracle.allowed((*combination, size, opaque)):
            return (*combination, size, opaque)
    return None


def _improve(oracle: Oracle, start: Answer) -> None:
    """Shrink and refine one start until no neighbour is better."""
    current = _shrunk(oracle, start) if start.flip else start
    while oracle.left > 0:
        points = _less_visible(oracle, current) if current.flip else _near(oracle, current.point)
        oracle.ask(points, "refine")
        known = [oracle.answers[p] for p in points if p in oracle.answers]
        better = min(known, key=lambda one: one.rank, default=current)
        if better.rank[:2] >= current.rank[:2]:
            return
        current = _shrunk(oracle, better) if better.flip else better


def _shrunk(oracle: Oracle, flip: Answer) -> Answer:
    """Bisect size, then opacity, to the least value that still flips."""
    for name in SHRINK:
        axis = oracle.space.axis(name)
        low, high = -1, flip.point[axis]  # high flips, low is below every value
        while high - low > 1:
            middle = (low + high) // 2
            point = (*flip.point[:axis], middle, *flip.point[axis + 1 :])
            oracle.ask([point], "shrink")
            answer = oracle.answers.get(point)
            if answer is None and oracle.left <= 0:
                return flip
            if answer is not None and answer.flip:  # what is too small to be written flips nothing
                flip, high = answer, middle
            else:
                low = middle
    return flip


def _near(oracle: Oracle, point: Point) -> list[Point]:
    """One step on every ordered axis, every other value of the others."""
    points: list[Point] = []
    for axis, name in enumerate(oracle.space.axes):
        here, n = point[axis], oracle.space.shape[axis]
        steps = (here - 1, here + 1) if oracle.space.ordered(name) else range(n)
        points += [
            (*point[:axis], i, *point[axis + 1 :]) for i in steps if 0 <= i < n and i != here
        ]
    return points


def _less_visible(oracle: Oracle, current: Answer) -> list[Point]:
    """Neighbours, and neighbours one size or opacity lower, that are less visible; least last.

    The most visible first, because they flip most easily; all of them are asked anyway.
    """
    lower = [
        (*current.point[:axis], current.point[axis] - 1, *current.point[axis + 1 :])
        for axis in map(oracle.space.axis, SHRINK)
        if current.point[axis] > 0
    ]
    points = [*_near(oracle, current.point)]
    for point in lower:
        points += _near(oracle, point)
    allowed = [
        p
        for p in dict.fromkeys(points)
        if oracle.allowed(p) and oracle.visibility(p) < current.visibility
    ]
    return sorted(allowed, key=lambda p: (-oracle.visibility(p), p))


def _rest(oracle: Oracle, source: np.random.Generator) -> None:
    """Random points less visible than the best (or anywhere), until the budget is spent."""
    shape = oracle.space.shape
    while oracle.left > 0:
        bound = best(oracle)
        limit = math.inf if bound is None else bound.visibility
        points_tried = [tuple(int(i) for i in source.integers(shape)) for _ in range(256)]
        points = [
            p
            for p in dict.fromkeys(points_tried)
            if p not in oracle.answers and oracle.allowed(p) and oracle.visibility(p) < limit
        ]
        answers = oracle.ask(points[: oracle.batch_size], "rest")
        if not answers:
            return  # nothing less visible turns up any more
        start = min(answers, key=lambda one: one.rank)
        if start.flip or bound is None:
            _improve(oracle, start)
