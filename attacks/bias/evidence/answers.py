"""What a probe may ask of a model, whatever way its answers come by.

:class:`LabelSet` is one question with its possible answers; :class:`Evidence` answers it, as
cosines or as the label that each image is closest to. Three kinds answer: embeddings with a text
encoder, a table of scores, a table of predicted labels. The numbers of one image are the same by
each, because a cosine is computed text by text, whatever other texts are asked.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from attacks.bias.evidence.vectors import one_width, unit_rows
from attacks.bias.measures.draws import Floats, Ints
from clipprobe import arrays
from clipprobe.errors import DataError
from clipprobe.zeroshot.prompts import fill
from clipprobe.zeroshot.text_bank import ruled, sentence_means

Answers = TypeVar("Answers")


class NotAnswerableError(DataError):
    """This way holds no answer to the question; other questions may still be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSet:
    """Labels of which every image gets one, each with its sentences (averaged where several).

    ``name``: e.g. ``denigration-21``. ``labels``: unique. ``templates``: with ``{}`` each.
    """

    name: str
    labels: tuple[str, ...]
    templates: tuple[str, ...] = ("a photo of a {}",)

    def sentences(self, label: str) -> tuple[str, ...]:
        """The sentences that stand for a label."""
        return tuple(fill(self.templates, label, articles=True))

    @property
    def prompts(self) -> tuple[str, ...]:
        """All sentences, label by label."""
        return tuple(s for label in self.labels for s in self.sentences(label))

    def vectors(self, encode: Callable[[Sequence[str]], Any], model: Any) -> Floats:
        """``(m, d)``, unit length: of each label the mean over its sentences, as the rules of the
        model's edits leave it."""
        means = sentence_means(encode, [self.sentences(label) for label in self.labels])
        vectors: Floats = ruled(model, self.labels, means)
        return vectors


class Evidence(ABC):
    """Answers of one model to label sets over the same ``n`` images.

    Each kind gives cosines, or says why it has none; the rest follows from them, or is its own.
    """

    scale: float | None
    """The model's logit scale; None where it is not known."""

    @abstractmethod
    def cosines(self, label_set: LabelSet) -> Floats:
        """``(n, m)``, one column per label.

        Raises:
            NotAnswerableError: there are no cosines for some label.
        """

    def probabilities(self, label_set: LabelSet) -> Floats:
        """``(n, m)``, the softmax over the labels at the model's scale.

        Raises:
            NotAnswerableError: neither probabilities nor cosines and a scale are there.
        """
        return softmax(self.cosines(label_set), self.scale)

    def choices(self, label_set: LabelSet) -> Ints:
        """``(n,)``, the place of the closest label; the first of equally close ones.

        Raises:
            NotAnswerableError: it cannot tell.
        """
        places: Ints = np.argmax(self.cosines(label_set), axis=1)
        return places


class FromEmbeddings(Evidence):
    """Image vectors, and a function that embeds texts.

    Args:
        vectors: ``(n, d)``, of any length; refused where NaN or zero.
        encode_texts: Sentences -> ``(m, d)``. scale: the model's logit scale.
        model: Whose edits may have rules on class vectors.
    """

    def __init__(
        self,
        vectors: Any,
        encode_texts: Callable[[Sequence[str]], Any],
        scale: float | None,
        model: Any = None,
    ) -> None:
        self._images = unit_rows(vectors, "image")
        self._encode = encode_texts
        self.scale = scale
        self._model = model
        self._texts: dict[str, Floats] = {}

    @property
    def image_vectors(self) -> Floats:
        """``(n, d)``, unit length."""
        return self._images

    def text_vectors(self, label_set: LabelSet) -> Floats:
        """``(m, d)``, unit length: the mean over its sentences for each label."""
        return label_set.vectors(self._encoded, self._model)

    def cosines(self, label_set: LabelSet) -> Floats:
        """One matrix-vector product a label: a column does not depend on its neighbours."""
        return np.stack([self._images @ text for text in self.text_vectors(label_set)], axis=1)

    def _encoded(self, sentences: Sequence[str]) -> Floats:
        missing = [s for s in dict.fromkeys(sentences) if s not in self._texts]
        if missing:
            vectors = unit_rows(self._encode(missing), "text")
            one_width(self._images, vectors)
            self._texts.update(zip(missing, vectors, strict=True))
        return np.stack([self._texts[s] for s in sentences])


