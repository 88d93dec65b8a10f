"""From settings to labels, classes, templates and their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clipprobe.data import Dataset
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


def question(settings: Labels, dataset: Dataset) -> Question:
    """The classes and templates of a study; every label of the images is a class.

    The templates of a class file are used unless the settings name others than the general ones.

    Raises:
        DataError, ConfigError: the class file cannot be read or does not match the labels.
    """
    source, text = settings.classes, None
    if isinstance(source, str | Path):
        text = LabelText.read(source, settings.label_set)
    names: Sequence[str] | None = text.classes if text else source  # type: ignore[assignment]
    classes, _ = label_rows(dataset.records, None if names is None else check_classes(names))
    return Question(
        classes=classes,
        templates=check_templates(
            text.templates if text and settings.templates == TEMPLATES else settings.templates
        ),
        source=text.source if text else None,
    )
