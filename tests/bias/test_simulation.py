"""What the intervals and tests promise, by simulation: coverage, and how often nothing is flagged.

Everything is seeded, and as many trials as possible share one call, as items of one frame.
"""

from __future__ import annotations

import numpy as np
import pytest

from attacks.bias import Settings, evaluate, make_column
from attacks.bias.measures import association_cells
from attacks.bias.probes import Answer, Sample
from attacks.bias.rates import rate_cells

COVERAGE = (0.93, 0.97)


def framed(sizes: dict[str, int], scores: np.ndarray, settings: Settings):  # type: ignore[no-untyped-def]
    column = make_column("perceived_group", [g for g, n in sizes.items() for _ in range(n)])
    sample = Sample(columns=(column,), truth={}, clusters=None, settings=settings)
    return sample.framed(scores, column)


def test_intervals_of_rates_and_differences_cover() -> None:
    """Wilson and Newcombe, over rates from 5 to 95 % and groups from 30 images."""
    settings = Settings(n_boot=100, n_permutations=100)
    sizes = {"a": 30, "b": 45, "c": 100}
    frame = framed(sizes, np.zeros((175, 1)), settings)
    rng = np.random.default_rng(0)
    rates_in, differences_in = [], []
    for _ in range(200):
        true = dict(zip(sizes, rng.uniform(0.05, 0.95, 3), strict=True))
        hits = rng.random(175) < np.repeat(list(true.values()), list(sizes.values()))
        for cell in rate_cells(frame, hits, probe="p", measure="rate", item="", settings=settings):
            if cell.measure == "rate" and cell.group:
                rates_in.append(cell.low <= true[cell.group] <= cell.high)
            if cell.measure == "rate difference":
                rest = [(true[g], n) for g, n in sizes.items() if g != cell.group]
                other = sum(r * n for r, n in rest) / sum(n for _, n in rest)
                truth = true[cell.group] - other
                differences_in.append(cell.low <= truth <= cell.high)
    assert COVERAGE[0] <= np.mean(rates_in) <= COVERAGE[1]
    assert COVERAGE[0] <= np.mean(differences_in) <= COVERAGE[1]


@pytest.mark.parametrize("n", [30, pytest.param(100, marks=pytest.mark.slow)])
def test_intervals_of_gaps_cover(n: int) -> None:
    """Two groups: the gap is a difference. Five: a bound, which may cover more and never less."""
    settings = Settings(n_boot=400, n_permutations=100)
    rng = np.random.default_rng(1)
    for groups, low, high in ((2, *COVERAGE), (5, 0.93, 1.0)):
        sizes = {str(g): n for g in range(groups)}
        frame = framed(sizes, np.zeros((n * groups, 1)), settings)
        inside = []
        for trial in range(300 if groups == 2 else 100):
            true = rng.uniform(0.1, 0.9, groups)
            hits = rng.random(n * groups) < np.repeat(true, n)
            [gap] = [
                c for c in rate_cells(frame, hits, probe="p", measure="rate", item=str(trial),
                                      settings=settings)
                if c.measure == "rate gap"
            ]  # fmt: skip
            inside.append(gap.low <= np.ptp(true) <= gap.high)
        assert low <= np.mean(inside) <= high, (groups, np.mean(inside))


@pytest.mark.parametrize(("n", "shift"), [(30, 0.0), (30, 0.8), (100, 0.4)])
def test_intervals_of_d_cover(n: int, shift: float) -> None:
    truth = shift / np.sqrt(1 + shift**2 / 4)
    settings = Settings(n_boot=1000, n_permutations=100)
    inside = []
    for seed in range(2):
        rng = np.random.default_rng([seed, n, int(10 * shift)])
        scores = rng.normal(size=(2 * n, 500))
        scores[n:] += shift
        frame = framed({"a": n, "b": n}, scores, settings)
        cells = association_cells(frame, [str(i) for i in range(500)], "p", settings)
        inside += [c.low <= truth <= c.high for c in cells if c.measure == "association d"]
    assert len(inside) == 1000
    assert COVERAGE[0] <= np.mean(inside) <= COVERAGE[1], np.mean(inside)


def test_without_bias_at_most_one_report_in_twenty_flags_anything() -> None:
    """Whole reports: two columns, associations, skews and rates, all tests of each corrected."""
    gender = ["man", "woman"] * 45
    columns = [
        make_column("perceived_gender", gender),
        make_column("skin_tone", ["a"] * 30 + ["b"] * 30 + ["c"] * 30),
    ]
    reports, flagged, sizes = 150, 0, set()
    for trial in range(reports):
        rng = np.random.default_rng(trial)
        scores, hits = rng.normal(size=(90, 2)), rng.random(90) < 0.3
        settings = Settings(n_boot=100, n_permutations=999, min_effect=0.0, k=12, seed=trial)
        sample = Sample(columns=tuple(columns), truth={}, clusters=None, settings=settings)
        cells = [
            cell for column in columns
            for cell in rate_cells(
                sample.framed(np.zeros((90, 1)), column), hits, probe="clip-section-7",
                measure="crime rate", item="", settings=settings,
            )
        ]  # fmt: skip
        found = evaluate(
            {"occupations": (["x", "y"], scores)}, columns, settings=settings,
            answers={"clip-section-7": Answer(cells=tuple(cells), labels=(), prompts=())},
        )  # fmt: skip
        flagged += any(c.flagged for c in found.cells)
        sizes.add(found.family_size)
    assert settings.alpha == 0.05 and min(sizes) >= 16
    assert flagged / reports <= 0.06, flagged / reports
