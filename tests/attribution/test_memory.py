"""A budget makes smaller parts, never another answer; and jobs do not outlive their turn."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.attribution import explain, explain_batch, explain_many
from clipprobe.attribution.faithfulness import scene_cases
from clipprobe.attribution.jobs import Parts, jobs_of, parts_of
from clipprobe.attribution.target import targets_of
from clipprobe.errors import ConfigError
from clipprobe.memory import input_bytes

METHODS: dict[str, dict[str, Any]] = {
    "grad_eclip": {},
    "chefer": {},
    "attnlrp": {},
    "keep_only": {},
    "occlusion": {},
    "integrated_gradients": {"n_steps": 4},
    "rise": {"n_masks": 20},
    "banzhaf": {"n_masks": 40},
}
TEXTS = ["a dog", "a cat", "a red square"]


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(6)]


@contextmanager
def passes(clip: Any) -> Iterator[list[int]]:
    """Images in each pass through the vision tower."""
    seen: list[int] = []
    handle = clip.module.vision_model.register_forward_hook(
        lambda module, arguments, output: seen.append(len(output.pooler_output))
    )
    try:
        yield seen
    finally:
        handle.remove()


def least(clip: Any) -> float:
    """Gigabytes that hold one pair."""
    return 6 * input_bytes(clip, grad=True) * 1.01 / 1e9


def test_a_smaller_budget_makes_smaller_parts_and_the_same_maps(
    clip: Any, pictures: list[np.ndarray]
) -> None:
    images = [image for image in pictures for _ in TEXTS]
    texts = TEXTS * len(pictures)
    seen, largest = {}, {}
    for budget in (None, 4 * least(clip), least(clip)):
        with passes(clip) as sizes:
            seen[budget] = explain_many(clip, images, texts, METHODS, memory_gb=budget)
        largest[budget] = max(sizes)
    assert list(largest.values()) == sorted(largest.values(), reverse=True)
    assert largest[least(clip)] < largest[None] / 4
    for name in METHODS:
        for one, *others in zip(*(found[name] for found in seen.values()), strict=True):
            for other in others:
                assert (one.target, one.method) == (other.target, other.method)
                size = float(np.abs(one.map).max())
                assert np.abs(one.map - other.map).max() < 1e-5 * max(1.0, size), name


def test_the_harness_gives_the_same_table_from_smaller_parts(clip: Any) -> None:
    cases = scene_cases(2, 12, size_px=32)
    tables, largest = [], []
    for budget in (None, least(clip)):
        with passes(clip) as sizes:
            found = clipprobe.faithfulness(
                clip,
                cases,
                methods=["grad_eclip", "occlusion", "random"],
                n_boot=100,
                memory_gb=budget,
            )
        tables.append((found.table, found.measure_table, found.refused_metrics))
        largest.append(max(sizes))
    assert largest[1] < largest[0]
    (rows, measures, refused), (rows_, measures_, refused_) = tables
    assert refused == refused_ and len(rows) == len(rows_) > 20
    for one, other in ((rows, rows_), (measures, measures_)):
        assert (one[["method", "centred", "metric"]] == other[["method", "centred", "metric"]]).all(
            axis=None
        )
        for column in ("value", "low", "high"):
            assert np.abs(one[column] - other[column]).max() < 1e-6


def test_jobs_do_not_outlive_their_turn(clip: Any, pictures: list[np.ndarray]) -> None:
    targets = targets_of(clip, ["a dog"] * 6)
    alive: list[Any] = []
    most = 0
    for _, job in jobs_of(clip, pictures, targets, Parts(images=1, pairs=1)):
        job.trace(["vision.blocks.0.attn.v"]).gradient("vision.blocks.0.attn.v")
        alive.append(weakref.ref(job))
        del job
        most = max(most, sum(one() is not None for one in alive))
    assert len(alive) == 6 and most <= 1


def test_pairs_of_one_image_are_split_too(clip: Any, pictures: list[np.ndarray]) -> None:
    targets = targets_of(clip, TEXTS * 2)
    images = [pictures[0]] * 3 + [pictures[1]] * 3
    jobs = list(jobs_of(clip, images, targets, Parts(images=4, pairs=2)))
    assert sorted(pair for pairs, _ in jobs for pair in pairs) == list(range(6))
    assert all(len(pairs) <= 2 and len(job) == len(pairs) for pairs, job in jobs)
    for pairs, job in jobs:
        assert job.targets.names == tuple((TEXTS * 2)[pair] for pair in pairs)


def test_steps_of_one_pair_do_not_depend_on_its_company(
    load_tiny: Any, pictures: list[np.ndarray]
) -> None:
    """One image needs more steps than the first 64; the other keeps its own."""
    clip, unit = load_tiny("chinese_clip"), "vision.blocks.0.mlp.post:3"
    alone = [explain(clip, one, unit) for one in pictures]
    together = explain_batch(clip, pictures, [unit] * len(pictures))
    steps = [one.settings["n_steps"] for one in alone]
    assert len(set(steps)) > 1
    assert [one.settings["n_steps"] for one in together] == steps
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one.map - other.map).max() < 1e-5


@pytest.mark.parametrize(
    ("budget", "words"),
    [(1e-6, "not even 1 fits; give a larger memory_gb"), (0.0, "not a positive"), (-1.0, "not a")],
)
def test_a_budget_that_holds_nothing_is_refused(
    clip: Any, pictures: list[np.ndarray], budget: float, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        explain_batch(clip, pictures[:1], ["a dog"], memory_gb=budget)


def test_parts_grow_with_the_budget_up_to_what_is_asked(clip: Any) -> None:
    sizes = [parts_of(clip, 16, 100, n * least(clip)).images for n in (1, 3, 8, 1000)]
    assert sizes == [1, 3, 8, 16]
    assert parts_of(clip, 16, 5, 1000 * least(clip)).images == 5
