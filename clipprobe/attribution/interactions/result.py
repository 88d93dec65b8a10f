"""Which patch with which word makes the score: the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError
from clipprobe.runs.jsonio import AsJson


@dataclass(frozen=True, slots=True, kw_only=True)
class Interactions(AsJson):
    """The order-2 fit of one score over patches and words, each seen with probability ``p``.

    ``constant + sum_i patches_i x_i + sum_j words_j y_j + sum_ij matrix_ij x_i y_j + ...`` (with
    the terms within image and within text) is the best fit of its kind to the score when the
    patches with ``x_i = 1`` and the words with ``y_j = 1`` are seen.
    """

    text: str
    """The text."""
    words: tuple[str, ...]
    """Its words."""
    grid: tuple[int, int]
    """Rows and columns of the patches."""
    matrix: Floats
    """``(n_patches, n_words)`` what a patch and a word add together."""
    patches: Floats
    """``(n_patches,)`` what a patch adds alone."""
    word_values: Floats
    """``(n_words,)`` what a word adds alone."""
    within_image: Floats
    """``(n_patches, n_patches)`` symmetric; what two patches add together."""
    within_text: Floats
    """``(n_words, n_words)`` symmetric."""
    constant: float
    """The fit's value with nothing seen."""
    score: float
    """The cosine with everything seen."""
    fitted: float
    """The fit with everything seen: the sum of all terms."""
    r2: Mapping[str, float]
    """Of the fit on coalitions that were not used for it, by which terms it has: ``first order``,
    ``cross terms`` (products alone), ``first order and cross terms``, ``all`` (within image and
    within text too)."""
    n_unseen: int
    """How many coalitions that is."""
    p: float
    """Probability that a patch or word is seen."""
    masking: str
    text_masking: str
    """How patches and words were masked."""
    n_image_encodings: int
    n_text_encodings: int
    """What it took."""
    exact: tuple[bool, bool]
    """Whether all coalitions of the patches, and of the words, were used."""
    provenance: Mapping[str, Any]
    """Model, versions."""

    def map(self, word: int | str) -> Floats:
        """``(rows, columns)`` of one word, by number or by the first that reads so.

        Raises:
            ConfigError: the text does not have this word.
        """
        if isinstance(word, str) and word not in self.words:
            words = ", ".join(map(repr, self.words))
            raise ConfigError(f"The text {self.text!r} has no word {word!r}: it has {words}.")
        column = self.words.index(word) if isinstance(word, str) else word
        return self.matrix[:, column].reshape(self.grid)

    def predict(self, patches: NDArray[np.bool_], words: NDArray[np.bool_]) -> Floats:
        """The fit's scores of coalitions ``(m, n_patches)`` and ``(m, n_words)``."""
        x, y = patches.astype(float), words.astype(float)
        total: Floats = (
            self.constant
            + x @ self.patches
            + y @ self.word_values
            + np.einsum("mi,ij,mj->m", x, self.matrix, y)
            + np.einsum("mi,ij,mj->m", x, self.within_image, x) / 2
            + np.einsum("mi,ij,mj->m", y, self.within_text, y) / 2
        )
        return total

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Interactions:
        """The inverse of :meth:`to_json`."""
        fields = dict(data)
        for name in ("matrix", "patches", "word_values", "within_image", "within_text"):
            fields[name] = np.array(fields[name], np.float64)
        fields["words"] = tuple(fields["words"])
        fields["grid"] = (int(fields["grid"][0]), int(fields["grid"][1]))
        fields["exact"] = (bool(fields["exact"][0]), bool(fields["exact"][1]))
        return cls(**fields)
