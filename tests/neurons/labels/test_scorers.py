"""Every scorer against a few lines of the paper's formula, on fixed matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clipprobe.errors import ConfigError, DataError, UnknownMethodError
from clipprobe.neurons.labels.scorers import SCORERS, scores

N, U, C = 40, 6, 9
_RNG = np.random.default_rng(0)
ACTS = _RNG.normal(size=(N, U))
JUDGED = _RNG.uniform(-0.2, 0.4, size=(N, C))


def shares(temperature: float) -> list[list[float]]:
    rows = []
    for row in JUDGED:
        weights = [math.exp(temperature * value) for value in row]
        rows.append([weight / sum(weights) for weight in weights])
    return rows


def strongest(unit: int, k: int) -> list[int]:
    return sorted(range(N), key=lambda row: -ACTS[row, unit])[:k]


def against_prior(evidence: np.ndarray, weight: float) -> np.ndarray:
    prior = np.log(np.exp(evidence).mean(axis=0))
    return evidence - weight * prior


def test_soft_wpmi_is_the_formula() -> None:
    p, k = shares(10.0), 12
    evidence = np.zeros((U, C))
    for u in range(U):
        for c in range(C):
            for rank, row in enumerate(strongest(u, k)):
                inside = 0.998 - (0.998 - 0.97) * rank / (k - 1)
                evidence[u, c] += math.log(1 + inside * (p[row][c] - 1))
    found = scores("soft_wpmi", ACTS, JUDGED, top_k=k)
    np.testing.assert_allclose(found, against_prior(evidence, 1.0), rtol=1e-9)


def test_wpmi_is_the_formula() -> None:
    p, k = shares(2.0), 7
    evidence = np.array(
        [[sum(math.log(p[row][c]) for row in strongest(u, k)) for c in range(C)] for u in range(U)]
    )
    found = scores("wpmi", ACTS, JUDGED, top_k=k)
    np.testing.assert_allclose(found, against_prior(evidence, 0.6), rtol=1e-6)


def test_rank_reorder_is_the_formula() -> None:
    k = 10
    for u in range(U):
        rows = strongest(u, k)
        q = [ACTS[row, u] for row in rows]
        for c in range(C):
            by_judge = sorted(range(k), key=lambda i: -JUDGED[rows[i], c])
            reordered = [0.0] * k
            for place, i in enumerate(by_judge):
                reordered[i] = q[place]  # q falls: the judge's first gets the largest
            away = sum(abs(a - b) ** 3 for a, b in zip(q, reordered, strict=True))
            found = scores("rank_reorder", ACTS, JUDGED, top_k=k)[u, c]
            assert found == pytest.approx(-(away ** (1 / 3)))


def test_cosines_are_the_formula() -> None:
    for scorer, prepare in (
        ("cosine", lambda x: x),
        ("cosine_cubed", lambda x: (x - x.mean()) ** 3),
    ):
        for u in range(U):
            for c in range(C):
                a, b = prepare(ACTS[:, u]), prepare(JUDGED[:, c])
                expected = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                assert scores(scorer, ACTS, JUDGED)[u, c] == pytest.approx(expected)


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_unit_that_is_a_concept_gets_its_name(scorer: str) -> None:
    """Each unit is one concept's column, scaled and shifted; 8 images of each concept."""
    truth = np.eye(C)[np.arange(200) % C]
    judged = truth * 0.2 + 0.2 + 0.02 * np.random.default_rng(1).normal(size=truth.shape)
    acts = 3 * judged - 1
    found = scores(scorer, acts, judged, top_k=20)
    assert found.argmax(axis=1).tolist() == list(range(C))


@pytest.mark.parametrize("scorer", SCORERS)
def test_memory_is_cut_and_the_scores_stay(scorer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scores(scorer, ACTS, JUDGED)
    monkeypatch.setattr("clipprobe.neurons.labels.scorers._CELLS", 1)
    np.testing.assert_allclose(scores(scorer, ACTS, JUDGED), whole, rtol=1e-12)


def test_mistakes_are_named() -> None:
    with pytest.raises(UnknownMethodError, match="did you mean 'soft_wpmi'"):
        scores("softwpmi", ACTS, JUDGED)
    with pytest.raises(ConfigError, match="at least 1 image"):
        scores("wpmi", ACTS, JUDGED, top_k=0)
    with pytest.raises(ConfigError, match="positive temperature"):
        scores("wpmi", ACTS, JUDGED, temperature=-1.0)
    with pytest.raises(DataError, match="shapes"):
        scores("wpmi", ACTS[:5], JUDGED)
    with pytest.raises(DataError, match="NaN"):
        scores("wpmi", np.full((N, U), np.nan), JUDGED)
