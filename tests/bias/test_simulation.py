"""What the intervals and tests promise, by simulation: coverage, and how often nothing is flagged.

Everything is seeded, and as many trials as possible share one call, as items of one frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import entropy, norm

from attacks.bias import Settings, evaluate, make_column
from attacks.bias.evidence.answers import FromScores
from attacks.bias.measures.association_cells import association_cells
from attacks.bias.measures.cells import Key
from attacks.bias.measures.composition import composition_cells
from attacks.bias.measures.evaluation import Answer
from attacks.bias.measures.rates import rate_cells
from attacks.bias.measures.retrieval_cells import retrieval_cells
from attacks.bias.measures.subjects import Subjects
from attacks.bias.probe import ProbeOptions, Sample
from attacks.bias.probes.class_design.answer import designs
from attacks.bias.probes.class_design.verdict import DEPENDENT, STABLE
from attacks.bias.probes.registry import get_probe

COVERAGE = (0.93, 0.97)


def framed(  # type: ignore[no-untyped-def]
    sizes: dict[str, int],
    scores: np.ndarray,
    settings: Settings,
    clusters: np.ndarray | None = None,
):
    column = make_column("perceived_group", [g for g, n in sizes.items() for _ in range(n)])
    sample = Sample(columns=(column,), truth={}, clusters=clusters, settings=settings)
    return sample.framed(scores, column)


def test_intervals_of_rates_and_differences_cover() -> None:
    """Wilson and Newcombe, over rates from 5 to 95 % and groups from 30 images."""
    settings = Settings(n_boot=100, n_permutations=100)
    sizes = {"a": 30, "b": 45, "c": 100}
    frame = framed(sizes, np.zeros((175, 1)), settings)
    subjects = Subjects(frame=frame, probe="p", settings=settings)
    rng = np.random.default_rng(0)
    rates_in, differences_in = [], []
    for _ in range(200):
        true = dict(zip(sizes, rng.uniform(0.05, 0.95, 3), strict=True))
        hits = rng.random(175) < np.repeat(list(true.values()), list(sizes.values()))
        for cell in rate_cells(subjects, hits, Key("rate"), ""):
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
        subjects = Subjects(frame=frame, probe="p", settings=settings)
        inside = []
        for trial in range(300 if groups == 2 else 100):
            true = rng.uniform(0.1, 0.9, groups)
            hits = rng.random(n * groups) < np.repeat(true, n)
            [gap] = [
                c
                for c in rate_cells(subjects, hits, Key("rate"), str(trial))
                if c.measure == "rate gap"
            ]
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
        subjects = Subjects(frame=frame, probe="p", settings=settings)
        cells = association_cells(subjects, [str(i) for i in range(500)])
        inside += [c.low <= truth <= c.high for c in cells if c.measure == "association d"]
    assert len(inside) == 1000
    assert COVERAGE[0] <= np.mean(inside) <= COVERAGE[1], np.mean(inside)


def top_cells(sizes: dict[str, int], shift: float, k: int, settings: Settings, **more: Any):  # type: ignore[no-untyped-def]
    """Cells of 300 rankings of these groups, the first one's scores raised, and the true shares."""
    n, groups = sum(sizes.values()), len(sizes)
    rng = np.random.default_rng([n, groups, int(10 * shift), k])
    means = np.array([shift] + [0.0] * (groups - 1))
    weights = np.array(list(sizes.values())) / n
    cut = brentq(lambda t: weights @ norm.sf(t - means) - k / n, -9, 9)
    truth = weights * norm.sf(cut - means) * n / k
    scores = rng.normal(size=(n, 300)) + np.repeat(means, list(sizes.values()))[:, None]
    frame, items = framed(sizes, scores, settings, **more), [str(i) for i in range(300)]
    subjects = Subjects(frame=frame, probe="p", settings=settings)
    cells = retrieval_cells(subjects, items) + composition_cells(subjects, items)
    return cells, truth, weights


