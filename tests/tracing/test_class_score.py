"""Which units carry a class: a customer of tracing that is a score and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clipprobe.errors import ConfigError, DataError
from clipprobe.tracing import trace
from clipprobe.zeroshot.class_score import class_score
from tests.planting import PLANTED, images, one_neuron

CLASSES = ("judge", "pilot", "artist", "cook")
TEMPLATES = ("a photo of a {}",)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return one_neuron(tmp_path_factory.mktemp("planted"))


def test_the_planted_neuron_carries_the_class(planted: Any) -> None:
    labels = ["judge" if i % 2 else "pilot" for i in range(60)]
    items = images([180 if i % 2 else 70 for i in range(60)])
    score = class_score(planted, CLASSES, "judge", labels, TEMPLATES)
    logits = planted.logits(items, planted.encode_texts([f"a photo of a {c}" for c in CLASSES]))
    expected = logits[:, 0] - logits[:, 1:].mean(axis=1)
    assert np.allclose(score.numbers(planted.encode_images(items)), expected, atol=1e-3)
    found = trace(
        planted, items, score, kinds=["neuron"], k=3, n_random=20, n_boot=200, least_share=0.1
    )
    assert found.confirmed == (PLANTED,)


def test_what_has_no_score_is_said(planted: Any) -> None:
    with pytest.raises(DataError, match="is not one of two or more"):
        class_score(planted, CLASSES, "mayor", ["judge", "pilot"])
    with pytest.raises(DataError, match="0 of 2 images"):
        class_score(planted, CLASSES, "judge", ["pilot", "cook"])
    with pytest.raises(ConfigError, match="class_score"):
        class_score(planted, ("a woman", "a man"), "a man", ["a man", "a woman"])
