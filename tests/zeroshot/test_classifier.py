"""Zero-shot classification against hand-computed class vectors, margins and intervals."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np
import pytest

from clipprobe.errors import ConfigError, DataError
from clipprobe.statistics import wilson
from clipprobe.testing import checkpoints as tiny
from clipprobe.zeroshot import ZeroShotResult, build_classifier, classifier, zero_shot

CLASSES = ["dog", "cat", "red square", "table"]
TEMPLATES = ["a {}.", "a photo of the {}", "{}"]


class Axes:
    """A model whose texts are known points in the plane: hand-computable."""

    d_embed, scale, bias = 2, 10.0, -3.0
    points: ClassVar = {"a x": (1.0, 0.0), "b x": (0.6, 0.8), "a y": (0.0, 1.0), "b y": (0.0, 1.0)}

    def encode_texts(self, texts: list[str], *, batch_size: int) -> np.ndarray:
        return np.array([self.points[text] for text in texts], np.float32)

    def logits(self, images: np.ndarray, texts: np.ndarray) -> np.ndarray:
        return np.float32(self.scale) * (images @ texts.T) + np.float32(self.bias)

    def provenance(self) -> dict[str, Any]:
        return {"model": {"id": "axes"}}


def test_a_class_is_the_normalised_mean_of_unit_vectors() -> None:
    found = build_classifier(Axes(), ["x", "y"], ["a {}", "b {}"])  # type: ignore[arg-type]
    # (1, 0) and (0.6, 0.8) have the mean (0.8, 0.4), which has the length sqrt(0.8).
    expected = [[0.8 / 0.8**0.5, 0.4 / 0.8**0.5], [0.0, 1.0]]
    assert np.allclose(found, expected, atol=1e-6)


def test_choices_margins_and_interval_by_hand() -> None:
    images = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    found = zero_shot(
        Axes(),
        images,
        ["x", "y"],
        ["a {}"],
        labels=["x", "y", "y"],  # type: ignore[arg-type]
    )
    # With one template the classes are the axes: logits are 10 - 3 and 0 - 3.
    assert found.predictions.tolist() == [0, 1, 0]
    assert found.labels.tolist() == [0, 1, 1]
    assert found.top_margin.tolist() == [10, 10, 10]
    assert found.label_margin.tolist() == [10, 10, -10]
    assert found.accuracy == wilson(2, 3)
    assert found.accuracy.low < 2 / 3 < found.accuracy.high


def test_the_real_model_agrees_with_its_own_cosines(clip: Any) -> None:
    images = tiny.pictures()
    found = zero_shot(clip, images, CLASSES, TEMPLATES, labels=[i % 4 for i in range(len(images))])
    vectors = []
    for name in CLASSES:
        encoded = clip.encode_texts([template.format(name) for template in TEMPLATES])
        vectors.append(encoded.mean(0) / np.linalg.norm(encoded.mean(0)))
    logits = clip.logits(images, np.array(vectors, np.float32))
    assert found.predictions.tolist() == logits.argmax(1).tolist()
    ordered = np.sort(logits, axis=1)
    assert np.allclose(found.top_margin, ordered[:, -1] - ordered[:, -2], atol=1e-4)
    assert found.accuracy.n == len(images)
    assert found.provenance == clip.provenance()


def test_blocks_and_chunks_do_not_change_the_result(
    clip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = clip.encode_images(tiny.pictures())
    labels = ["cat"] * len(images)
    whole = zero_shot(clip, images, CLASSES, TEMPLATES, labels)
    monkeypatch.setattr(classifier, "_TEXTS_AT_ONCE", 4)
    monkeypatch.setattr(classifier, "_IMAGES_AT_ONCE", 2)
    parts = zero_shot(clip, images, CLASSES, TEMPLATES, labels)
    assert parts.predictions.tolist() == whole.predictions.tolist()
    assert np.allclose(parts.top_margin, whole.top_margin, atol=1e-4)
    assert np.allclose(parts.label_margin, whole.label_margin, atol=1e-4)


def test_without_labels_there_is_no_accuracy(clip: Any) -> None:
    found = zero_shot(clip, tiny.pictures()[:2], CLASSES)
    assert np.isnan(found.accuracy.value)
    assert found.accuracy.reason
    assert np.isnan(found.label_margin).all()
    assert (found.top_margin >= 0).all()
    assert found.labels.tolist() == [-1, -1]


def test_one_class_has_no_margin(clip: Any) -> None:
    found = zero_shot(clip, tiny.pictures()[:2], ["dog"], labels=["dog", "dog"])
    assert found.predictions.tolist() == [0, 0]
    assert np.isnan(found.top_margin).all()
    assert np.isnan(found.label_margin).all()
    assert found.accuracy.value == 1


def test_the_result_survives_json(clip: Any) -> None:
    found = zero_shot(clip, tiny.pictures()[:3], CLASSES, labels=["dog", 1, "table"])
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    again = ZeroShotResult.from_json(data)
    assert again.to_json() == found.to_json()
    assert np.array_equal(again.label_margin, found.label_margin)
    undefined = zero_shot(clip, tiny.pictures()[:1], ["dog"])
    again = ZeroShotResult.from_json(json.loads(json.dumps(undefined.to_json(), allow_nan=False)))
    assert np.isnan(again.top_margin).all()
    assert np.isnan(again.accuracy.value)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["dog"], "2 images but 1 labels"),
        (["dog", "fish"], "label 'fish' of image 1 is none of the 4 classes"),
        ([0, 4], "label 4 of image 1"),
        ([0, -1], "label -1 of image 1"),
    ],
)
def test_labels_that_do_not_fit(clip: Any, labels: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        zero_shot(clip, tiny.pictures()[:2], CLASSES, labels=labels)


def test_a_template_without_a_place_for_the_class(clip: Any) -> None:
    with pytest.raises(ConfigError, match="has no"):
        build_classifier(clip, CLASSES, ["a photo"])


PEOPLE = ["man", "woman"]


def test_groups_of_people_get_totals_alone(clip: Any) -> None:
    images = tiny.pictures()[:4]
    labels = [0, 1, 1, 0]
    open_run = zero_shot(clip, images, ["dog", "cat"], labels=labels)
    assert open_run.withheld is None and len(open_run.predictions) == 4
    found = zero_shot(clip, images, PEOPLE, labels=labels)
    assert found.accuracy.n == 4 and "'man' names a group of people" in str(found.withheld)
    for name in ("predictions", "labels", "top_margin", "label_margin"):
        assert len(getattr(found, name)) == 0
    vectors = build_classifier(clip, PEOPLE)
    chosen = clip.logits(clip.encode_images(images), vectors).argmax(axis=1)  # these stay open
    assert found.accuracy == wilson(int((chosen == labels).sum()), 4)
    assert ZeroShotResult.from_json(json.loads(json.dumps(found.to_json()))).withheld


@pytest.mark.parametrize(
    ("classes", "templates", "labels"),
    [
        (PEOPLE, TEMPLATES, None),
        (["dog", "thief"], TEMPLATES, None),
        (["black", "white"], ["a photo of a {} person"], None),
        (PEOPLE, TEMPLATES, ["man"]),
    ],
)
def test_no_answer_about_one_person(
    clip: Any, classes: list[str], templates: list[str], labels: list[str] | None
) -> None:
    images = tiny.pictures()[: 1 if labels else 3]
    with pytest.raises(ConfigError, match="zero_shot with fewer than two labelled images"):
        zero_shot(clip, images, classes, templates, labels)
