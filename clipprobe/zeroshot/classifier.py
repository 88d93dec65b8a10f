"""Zero-shot classification: the class whose text embedding is nearest to the image's.

A class embedding is made as in the CLIP paper (arXiv:2103.00020, section 3.1.4): each sentence
about the class is encoded and normalised to unit length, their mean is taken, and the mean is
normalised again. Because all class vectors have unit length, the order of the classes does not
depend on scale or bias; the margins are in logits (scale times cosine).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Ints
from clipprobe.errors import ConfigError, DataError
from clipprobe.people import in_sentences, refuse_person_groups, withheld_because
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, wilson
from clipprobe.zeroshot.prompts import TEMPLATES, check_classes, check_templates, fill
from clipprobe.zeroshot.text_bank import Averaging, TextEncoder, averaged, ruled

if TYPE_CHECKING:
    from clipprobe.models import Clip

Floats = npt.NDArray[np.float32]
_TEXTS_AT_ONCE = 16_384
_IMAGES_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroShotResult(AsJson):
    """What a model chose for ``n`` images among ``k`` classes."""

    classes: tuple[str, ...]
    """The ``k`` class names."""
    templates: tuple[str, ...]
    """The sentences around the class name."""
    predictions: Ints
    """Index of the chosen class, ``(n,)``; of equals the first."""
    labels: Ints
    """Index of the true class, ``(n,)``; -1 where none was given."""
    top_margin: Floats
    """Logit of the chosen class minus the second best, ``(n,)``, at least 0; NaN for one class."""
    label_margin: Floats
    """Logit of the true class minus the best other, ``(n,)``: negative where the choice is wrong.
    NaN without a label or with one class."""
    accuracy: Estimate
    """Share of labelled images whose choice is right, with Wilson's 95 % interval."""
    provenance: dict[str, Any]
    withheld: str | None = None
    """Why ``predictions``, ``labels`` and margins are empty: the classes name groups of people,
    and then the accuracy alone is given. None where they are not."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ZeroShotResult:
        """The inverse of :meth:`to_json`."""
        return cls(
            classes=tuple(data["classes"]),
            templates=tuple(data["templates"]),
            predictions=np.array(data["predictions"], np.int64),
            labels=np.array(data["labels"], np.int64),
            top_margin=np.array(data["top_margin"], np.float32),
            label_margin=np.array(data["label_margin"], np.float32),
            accuracy=Estimate.from_json(data["accuracy"]),
            provenance=dict(data["provenance"]),
            withheld=data["withheld"],
        )


def build_classifier(
    clip: Clip,
    classes: Iterable[str],
    templates: Iterable[str] = TEMPLATES,
    *,
    batch_size: int = 256,
    averaging: Averaging = "unit-mean-unit",
) -> Floats:
    """Vectors of the classes, ``(k, d_embed)``, averaged over the templates.

    The beginning that the sentences of a template share is encoded once where the text tower is
    causal (:mod:`clipprobe.models.prefixed`).

    Args:
        averaging: Which vectors have unit length. ``"unit-mean-unit"``, of the CLIP paper:
            sentences and their mean; ``"unit-mean"``: sentences alone, so that classes whose
            sentences agree score higher; ``"raw-mean-unit"``: the mean alone.
    Raises:
        DataError: no class, a blank one, or one twice.
        ConfigError: no template, or one without ``{}``; or no such averaging.
    """
    names = check_classes(classes)
    return class_vectors(clip, names, templates, batch_size=batch_size, averaging=averaging)


def class_vectors(
    clip: TextEncoder,
    names: Sequence[str],
    templates: Iterable[str] = TEMPLATES,
    *,
    batch_size: int = 256,
    averaging: Averaging = "unit-mean-unit",
) -> Floats:
    """:func:`build_classifier` for names that may be repeated, or none: each is encoded once."""
    from clipprobe.models.prefixed import encode_groups

    if averaging not in get_args(Averaging):
        raise ConfigError(
            f"There is no averaging {averaging!r}: choose one of {', '.join(get_args(Averaging))}."
        )
    sentences = check_templates(templates)
    distinct = list(dict.fromkeys(names))
    per_chunk = max(1, _TEXTS_AT_ONCE // len(sentences))
    vectors = np.empty((len(distinct), clip.d_embed), np.float32)
    for start in range(0, len(distinct), per_chunk):
        chunk = distinct[start : start + per_chunk]
        filled = [fill(sentences, name) for name in chunk]
        encoded = encode_groups(
            clip,
            list(zip(*filled, strict=True)),
            batch_size=batch_size,
            raw=averaging == "raw-mean-unit",
        )
        vectors[start : start + len(chunk)] = averaged(np.stack(encoded, axis=1), averaging)
    place = {name: i for i, name in enumerate(distinct)}
    return ruled(clip, names, vectors[[place[name] for name in names]])


def zero_shot(
    clip: Clip,
    images: Iterable[object] | Floats,
    classes: Iterable[str],
    templates: Iterable[str] = TEMPLATES,
    labels: Sequence[str | int] | None = None,
    *,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> ZeroShotResult:
    """Classify images by their nearest class text.

    Where the classes name groups of people (:mod:`clipprobe.people`) the accuracy over all images
    is given, and no answer for one of them.

    Args:
        images: As for ``Clip.encode_images``, or their embeddings ``(n, d_embed)``.
        labels: The true class of each image, by name or by index.
        progress: Called after each batch with the number of images in it.
    Raises:
        DataError, ConfigError: see :func:`build_classifier`; or the labels do not fit; or the
            classes name groups of people and there is one image, or no label.
    """
    names, sentences = check_classes(classes), check_templates(templates)
    sentences_of_names = list(in_sentences(names, sentences))
    if labels is None or len(labels) < 2:
        refuse_person_groups(sentences_of_names, "zero_shot with fewer than two labelled images")
    withheld = withheld_because(sentences_of_names)
    vectors = build_classifier(clip, names, sentences)
    if isinstance(images, np.ndarray) and images.ndim == 2:
        embeddings = images
    else:
        embeddings = clip.encode_images(images, batch_size=batch_size, progress=progress)
    truth = label_indices(labels, names, len(embeddings))
    answers, top, margin = decide(clip, embeddings, vectors, truth)
    known = truth >= 0
    rows = slice(0, 0 if withheld else None)
    return ZeroShotResult(
        classes=names,
        templates=sentences,
        predictions=answers[rows],
        labels=truth[rows],
        top_margin=top[rows],
        label_margin=margin[rows],
        accuracy=wilson(int((answers == truth)[known].sum()), int(known.sum())),
        provenance=clip.provenance(),
        withheld=withheld,
    )


def label_indices(labels: Sequence[str | int] | None, classes: tuple[str, ...], n: int) -> Ints:
    """Labels as class indices, ``(n,)``; -1 everywhere without labels."""
    if labels is None:
        return np.full(n, -1, np.int64)
    if len(labels) != n:
        raise DataError(f"There are {n} images but {len(labels)} labels: give one for each image.")
    place = {name: index for index, name in enumerate(classes)}
    indices = np.empty(n, np.int64)
    for row, label in enumerate(labels):
        index = place.get(label, -1) if isinstance(label, str) else int(label)
        if not 0 <= index < len(classes):
            raise DataError(
                f"The label {label!r} of image {row} is none of the {len(classes)} classes: "
                "add it to the classes or leave the image out."
            )
        indices[row] = index
    return indices


def decide(
    clip: Clip, embeddings: Floats, vectors: Floats, truth: Ints
) -> tuple[Ints, Floats, Floats]:
    """Chosen class, top margin and label margin of each image, a block of images at a time."""
    n, k = len(embeddings), len(vectors)
    answers = np.empty(n, np.int64)
    top = np.full(n, np.nan, np.float32)
    margin = np.full(n, np.nan, np.float32)
    for start in range(0, n, _IMAGES_AT_ONCE):
        block = slice(start, start + _IMAGES_AT_ONCE)
        logits = clip.logits(embeddings[block], vectors)
        answers[block] = logits.argmax(axis=1)
        if k == 1:
            continue
        second, first = np.partition(logits, k - 2, axis=1)[:, -2:].T
        top[block] = first - second
        rows = np.flatnonzero(truth[block] >= 0)
        true_logit = logits[rows, truth[block][rows]]
        # The best other class is the best one, or the second where the true class is the best.
        is_best = true_logit == first[rows]
        margin[start + rows] = true_logit - np.where(is_best, second[rows], first[rows])
    return answers, top, margin
