"""Are planted labels recovered where it is hard, and missed where it cannot be done?

Units are mixtures of concepts (1, .7 and .5) with noise. Concepts are shown by 1 to 20 % of the
images, and each has a distractor that stands beside it in six of ten images.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from neurons.labels.test_labelling import made

from clipprobe.neurons.labels.labelling import label_activations
from clipprobe.neurons.labels.linear import explain_all
from clipprobe.neurons.labels.scorers import scores

N, C, U = 2000, 40, 60


def mixtures(noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[set[int]]]:
    """Activations ``(n, u)``, tags ``(n, c)`` and the concepts of each unit, the main one first."""
    rng = np.random.default_rng(seed)
    shares = np.geomspace(0.01, 0.2, C // 2)
    true = rng.random((N, C // 2)) < shares
    beside = np.where(true, rng.random(true.shape) < 0.6, rng.random(true.shape) < shares)
    tags = np.concatenate([true, beside], axis=1).astype(float)
    planted = [rng.choice(C // 2, 3, replace=False) for _ in range(U)]
    acts = np.stack([tags[:, three] @ np.array([1.0, 0.7, 0.5]) for three in planted], axis=1)
    return acts + noise * rng.normal(size=acts.shape), tags, [set(t.tolist()) for t in planted]


def recovered(noise: float) -> float:
    """Share of the planted concepts that a linear explanation of three names."""
    acts, tags, planted = mixtures(noise)
    found = explain_all(acts, tags, 3)
    hits = [len(set(one.columns) & three) for one, three in zip(found, planted, strict=True)]
    return sum(hits) / (3 * U)


def test_three_concepts_are_recovered_among_distractors() -> None:
    assert recovered(0.1) > 0.97
    assert recovered(0.5) > 0.7


def test_recovery_fails_where_there_is_nothing_to_recover() -> None:
    """At a noise of fifty it is near chance, and fewer concepts are named than asked."""
    assert recovered(50.0) < 3 / C + 0.1
    acts, tags, _ = mixtures(50.0)
    assert np.mean([len(one.columns) for one in explain_all(acts, tags, 3)]) < 2


def test_the_best_of_three_is_found_by_brute_force() -> None:
    """On few concepts: pursuit's error is the least of all triples in most units."""
    acts, tags, _ = mixtures(0.2)
    y, x = acts[:300, :6], tags[:300, :8] - tags[:300, :8].mean(axis=0)
    right = 0
    for unit, one in enumerate(explain_all(y, tags[:300, :8], 3)):
        centred = y[:, unit] - y[:, unit].mean()
        errors = {
            three: np.linalg.lstsq(x[:, three], centred, rcond=None)[1].sum()
            for three in itertools.combinations(range(8), 3)
        }
        own = ((y[:, unit] - one.predicted(tags[:300, :8])) ** 2).sum()
        right += len(one.columns) < 3 or own <= min(errors.values()) + 1e-6
    assert right >= 5


def test_weights_are_least_squares() -> None:
    acts, tags, _ = mixtures(0.3)
    one = explain_all(acts[:, :1], tags, 3)[0]
    design = np.column_stack([tags[:, list(one.columns)], np.ones(N)])
    expected = np.linalg.lstsq(design, acts[:, 0], rcond=None)[0]
    np.testing.assert_allclose([*one.weights, one.offset], expected, atol=1e-9)


def test_a_linear_explanation_holds_better_on_other_images_than_one_concept() -> None:
    acts, tags, planted = mixtures(0.5)
    labels = [";".join(f"c{c}" for c in np.flatnonzero(row)) or "none" for row in tags]
    shown = made(acts, labels)
    from clipprobe.neurons.labels.judges import Judgement

    judgement = Judgement(
        name="tags", circular=False, graded=False, concepts=tuple(f"c{c}" for c in range(C)),
        values=tags, present=tags > 0, rule="planted",
    )  # fmt: skip
    by = {
        scorer: label_activations(shown, judgement, scorer=scorer)
        for scorer in ("soft_wpmi", "linear", "invert")
    }
    r = {
        name: np.array([row.validation.pearson.value for row in found.rows])
        for name, found in by.items()
    }
    gain = r["linear"] - r["soft_wpmi"]
    assert gain.mean() - 2 * gain.std() / np.sqrt(U) > 0.04
    for row, three in zip(by["linear"].rows, planted, strict=True):
        assert len(row.explanation) <= 3 and row.candidate == row.explanation[0][0]
        if len(row.explanation) == 3 and {int(name[1:]) for name, _ in row.explanation} == three:
            weights = [weight for _, weight in row.explanation]
            assert weights == sorted(weights, reverse=True) and row.formula.startswith("1.00 c")
    top = {name: sum(_main(row, three) for row, three in zip(found.rows, planted, strict=True))
           for name, found in by.items()}  # fmt: skip
    assert min(top["linear"], top["invert"]) > 0.9 * U


def _main(row: object, three: set[int]) -> bool:
    return int(row.candidate[1:]) in three  # type: ignore[attr-defined]


def test_tables_of_scorers_are_their_definitions() -> None:
    acts, tags, _ = mixtures(0.5)
    table = scores("linear", acts[:, :3], tags)
    r = np.corrcoef(acts[:, 0], tags[:, 4])[0, 1]
    assert table[0, 4] == pytest.approx(r)
    graded = tags * 0.2 + np.random.default_rng(0).normal(size=tags.shape) * 0.01
    best = np.eye(C)[graded.argmax(axis=1)]
    np.testing.assert_allclose(scores("invert", acts, graded), scores("invert", acts, best))
