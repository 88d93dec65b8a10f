"""Who says what an image shows: a CLIP, or people's tags.

A label is as good as its judge. Where the judge is the model whose units are labelled, the model is
asked to grade itself: a unit that the model misreads gets the label that the model misreads it as.
Such results are *circular*, and say so wherever they are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.errors import ConfigError, DataError
from clipprobe.zeroshot.prompts import TEMPLATES, check_classes, check_templates, fill
from clipprobe.zeroshot.text_bank import sentence_means

if TYPE_CHECKING:
    from clipprobe.data import ImageRecord
    from clipprobe.models import Clip

CIRCULAR = (
    "Circular: the judge is the labelled model itself, so these labels say what the model takes "
    "the images for, and their scores are not independent evidence. Give another judge: human "
    "labels, or another CLIP."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """What a judge says of the probe images.

    ``name``: the judge. ``circular``: whether it is the labelled model itself.
    ``concepts``: C names.
    ``values``: ``(n, C)``: cosines (``graded``), or 0/1 tags.
    ``present``: ``(n, C)`` booleans: which concepts count as shown, for held-out scores.
    ``rule``: how ``present`` was decided, in words.
    """

    name: str
    circular: bool
    graded: bool
    concepts: tuple[str, ...]
    values: NDArray[np.float64]
    present: NDArray[np.bool_]
    rule: str

    @property
    def note(self) -> str:
        """The sentence about circularity that every rendering shows."""
        return CIRCULAR if self.circular else f"Independent judge: {self.name}."


def judged_by_clip(
    judge: Clip,
    concepts: Sequence[str],
    *,
    images: Sequence[Any] = (),
    embeddings: NDArray[np.float32] | None = None,
    subject: Clip,
    templates: Sequence[str] = TEMPLATES,
    batch_size: int = 32,
) -> Judgement:
    """Cosines of a CLIP; each image shows the one concept that fits it best.

    Args:
        embeddings: The judge's own of the images, where it has them already.
        subject: The model whose units are labelled.
        templates: Sentences with ``{}`` for the concept; their embeddings are averaged.
    """
    names = check_classes(concepts)
    sentences = check_templates(templates)
    if len(names) < 2:
        raise DataError("One concept cannot tell units apart: give at least two.")
    if embeddings is None:
        embeddings = judge.encode_images(images, batch_size=batch_size)
    texts = sentence_means(judge.encode_texts, [fill(sentences, name) for name in names])
    values = embeddings.astype(np.float64) @ texts.T
    present = np.zeros(values.shape, bool)
    present[np.arange(len(values)), values.argmax(axis=1)] = True
    return Judgement(
        name=judge.id,
        # Two loads of the same weights, under the same edits, are one model.
        circular=judge is subject or judge.identity == subject.identity,
        graded=True,
        concepts=names,
        values=values,
        present=present,
        rule=f"the concept with the highest cosine in {judge.id}",
    )


def judged_by_tags(
    records: Sequence[ImageRecord], column: str | None, concepts: Sequence[str] | None
) -> Judgement:
    """People's tags: the data set's labels, or an attribute column with tags between semicolons.

    Args:
        column: None for the label.
        concepts: Which tags; None for all that occur.
    Raises:
        ConfigError: no image has such a tag.
    """
    tags = [_tags(record, column) for record in records]
    what = "label" if column is None else f"column {column!r}"
    known = sorted({tag for row in tags for tag in row})
    if not known:
        raise ConfigError(
            f"No image has a {what}, so nobody can judge by it: give a metadata table with one, or "
            "a CLIP as judge."
        )
    names = known if concepts is None else check_classes(concepts)
    names = [name for name in names if name in known]
    if len(names) < 2:
        raise DataError(
            f"Of the concepts {len(names)} occur in the images' {what}: at least two are needed."
        )
    present = np.array([[name in row for name in names] for row in tags], bool)
    return Judgement(
        name=f"tags of the images ({what})",
        circular=False,
        graded=False,
        concepts=tuple(names),
        values=present.astype(np.float64),
        present=present,
        rule=f"the images' own {what}",
    )


def _tags(record: ImageRecord, column: str | None) -> set[str]:
    text = record.label if column is None else record.attributes.get(column)
    if text is None:
        return set()
    parts = [text] if column is None else text.split(";")
    return {part.strip() for part in parts if part.strip()}
