"""Pixel covariates: against least squares, by hand, and in a whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from runs.checks import check_run

from clipprobe.errors import DataError
from clipprobe.neurons.multimodality import Multimodality, bundled_probes, multimodality
from clipprobe.neurons.multimodality.scoring.pixels import (
    NAMES,
    basis,
    covariates,
    look,
    regress_out,
)
from clipprobe.stimuli import concepts

SITE = "vision.blocks.1.mlp.post"


def numbers(n: int = 90) -> np.ndarray:
    return np.random.default_rng(0).random((n, len(NAMES))) ** 2


def test_it_is_least_squares_on_the_numbers_and_their_squares() -> None:
    own = numbers()
    values = np.random.default_rng(1).normal(3, 2, (90, 20)).astype(np.float32)
    terms = np.concatenate([np.ones((90, 1)), own, own**2], axis=1)
    fit, *_ = np.linalg.lstsq(terms, values.astype(np.float64), rcond=None)
    left = regress_out(values, basis(own))
    assert left == pytest.approx(values - terms @ fit, abs=1e-5)
    assert np.abs(terms.T @ left).max() < 1e-3
    apart = [regress_out(values[:, a:b], basis(own)) for a, b in ((0, 7), (7, 20))]
    assert np.array_equal(np.concatenate(apart, axis=1), left)  # tiles change nothing


def test_what_the_look_explains_leaves_nothing_and_what_is_not_finite_stays_so() -> None:
    own = numbers()
    values = np.stack(
        [own[:, 0], 5 - own[:, 3] ** 2, np.full(90, 7.0), own[:, 0] * own[:, 1], own[:, 1]], axis=1
    ).astype(np.float32)
    values[3, 4] = np.inf
    left = regress_out(values, basis(own))
    assert (left[:, :3] == 0).all()
    assert left[:, 3].std() > 0.01  # a product is not among the terms
    assert not np.isfinite(left[:, 4]).any()


def test_a_number_that_does_not_vary_is_left_out() -> None:
    own = numbers()
    own[:, 2] = 0.5
    assert basis(own).shape == (90, 13)
    with pytest.raises(DataError, match="has 44 images: give at least 45"):
        basis(numbers(44))


def test_looks_by_hand() -> None:
    def seen(*colours: tuple[int, int, int]) -> dict[str, float]:
        image = np.concatenate(
            [np.full((64, 64 // len(colours), 3), c, np.uint8) for c in colours], 1
        )
        return dict(zip(NAMES, look(Image.fromarray(image)).tolist(), strict=True))

    grey = seen((51, 51, 51))
    assert grey["luminance"] == pytest.approx(0.2)
    assert [grey[name] for name in NAMES[1:]] == pytest.approx([0] * 6, abs=1e-9)
    red = seen((255, 0, 0))
    assert red["saturation"] == red["red-green"] == 1 and red["blue-yellow"] == -0.5
    assert red["luminance"] == pytest.approx(0.2126)
    halves = seen((255, 255, 255), (0, 0, 0))
    assert halves["contrast"] == pytest.approx(0.5) and halves["edges"] > 0
    ink = seen((255, 255, 255), (255, 255, 255), (255, 255, 255), (0, 0, 0))
    assert ink["ink"] == pytest.approx(0.25)


def test_a_run_tells_what_they_change(clip: Any, tmp_path: Path) -> None:
    probes = bundled_probes(per_concept=4, concepts=concepts()[:12], size_px=64)
    options: dict[str, Any] = {"sites": [SITE], "controls": ["random_weights"]}
    plain = multimodality(clip, probes, **options)
    found = multimodality(clip, probes, pixel_covariates=True, out=tmp_path / "run", **options)
    assert plain.unadjusted is None and plain.summary()["pixel_covariates"] is None
    assert found.unadjusted is not None and plain.floor is not None
    assert found.unadjusted["strong"] == (plain.n_strong, plain.floor.n_strong)
    exact, twin = ((q <= 0.05).sum() for q in (plain.units["q_exact"], plain.floor.q_exact))
    assert found.unadjusted["exact"] == (exact, twin)
    assert not np.allclose(found.table["score"], plain.table["score"])
    assert found.top_images.equals(plain.top_images)  # activations as they are
    assert "were regressed out; without that: strong" in found.verdict
    summary = json.loads((tmp_path / "run" / "summary.json").read_text("utf-8"))
    assert summary["pixel_covariates"]["names"] == list(NAMES)
    assert summary["pixel_covariates"]["without"]["strong"]["n"] == plain.n_strong
    again = Multimodality.load(tmp_path / "run")
    assert again.unadjusted == found.unadjusted and again.summary() == found.summary()
    check_run(tmp_path / "run")


def test_a_unit_that_measures_darkness_scores_nothing_when_it_is_adjusted_for() -> None:
    """Dark concepts are told from others by their luminance alone, until that is regressed out."""
    from clipprobe.neurons.multimodality.scoring.scores import aurocs_by_concept, rank

    probes = bundled_probes(per_concept=4, concepts=concepts()[:24], size_px=64)
    rng = np.random.default_rng(0)
    before, after = [], []
    for modality in probes.modalities:
        records = probes.of(modality)
        own, codes = covariates(records), probes.codes(records)
        noise = rng.normal(0, 1e-3, len(own))
        unit = (-own[:, 0] + noise).astype(np.float32)[:, None]
        for values, into in ((unit, before), (regress_out(unit, basis(own)), after)):
            into.append(aurocs_by_concept(rank(values, codes, 24)))
    score, adjusted = (np.min(part, axis=0).max() for part in (before, after))
    assert score > adjusted + 0.1, (score, adjusted)
