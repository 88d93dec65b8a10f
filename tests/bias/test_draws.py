"""Draws: what they are made from, who shares them, and what they cost in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from attacks.bias import Settings, evaluate, make_column
from attacks.bias.measures import draws as resampling
from attacks.bias.measures.cells import Key
from attacks.bias.measures.draws import Draws, Shared, alike, exchanged, generator, permuted_labels
from attacks.bias.measures.rates import rate_cells
from attacks.bias.probe import Sample

ASKED = Settings(n_boot=100, n_permutations=150)


def asked(n: int = 60, **more: Any) -> Sample:
    columns = (
        make_column("a", ["x", "y"] * (n // 2)),
        make_column("b", ["u", "v", "w"] * (n // 3)),
    )
    return Sample(columns=columns, truth={}, clusters=None, settings=ASKED, **more)


@pytest.mark.parametrize("strata", [None, np.repeat([0, 1], [21, 30])])
def test_labels_are_shuffled_as_numpy_shuffles_them(strata: np.ndarray | None) -> None:
    labels = np.random.default_rng(0).integers(0, 5, 51)
    [found] = permuted_labels(labels, None, 43, generator(1, "p"), strata)
    expected, rng = np.tile(labels, (43, 1)), generator(1, "p")
    for block in [slice(None)] if strata is None else [slice(0, 21), slice(21, None)]:
        expected[:, block] = rng.permuted(expected[:, block], axis=1)
    assert found.dtype == np.int8 and np.array_equal(found, expected)


def test_frames_of_the_same_images_and_column_share_their_draws() -> None:
    sample = asked(paired=True)
    a, b = sample.columns
    one, two = (sample.framed(np.zeros((60, m)), a) for m in (1, 3))
    assert one.weights is two.weights and one.permutations is two.permutations
    assert one.pairing is two.pairing is not None
    alone = sample.framed(np.zeros((60, 1)), a, share=False)
    assert alone.weights is not one.weights
    for mine, theirs in ((alone.weights, one.weights), (alone.permutations, one.permutations)):
        assert np.array_equal(np.concatenate(list(mine)), np.concatenate(list(theirs)))
    other = replace(a, labels=a.labels[::-1].copy())
    for changed in (
        sample.framed(np.zeros((60, 1)), b),
        sample.framed(np.zeros((60, 1)), other),
        replace(sample, settings=Settings(n_boot=100, n_permutations=150, seed=1)).framed(
            np.zeros((60, 1)), a
        ),
        replace(sample, clusters=np.arange(60) // 2).framed(np.zeros((60, 1)), a),
        replace(sample, strata=np.arange(60) % 2).framed(np.zeros((60, 1)), a),
        replace(sample, paired=False).framed(np.zeros((60, 1)), a),
    ):
        assert changed.permutations is not one.permutations


def test_shared_draws_stay_within_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones stay; what is over the bound goes as soon as the next are asked for."""
    monkeypatch.setattr(resampling, "_SHARE_BYTES", 250)
    shared, made = Shared(), []

    def make(name: str) -> tuple[Draws[Any], ...]:
        def chunks() -> Any:
            made.append(name)
            yield np.zeros((10, 10), np.uint8)

        return (Draws(chunks, 100),)

    for _ in range(2):
        for name in "abcd":
            [draws] = shared.get(name, lambda name=name: make(name))  # type: ignore[misc]
            assert len(list(draws)) == len(list(draws)) == 1
    assert made == ["a", "b", "c", "d", "c", "d"]


def test_a_report_has_the_same_figures_whether_draws_are_shared_or_not() -> None:
    rng = np.random.default_rng(1)
    scores = {"occupations": (["p", "q", "r"], rng.normal(size=(60, 3)))}
    both = scores | {"retrieval": (["s"], rng.normal(size=(60, 1)))}
    sample = asked()
    [*sample.framed(np.zeros((60, 1)), sample.columns[0]).weights]
    mine = evaluate(both, sample.columns, settings=ASKED, shared=sample.shared)
    alone = evaluate(scores, sample.columns, settings=ASKED)
    cells = [replace(c, q=0.0, flagged=False) for c in mine.cells if c.probe == "occupations"]
    assert str(cells) == str([replace(c, q=0.0, flagged=False) for c in alone.cells])


@pytest.mark.parametrize("clusters", [None, np.arange(240) // 3])
def test_a_floor_does_not_tell_whether_two_outcomes_hit_the_same_image(
    clusters: np.ndarray | None,
) -> None:
    """One hit each: with equal draws the floors of one image would agree to the last digit."""
    column = make_column("a", [("x", "y", "z")[i // 3 % 3] for i in range(240)])
    sample = Sample(
        columns=(column,), truth={}, clusters=clusters, settings=ASKED, paired=True,
        strata=None if clusters is not None else np.arange(240) % 2,
    )  # fmt: skip
    subjects = sample.subjects("p", column)
    hits = np.arange(240) == 0
    floors, errors = set(), set()
    for item in map(str, range(20)):
        cells = rate_cells(subjects, hits, Key("rate"), item)
        [cell] = [c for c in cells if c.measure == "rate difference" and c.group == "x"]
        assert cell.value == 1 / 81
        assert cell.draws is not None
        floors.add(cell.null_mean)
        errors.add(float(cell.draws.std()))
    assert len(floors) > 8 and len(errors) > 8


def test_only_images_that_no_draw_tells_apart_change_places() -> None:
    labels = np.array([0, 0, 1, 1, 0, 1, 0, 0, 1, 1])
    clusters = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 5])
    for seed in range(20):
        order = exchanged(alike(labels, clusters, None), 10, generator(seed))
        assert sorted(order.tolist()) == list(range(10))
        assert (labels[order] == labels).all()
        both = {tuple(np.unique(clusters[order][clusters == c])) for c in range(6)}
        assert all(len(one) == 1 for one in both)  # clusters stay whole
        sizes = np.bincount(clusters)
        assert (sizes[clusters[order]] == sizes[clusters]).all()
