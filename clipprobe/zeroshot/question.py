"""From settings to labels, classes, templates and their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clipprobe.data import Dataset
from clipprobe.data.labelling import without_stray_files
from clipprobe.data.records import LeftOut
from clipprobe.zeroshot.embedded import label_rows
from clipprobe.zeroshot.label_text import LabelText
from clipprobe.zeroshot.prompts import TEMPLATES, check_classes, check_templates
from clipprobe.zeroshot.settings import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the images are asked."""

    classes: tuple[str, ...]
    templates: tuple[str, ...]
    source: str | None
    """The file that names and templates come from."""
    dataset: Dataset
    """The images of these classes."""


def question(settings: Labels, dataset: Dataset) -> Question:
    """The classes and templates of a study, and the images of these classes.

    The templates of a class file are used unless the settings name others than the general ones.

    Raises:
        DataError, ConfigError: the class file cannot be read or does not match the labels.
    """
    dataset, source, text = without_stray_files(dataset), settings.classes, None
    if isinstance(source, str | Path):
        text = LabelText.read(source, settings.label_set)
    names: Sequence[str] | None = text.classes if text else source  # type: ignore[assignment]
    listed = None if names is None else check_classes(names)
    if listed is not None:
        dataset = of_classes(dataset, listed)
    classes, _ = label_rows(dataset.records, listed)
    return Question(
        classes=classes,
        templates=check_templates(
            text.templates if text and settings.templates == TEMPLATES else settings.templates
        ),
        source=text.source if text else None,
        dataset=dataset,
    )


def of_classes(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """The images whose label is one of the classes; the others are left out and named.

    Raises:
        DataError: no image is left.
    """
    names = set(classes)
    others = [one for one in dataset.records if one.label is not None and one.label not in names]
    if not others:
        return dataset
    if len(others) == len(dataset.records):
        label_rows(dataset.records, classes)  # which says what is wrong with the first
    labels = sorted({str(one.label) for one in others})
    some = ", ".join(map(repr, labels[:3])) + (", ..." if len(labels) > 3 else "")
    left_out = LeftOut(
        reason=f"an image of another label than the {len(names)} classes: {some}",
        ids=tuple(one.id for one in others),
    )
    return replace(
        dataset,
        records=tuple(one for one in dataset.records if one.label is None or one.label in names),
        left_out=(*dataset.left_out, left_out),
    )
