"""Labelled images on which the cost of a mitigation in zero-shot accuracy is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bias.evidence.answers import LabelSet
from attacks.bias.measures.draws import Floats
from attacks.bias.people import decode_all
from clipprobe.data.label_names import refuse_codes
from clipprobe.errors import DataError

if TYPE_CHECKING:
    from clipprobe.data import Dataset, ImageRecord
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The images whose label is one of the classes; none is decoded yet.

    ``classes``: their names; ``records``: those images, in the order of the data set.
    """

    dataset: Dataset
    classes: tuple[str, ...]
    records: tuple[ImageRecord, ...]


def find_labels(dataset: Dataset, classes: Sequence[str] | None) -> Labels:
    """The labelled images of a data set.

    Args:
        classes: Names of the classes; by default the labels that occur.
    Raises:
        DataError: no image has a label among them, or the labels are codes.
    """
    records = [record for record in dataset.records if record.label]
    if not classes:
        refuse_codes(record.label for record in records)
    names = tuple(classes) if classes else tuple(sorted({str(r.label) for r in records}))
    records = [record for record in records if record.label in names]
    if not records:
        raise DataError(
            f"No image of {dataset.name!r} has a label among the classes: accuracy cannot be "
            "measured on it."
        )
    return Labels(dataset=dataset, classes=names, records=tuple(records))


@dataclass(frozen=True, slots=True, kw_only=True)
class Utility:
    """Labelled images at the model's size, their class vectors and their labels."""

    name: str
    images: list[Any]
    classes: Floats
    labels: list[int]

    @classmethod
    def read(
        cls, clip: Clip, labelled_images: Labels, templates: Sequence[str], workers: int
    ) -> Utility:
        """Decode every image once, and encode the classes."""
        names = labelled_images.classes
        classes = LabelSet(name="classes", labels=names, templates=tuple(templates))
        decoded = decode_all(labelled_images.records, clip.preprocess, workers)
        row = {name: n for n, name in enumerate(names)}
        return cls(
            name=labelled_images.dataset.name,
            images=decoded.items,
            classes=classes.vectors(clip.encode_texts, clip),
            labels=[row[str(record.label)] for record in decoded.records],
        )
