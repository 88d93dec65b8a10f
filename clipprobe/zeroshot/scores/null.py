"""Is 0.27 a match? A cosine beside those of texts, and of images, that say nothing about it.

A percentile among null texts describes where a score stands within one image. It is *not* a p
value: labels and null texts are not exchangeable, and the best of many labels beats one null text
by selection alone. It does not say whether the image is known either; for that see
:mod:`clipprobe.zeroshot.scores.conformal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import none_for_nan
from clipprobe.errors import ConfigError, DataError
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.zeroshot.classifier import build_classifier
from clipprobe.zeroshot.prompts import TEMPLATES, check_classes, check_templates
from clipprobe.zeroshot.scores.conformal import conformal_p
from clipprobe.zeroshot.scores.nonsense import null_words

if TYPE_CHECKING:
    from clipprobe.models import Clip

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreNull:
    """The scale of the scores of ``n`` images, and of ``m`` texts where they were given."""

    null: Mapping[str, Floats]
    """By kind of null text, cosines with each image, rising: ``(n, n_null)``."""
    words: Mapping[str, tuple[str, ...]]
    """The null words of each kind, in the templates."""
    texts: tuple[str, ...]
    """The texts that were asked; may be none."""
    cosines: Floats
    """Of each image and text, ``(n, m)``."""
    p: npt.NDArray[np.float64]
    """Conformal p of each image and text against that text's calibration images, ``(n, m)``; NaN
    where a text has none."""
    among_images: npt.NDArray[np.float64]
    """Share of the null images whose cosine with the text is lower, ``(n, m)``; NaN without."""
    provenance: dict[str, Any]

    def percentiles(self, kind: str, cosines: npt.ArrayLike | None = None) -> npt.NDArray[Any]:
        """Share of the null texts of a kind below each cosine, within its image.

        A description, not a p value.

        Args:
            kind: One of :attr:`null`.
            cosines: ``(n, m)``; default: those of :attr:`texts`.
        Raises:
            ConfigError: there is no such kind.
        """
        if kind not in self.null:
            raise ConfigError(f"There is no kind {kind!r}: choose one of {', '.join(self.null)}.")
        values = self.cosines if cosines is None else np.asarray(cosines, np.float32)
        return np.array(
            [
                np.searchsorted(null, row, side="left") / len(null)
                for null, row in zip(self.null[kind], values, strict=True)
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types: the quartiles of the null, and every score with its percentiles."""
        quartiles = {
            kind: np.quantile(null, [0.25, 0.5, 0.75, 0.95], axis=1).T.tolist()
            for kind, null in self.null.items()
        }
        return {
            "texts": list(self.texts),
            "null_quantiles": quartiles,
            "cosines": self.cosines.tolist(),
            "percentiles": {kind: self.percentiles(kind).tolist() for kind in self.null},
            "p": none_for_nan(self.p),
            "among_images": none_for_nan(self.among_images),
            "provenance": self.provenance,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NullTexts:
    """Texts that say nothing about an image, encoded once for as many images as one likes.

    ``words``: by kind; ``vectors``: their unit vectors in the templates, ``(n_null, d_embed)``.
    """

    words: Mapping[str, tuple[str, ...]]
    vectors: Mapping[str, Floats]

    def below(
        self, vector: Floats, cosines: Sequence[float], texts: Sequence[str]
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Share of each kind whose cosine with one image is below each of its cosines, ``(m,)``.

        A description, not a p value. A null text that shares a word with a text is left out for
        it; NaN where none is left.

        Args:
            vector: Unit vector of the image, ``(d_embed,)``.
            cosines: Its cosines with the ``m`` texts.
        """
        own = [set(text.lower().split()) for text in texts]
        shares = {}
        for kind, words in self.words.items():
            scores = self.vectors[kind] @ vector
            null = [
                np.array([used.isdisjoint(word.lower().split()) for word in words], bool)
                for used in own
            ]
            shares[kind] = np.array(
                [
                    (scores[apart] < cosine).mean() if apart.any() else np.nan
                    for apart, cosine in zip(null, cosines, strict=True)
                ]
            )
        return shares


def null_texts(
    clip: Clip,
    *,
    templates: Iterable[str] = TEMPLATES,
    n: int = 500,
    known: Sequence[str] = (),
    others: Sequence[str] | None = None,
    seed: int = 0,
) -> NullTexts:
    """Draw and encode up to ``n`` null texts of each kind.

    Args:
        known, others: As for :func:`~clipprobe.zeroshot.scores.nonsense.null_words`; default of
            ``others``: the bundled concepts.
    """
    words = null_words(n, known=known, others=others or _bundled(), seed=seed)
    vectors = {kind: build_classifier(clip, texts, templates) for kind, texts in words.items()}
    return NullTexts(words=words, vectors=vectors)


def score_null(
    clip: Clip,
    images: Iterable[object] | Floats,
    texts: Sequence[str] = (),
    *,
    templates: Iterable[str] = TEMPLATES,
    calibration: Mapping[str, Iterable[object] | Floats] | None = None,
    null_images: Iterable[object] | Floats | None = None,
    unrelated: Sequence[str] | None = None,
    n_null: int = 500,
    seed: int = 0,
) -> ScoreNull:
    """Cosines of images with texts, beside those that mean nothing.

    Args:
        images: As for ``Clip.encode_images``, or their embeddings ``(n, d_embed)``.
        texts: Class names, put into the templates like the null words.
        calibration: For a text, images that show it: gives the conformal p.
        null_images: Images that show none of it: gives the percentile of a text among images.
        unrelated: Words that say something else; default: the bundled concepts that share no word
            with the texts.
        n_null: Null words of each kind.
    Raises:
        ConfigError: the texts name groups of people.
        DataError: the calibration is for something that is not among the texts.
    """
    names, sentences = check_classes(texts) if len(texts) else (), check_templates(templates)
    refuse_person_groups(in_sentences(names, sentences), "score_null")
    for name in calibration or {}:
        if name not in names:
            raise DataError(f"Calibration images are given for {name!r}, which is not a text here.")
    vectors = _encoded(clip, images)
    if not len(vectors):
        raise DataError("There is no image: give at least one.")
    encoded = null_texts(
        clip, templates=sentences, n=n_null, known=names or _bundled(), others=unrelated, seed=seed
    )
    null = {kind: np.sort(vectors @ of_kind.T, axis=1) for kind, of_kind in encoded.vectors.items()}
    directions = np.zeros((0, clip.d_embed), np.float32)
    if names:
        directions = build_classifier(clip, names, sentences)
    cosines = vectors @ directions.T
    p = np.full(cosines.shape, np.nan)
    for name, images_of_label in (calibration or {}).items():
        column = names.index(name)
        p[:, column] = conformal_p(
            cosines[:, column], _encoded(clip, images_of_label) @ directions[column]
        )
    among = np.full(cosines.shape, np.nan)
    if null_images is not None:
        below = np.sort(_encoded(clip, null_images) @ directions.T, axis=0)
        for column in range(len(names)):
            place = np.searchsorted(below[:, column], cosines[:, column], side="left")
            among[:, column] = place / len(below)
    return ScoreNull(
        null=null, words=encoded.words, texts=names, cosines=cosines, p=p, among_images=among,
        provenance=clip.provenance(),
    )  # fmt: skip


def _encoded(clip: Clip, images: Any) -> Floats:
    if isinstance(images, np.ndarray) and images.ndim == 2:
        return images.astype(np.float32, copy=False)
    return clip.encode_images(images)


def _bundled() -> list[str]:
    from clipprobe.stimuli import concepts, unseen_concepts

    return [concept.name for concept in (*concepts(), *unseen_concepts())]