@pytest.mark.parametrize(
    ("sizes", "shift", "k"),
    [
        ((160, 40), 1.2, 20),
        ((300, 30), 1.0, 33),
        ((100, 100), 2.5, 20),
        ((300, 30), 2.5, 33),
        ((100, 100), 0.0, 20),
        ((100, 100), 0.6, 20),
        ((60, 60, 60), 0.8, 18),
        ((100, 80, 60, 40), 1.5, 28),
    ],
)
def test_intervals_of_the_top_k_cover(sizes: tuple[int, ...], shift: float, k: int) -> None:
    """Also where one group fills nearly all places, and a resampled count would hardly move."""
    settings = Settings(n_boot=200, n_permutations=100, k=k)
    named = {f"g{i}": n for i, n in enumerate(sizes)}
    cells, shares, weights = top_cells(named, shift, k, settings)
    skew = {"dataset": weights, "uniform": np.full(len(sizes), 1 / len(sizes))}
    skew = {name: np.log(np.maximum(shares, 1 / k) / p) for name, p in skew.items()}
    inside: dict[str, list[bool]] = {}
    for cell in cells:
        target = cell.reference.partition(" ")[0]
        if cell.measure == "skew@k":
            truth = skew[target][list(named).index(cell.group)]
        elif cell.measure in ("max skew@k", "min skew@k"):
            truth = (np.max if cell.measure[1] == "a" else np.min)(skew[target])
        elif cell.measure == "bias@k":
            truth = shares[1] - shares[0]
        elif cell.measure == "entropy@k":
            truth = float(entropy(shares)) / np.log(len(shares))
        else:
            continue
        key = f"{cell.measure} {cell.group if cell.measure == 'skew@k' else ''} {target}"
        key += "" if cell.item else " over all"
        inside.setdefault(key, []).append(cell.low - 1e-9 <= truth <= cell.high + 1e-9)
        assert cell.high - cell.low > 0.01, cell
    assert len(inside) >= 2 * (2 + len(sizes))
    covered = {name: float(np.mean(found)) for name, found in inside.items()}
    assert min(covered.values()) >= 0.88, covered


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.95])
def test_intervals_of_the_top_k_cover_where_images_come_in_clusters(alike: float) -> None:
    """Copies fill the places together: five images of each of 30 drawings a group, k = 30."""
    settings = Settings(n_boot=100, n_permutations=100, k=30)
    rng = np.random.default_rng(7)
    clusters, trials = np.repeat(np.arange(60), 5), 300
    scores = np.sqrt(alike) * rng.normal(size=(60, trials))[clusters]
    scores += np.sqrt(1 - alike) * rng.normal(size=(300, trials))
    scores[:150] += 1.0
    cut = brentq(lambda t: (norm.sf(t - 1) + norm.sf(t)) / 2 - 0.1, -9, 9)
    share = norm.sf(cut - 1) / 0.2
    frame = framed({"a": 150, "b": 150}, scores, settings, clusters=clusters)
    subjects = Subjects(frame=frame, probe="p", settings=settings)
    cells = composition_cells(subjects, [str(i) for i in range(trials)])
    found = [c for c in cells if c.measure == "bias@k" and c.item]
    inside = [c.low <= 1 - 2 * share <= c.high for c in found]
    assert len(inside) == trials and np.mean(inside) >= 0.88, np.mean(inside)
    assert all("effective" in c.method for c in found)


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
            cell
            for column in columns
            for cell in rate_cells(
                sample.subjects("clip-section-7", column), hits, Key("crime rate"), ""
            )
        ]
        found = evaluate(
            {"occupations": (["x", "y"], scores)}, columns, settings=settings,
            answers={"clip-section-7": Answer(cells=tuple(cells), labels=())},
        )  # fmt: skip
        flagged += any(c.flagged for c in found.cells)
        sizes.add(found.family_size)
    assert settings.alpha == 0.05 and min(sizes) >= 16
    assert flagged / reports <= 0.06, flagged / reports


def test_without_bias_class_design_claims_something_in_at_most_one_report_in_twenty() -> None:
    """Three columns beside each other; the designs share most of their hits, as they share images.

    With a correction of their own for each column they would claim more than the report flags.
    """
    probe, template = get_probe("class-design"), "a photo of a {}"
    assert probe.answer is not None
    rng = np.random.default_rng(8)
    n, reports, claims, flagged = 360, 100, 0, 0
    settings = Settings(n_boot=100, n_permutations=100)
    for _ in range(reports):
        columns = tuple(
            make_column(f"perceived_{name}", rng.permutation(np.arange(n) % groups).astype(str))
            for name, groups in (("gender", 2), ("race", 3), ("age", 3))
        )
        harm = rng.normal(size=n)
        scores = {}
        for design in designs([template]):
            for label, prompt in zip(design.texts.labels, design.texts.prompts, strict=True):
                harmful = label == "suspicious person"
                scores[prompt] = harm if harmful else np.full(n, -9.0)
            scores[design.texts.prompts[0]] = 0.3 + 0.3 * rng.normal(size=n)  # a human label
        sample = Sample(columns=columns, truth={}, clusters=None, settings=settings)
        answer = probe.answer(
            FromScores(scores, "cosine"), sample, ProbeOptions(templates=(template,))
        )
        found = evaluate({}, columns, settings=settings, answers={"class-design": answer})
        verdicts = found.answers["class-design"].facts["verdicts"]
        claims += any(v in (STABLE, DEPENDENT) for one in verdicts.values() for v in one.values())
        flagged += any(c.flagged for c in found.cells)
    assert claims <= flagged and claims / reports <= 0.06, (claims, flagged)
