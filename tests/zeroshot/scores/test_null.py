"""The scale of a score: percentiles among null texts and images, and the conformal p."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.errors import ConfigError, DataError
from clipprobe.testing import checkpoints as tiny
from clipprobe.zeroshot import build_classifier
from clipprobe.zeroshot.scores.nonsense import KINDS, null_words
from clipprobe.zeroshot.scores.null import NullTexts, null_texts

TEXTS = ["dog", "red square", "zebra"]


@pytest.fixture(scope="module")
def vectors(clip: Any) -> Any:
    return clip.encode_images(tiny.pictures())


def test_percentiles_are_counts_within_the_image(clip: Any, vectors: Any) -> None:
    found = clipprobe.score_null(clip, vectors, TEXTS, n_null=40, templates=["a {}"])
    assert set(found.null) == set(KINDS)
    labels = build_classifier(clip, TEXTS, ["a {}"])
    assert np.allclose(found.cosines, vectors @ labels.T, atol=1e-6)
    for kind in found.null:
        null = vectors @ build_classifier(clip, found.words[kind], ["a {}"]).T
        expected = (null[:, None, :] < found.cosines[:, :, None]).mean(axis=2)
        assert np.allclose(found.percentiles(kind), expected, atol=1.5 / len(found.words[kind]))
    with pytest.raises(ConfigError, match="no kind 'noise'"):
        found.percentiles("noise")
    assert json.loads(json.dumps(found.to_json()))["p"][0] == [None] * 3


def test_null_words_score_uniformly_among_their_own_kind(clip: Any, vectors: Any) -> None:
    found = clipprobe.score_null(clip, vectors, n_null=60)
    assert found.cosines.shape == (len(vectors), 0)
    own = found.null["letters"]
    assert np.allclose(found.percentiles("letters", own).mean(), 0.5, atol=0.02)


def test_calibration_images_give_a_p_and_null_images_a_percentile(clip: Any, vectors: Any) -> None:
    found = clipprobe.score_null(
        clip, vectors[:4], TEXTS, calibration={"dog": vectors[4:]}, null_images=vectors[4:],
        n_null=5,
    )  # fmt: skip
    known = vectors[4:] @ build_classifier(clip, ["dog"]).T[:, 0]
    expected = [(1 + (known <= c).sum()) / (len(known) + 1) for c in found.cosines[:, 0]]
    assert np.allclose(found.p[:, 0], expected)
    assert np.isnan(found.p[:, 1:]).all()
    below = [(known < c).mean() for c in found.cosines[:, 0]]
    assert np.allclose(found.among_images[:, 0], below)


def test_null_words_are_distinct_repeatable_and_never_a_label() -> None:
    words = null_words(50, known=["great white shark"], others=["white wine", "apple"], seed=1)
    assert words == null_words(
        50, known=["great white shark"], others=["white wine", "apple"], seed=1
    )
    assert words["words"] == ("apple",)
    for kind in ("letters", "pseudo-words", "scrambled"):
        assert len(set(words[kind])) == 50
        assert not {"great", "white", "shark"} & set(words[kind])
    assert {"".join(sorted(word)) for word in words["scrambled"]} <= {
        "".join(sorted(word)) for word in ("great", "white", "shark")
    }


def test_wrong_input_has_its_sentence(clip: Any, vectors: Any) -> None:
    with pytest.raises(DataError, match="'cat', which is not a text here"):
        clipprobe.score_null(clip, vectors, TEXTS, calibration={"cat": vectors})
    with pytest.raises(DataError, match="no image"):
        clipprobe.score_null(clip, [], TEXTS)
    with pytest.raises(ConfigError, match="score_null answers for single images"):
        clipprobe.score_null(clip, vectors, ["a muslim"])


def test_null_texts_encoded_once_give_the_shares_of_score_null(clip: Any, vectors: Any) -> None:
    null = clipprobe.score_null(clip, vectors, ["qqq"], n_null=40, seed=3)
    once = null_texts(clip, n=40, known=["qqq"], seed=3)
    assert once.words == null.words
    for row, vector in enumerate(vectors):
        shares = once.below(vector, null.cosines[row].tolist(), ["qqq"])
        for kind in null.null:
            assert np.allclose(shares[kind], null.percentiles(kind)[row], atol=1.5 / 40)


def test_a_null_text_that_shares_a_word_with_a_text_is_not_null_for_it(
    clip: Any, vectors: Any
) -> None:
    words = {"words": ("red dog", "zebra")}
    once = NullTexts(words=words, vectors={"words": build_classifier(clip, words["words"])})
    high = [2.0, 2.0, 2.0]
    shares = once.below(vectors[0], high, ["a dog", "qqq", "zebra dog"])["words"]
    assert shares[:2].tolist() == [1.0, 1.0] and np.isnan(shares[2])
    scores = once.vectors["words"] @ vectors[0]
    middle = float(scores.mean())
    one = once.below(vectors[0], [middle, middle], ["a dog", "zebra"])["words"]
    assert one.tolist() == [float(scores[1] < middle), float(scores[0] < middle)]
