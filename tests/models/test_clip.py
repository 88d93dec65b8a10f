"""`Clip` equals transformers' own pipeline, in input order, whatever the batches."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_encodings_have_unit_length_and_expected_shape(clip: Any) -> None:
    texts = clip.encode_texts(["a photo of a dog", "x"])
    assert texts.shape == (2, 16)
    assert np.abs(np.linalg.norm(texts, axis=1) - 1).max() < 1e-6
