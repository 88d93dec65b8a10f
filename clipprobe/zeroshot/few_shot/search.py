"""Which strength of the ridge: the search of the CLIP paper (arXiv:2103.00020, A.3).

The 97 values from 1e-6 to 1e6 lie 8 to a decade. Seven of them are tried first, two decades apart;
then the interval around the best is halved until its neighbours on the grid are known: at most 15
fits, and at an edge fewer. The paper speaks of a strength, here ``C`` is its inverse: the grid is
the same, read backwards.

Ties are frequent, because few validation images have few accuracies. Of the best plateau the middle
value wins (of two middle ones the smaller), so that a flat curve does not send ``C`` to its edge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

_FIRST = tuple(range(0, 97, 16))
_HALVINGS = (8, 4, 2, 1)


def strength(step: int) -> float:
    """``C`` at a place of the grid: 0 is 1e-6, 96 is 1e6.

    Example:
        >>> strength(0), strength(48), strength(96)
        (1e-06, 1.0, 1000000.0)
    """
    return float(f"{10 ** (step / 8 - 6):.12g}")


def search_strength(score: Callable[[float], float]) -> tuple[float, dict[float, float]]:
    """The best ``C`` and every score that was asked for, by ``C``.

    Args:
        score: Of one ``C``, such as validation accuracy; called once for each.
    """
    scores: dict[int, float] = {step: score(strength(step)) for step in _FIRST}
    for half in _HALVINGS:
        peak = best_step(scores)
        for step in (peak - half, peak + half):
            if 0 <= step <= 96 and step not in scores:
                scores[step] = score(strength(step))
    best = best_step(scores)
    return strength(best), {strength(step): scores[step] for step in sorted(scores)}


def best_step(values: Mapping[int, float]) -> int:
    """The middle of the best plateau among the places that were tried.

    A plateau is a run of neighbours, among those tried, that share the best score; of several the
    longest on the grid counts, and of equally long ones that with the smallest ``C``.

    Example:
        >>> best_step({0: 0.5, 16: 0.9, 32: 0.9, 48: 0.9, 64: 0.7})
        32
    """
    best = max(values.values())
    runs: list[list[int]] = [[]]
    for step in sorted(values):
        if values[step] == best:
            runs[-1].append(step)
        elif runs[-1]:
            runs.append([])
    longest = max((run for run in runs if run), key=lambda run: (run[-1] - run[0], -run[0]))
    return longest[(len(longest) - 1) // 2]