class FromScores(Evidence):
    """One column of numbers a label or a sentence.

    Args:
        columns: Name (a label, or a whole sentence) -> ``(n,)``.
        kind: ``cosine``, ``logit`` or ``probability``. scale: of the model, for cosines.
    """

    def __init__(
        self, columns: Mapping[str, Floats], kind: str, scale: float | None = None
    ) -> None:
        self._columns, self._kind = dict(columns), kind
        self.scale = 1.0 if kind == "logit" else scale  # logits carry it in themselves

    def cosines(self, label_set: LabelSet) -> Floats:
        """The columns of the labels (logits serve as well: a scale changes no comparison)."""
        if self._kind == "probability":
            raise NotAnswerableError(
                f"{label_set.name}: needs cosines, and the table holds probabilities"
            )
        return self._table(label_set)

    def probabilities(self, label_set: LabelSet) -> Floats:
        """The columns as they are, or their softmax."""
        if self._kind == "probability":
            return self._table(label_set)
        return softmax(self._table(label_set), self.scale)

    def choices(self, label_set: LabelSet) -> Ints:
        """The label with the largest score, whatever it is."""
        places: Ints = np.argmax(self._table(label_set), axis=1)
        return places

    def _table(self, label_set: LabelSet) -> Floats:
        columns, missing = [], []
        for label in label_set.labels:
            # A whole sentence is certain; a bare label is taken where no sentence is there. The
            # label cannot stand for one template of several designs, so those must be sentences.
            sentences = label_set.sentences(label)
            name = sentences[0] if len(sentences) == 1 and sentences[0] in self._columns else label
            if name in self._columns:
                columns.append(self._columns[name])
            else:
                missing.append(sentences[0] if len(sentences) == 1 else label)
        if missing:
            raise NotAnswerableError(
                f"{label_set.name}: {len(missing)} of {len(label_set.labels)} labels have no "
                f"column in the table of scores (the first is {missing[0]!r})"
            )
        return np.stack(columns, axis=1)


class FromChoices(Evidence):
    """One predicted label an image: answers only the label set that the labels came from.

    Args:
        labels: The predicted label of each image, as the table has it.
    """

    scale = None

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)

    def cosines(self, label_set: LabelSet) -> Floats:
        """Never: a predicted label is not a score."""
        raise NotAnswerableError(
            f"{label_set.name}: needs scores, and the table holds one label each"
        )

    def choices(self, label_set: LabelSet) -> Ints:
        """The labels, where they are those of the label set asked: all of them and no other.

        Labels that merely fit another set would not be its answers: with other labels to choose
        from the model might have chosen otherwise.
        """
        if set(label_set.labels) != set(self.labels):
            raise NotAnswerableError(
                f"{label_set.name}: the predictions were made among other labels, and would need "
                "scores"
            )
        place = {label: i for i, label in enumerate(label_set.labels)}
        return np.array([place[label] for label in self.labels], dtype=np.int64)


def ask_each(
    sets: Iterable[LabelSet], ask: Callable[[LabelSet], Answers]
) -> tuple[list[tuple[LabelSet, Answers]], list[str]]:
    """The label sets that can be answered, with their answers; and why others cannot."""
    answered, missing = [], []
    for one in sets:
        try:
            answered.append((one, ask(one)))
        except NotAnswerableError as error:
            missing.append(str(error))
    return answered, missing


def labels_of(answered: Iterable[tuple[LabelSet, Any]]) -> tuple[str, ...]:
    """All labels of the sets that were answered, each once."""
    return tuple(dict.fromkeys(label for one, _ in answered for label in one.labels))


def softmax(scores: Floats, scale: float | None) -> Floats:
    """Softmax over labels of ``scale * scores``, ``(n, m)``.

    Raises:
        NotAnswerableError: the scale is not known.
    """
    if scale is None or not math.isfinite(scale) or scale <= 0:
        raise NotAnswerableError(
            "probabilities need the model's logit scale: give it with --scale (100 for OpenAI's "
            "CLIP), or the model"
        )
    return arrays.softmax(scale * (scores - scores.max(axis=1, keepdims=True)))
