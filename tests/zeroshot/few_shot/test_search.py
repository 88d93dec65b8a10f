"""The paper's search: which values it visits, and which of equal ones wins."""

from __future__ import annotations

import math

import pytest

from clipprobe.zeroshot.few_shot.search import best_step, search_strength, strength


def peak_at(log10: float) -> tuple[float, list[float]]:
    visited: list[float] = []

    def score(C: float) -> float:
        visited.append(C)
        return -abs(math.log10(C) - log10)

    chosen, scores = search_strength(score)
    assert sorted(scores) == sorted(visited)
    assert len(visited) == len(set(visited))
    return chosen, visited


def test_seven_values_two_decades_apart_and_then_the_halvings() -> None:
    chosen, visited = peak_at(0.9)
    assert visited[:7] == [1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6]
    # In eighths of a decade: around 1 first, then around 10, then at half of the distance.
    places = [round(8 * math.log10(C)) for C in visited[7:]]
    assert places == [-8, 8, 4, 12, 6, 10, 7, 9]
    assert chosen == strength(48 + 7)
    assert len(visited) == 15


@pytest.mark.parametrize("log10", [-6, 6])
def test_an_edge_has_one_neighbour(log10: float) -> None:
    chosen, visited = peak_at(log10)
    assert chosen == 10.0**log10
    assert len(visited) == 7 + 4


@pytest.mark.parametrize("place", range(97))
def test_every_peak_of_the_grid_is_met(place: int) -> None:
    chosen, visited = peak_at(place / 8 - 6)
    assert chosen == strength(place)
    assert len(visited) <= 15


def test_of_a_plateau_the_middle_wins() -> None:
    assert best_step({0: 1.0, 16: 1.0, 32: 1.0, 48: 0.0}) == 16
    assert best_step({0: 1.0, 16: 1.0, 32: 0.0, 48: 1.0}) == 0  # the longer run, its smaller middle
    assert best_step({0: 0.5, 16: 1.0, 32: 0.5, 48: 1.0}) == 16  # of equal runs the smaller C
    assert search_strength(lambda C: 0.5)[0] == 1.0
