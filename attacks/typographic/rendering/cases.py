"""What is known about each image before it is decoded: its class, and the word on it if any.

Attacks that were photographed carry their word in the file name (``apple-ipod.jpg``, read with
``--name-pattern '{label}-{word}'``) or in a column of the metadata table. An image whose word is
empty, ``blank`` or ``none`` shows no word, and is the clean twin of its object.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from attacks.typographic.datasets.attack_set import AttackSet
from clipprobe.data import Dataset, Failure, ImageRecord
from clipprobe.errors import ConfigError, DataError
from clipprobe.zeroshot.classes import Classes, key, label_index

NO_WORD = ("", "blank", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One image of an audit."""

    record: ImageRecord
    label: int
    """Number of its class."""
    word: str | None = None
    """The photographed word; ``""`` for none; None where the audit writes the words itself."""
    cluster: str
    """What hangs together: the image, or all photographs of one object in one folder."""
    condition: str = ""
    """``clean`` or ``synth`` where the data set says so; ``""`` follows from the word."""
    aim: str = ""
    """On a clean twin the word of its attack, so that both answer the same question."""
    planned: str = ""
    """The word that the audit shall write; ``""`` where it chooses one."""


def read_cases(
    dataset: Dataset,
    classes: Classes,
    *,
    name_pattern: str | None = None,
    word_column: str | None = None,
) -> tuple[list[Case], list[Failure]]:
    """The cases of a data set, and the images that cannot be one, with the reason.

    Args:
        name_pattern: Where label and word stand in the file name without its ending, such as
            ``{label}-{word}``; with ``{label}`` alone it gives the label only.
        word_column: The metadata column that holds the photographed word.
    Raises:
        DataError: no image has a label, no name fits the pattern, the column is absent, or no
            label is among the classes.
        ConfigError: the pattern is not one.
    """
    pattern = compile_pattern(name_pattern) if name_pattern is not None else None
    natural = word_column is not None or (pattern is not None and "word" in pattern.groupindex)
    cases: list[Case] = []
    skipped: list[Failure] = []
    others: dict[str, ImageRecord] = {}
    for record in dataset.records:
        label, word = record.label, None
        if pattern is not None:
            match = pattern.fullmatch(PurePosixPath(record.id).stem)
            if match is None:
                skipped.append(Failure(record.id, f"its name is not of the form {name_pattern}"))
                continue
            label, word = match["label"], match.groupdict().get("word")
        if word_column is not None:
            word = record.attributes.get(word_column)
        if label is None or not key(label):
            skipped.append(Failure(record.id, "it has no label"))
            continue
        if natural and word is None:
            skipped.append(Failure(record.id, f"it has no value in the column {word_column!r}"))
            continue
        index = classes.index(label)
        if index is None:
            others.setdefault(label, record)
            reason = f"its label {label!r} is not among the {len(classes.names)} classes"
            skipped.append(Failure(record.id, reason))
            continue
        cluster = record.id
        if natural:
            cluster = f"{PurePosixPath(record.id).parent.as_posix()}/{classes.names[index]}"
            word = "" if word is None or word.strip().lower() in NO_WORD else word.strip()
        cases.append(Case(record=record, label=index, word=word, cluster=cluster))
    if not cases:
        for label, record in others.items():
            label_index(classes, label, record.id)  # which says what the nearest class is
        raise DataError(_nothing(dataset, skipped, name_pattern, word_column))
    return cases, skipped


def labels_of(dataset: Dataset, name_pattern: str | None = None) -> list[str]:
    """What the images show, sorted; names that differ only in case or hyphens are one.

    Raises:
        DataError: no image has a label.
        ConfigError: the pattern is not one.
    """
    pattern = compile_pattern(name_pattern) if name_pattern is not None else None
    names: dict[str, str] = {}
    for record in dataset.records:
        label = record.label
        if pattern is not None:
            match = pattern.fullmatch(PurePosixPath(record.id).stem)
            label = match["label"] if match else None
        if label is not None and key(label):
            names[key(label)] = min(names.get(key(label), label), label)
    if not names:
        raise DataError(_nothing(dataset, dataset.records, name_pattern, None))
    return sorted(names.values())


def cases_of(attacks: AttackSet, classes: Classes) -> tuple[list[Case], list[Failure]]:
    """The cases of a data set that was read by its layout, and what the layout left out.

    Raises:
        DataError: a label is not among the classes.
    """
    cases = [
        Case(
            record=record,
            label=label_index(classes, source.label, source.id),
            word=None if source.planned else source.word,
            cluster=source.id if source.planned else source.pair,
            condition=source.condition,
            aim=source.aim,
            planned=source.word if source.planned else "",
        )
        for record, source in zip(attacks.dataset.records, attacks.pictures, strict=True)
    ]
    return cases, list(attacks.skipped)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """``{label}-{word}`` as a regular expression.

    ``{}`` takes as little as it can and the label as much: ``{}_{label}`` is ``common_iguana`` in
    ``n01677366_common_iguana``, and ``{label}-{word}`` of ``hot-dog-ipod`` is a hot-dog.

    Raises:
        ConfigError: ``{label}`` is missing, something is there twice, or another name is in it.
    """
    parts = re.split(r"(\{[^{}]*\})", pattern)
    names = [part[1:-1] for part in parts if part.startswith("{")]
    known = {"label": "(?P<label>.+)", "word": "(?P<word>.*)", "": ".*?"}
    if names.count("label") != 1 or names.count("word") > 1 or not set(names) <= set(known):
        raise ConfigError(
            f"The name pattern {pattern!r} cannot be used: it needs {{label}} once, {{word}} at "
            "most once, and {} for what to ignore, as in '{label}-{word}'."
        )
    return re.compile(
        "".join(known[p[1:-1]] if p.startswith("{") else re.escape(p) for p in parts),
        re.DOTALL,
    )


def _nothing(
    dataset: Dataset, skipped: Sequence[object], pattern: str | None, column: str | None
) -> str:
    example = dataset.records[0].id
    if pattern is not None:
        return (
            f"None of the {len(dataset)} file names of {dataset.name!r} is of the form {pattern!r} "
            f"(the first is {example!r}): correct --name-pattern."
        )
    if column is not None and any(record.label for record in dataset.records):
        return (
            f"No image of {dataset.name!r} has a value in the column {column!r}: correct "
            "--word-column, or omit it to have the words written by the audit."
        )
    return (
        f"None of the {len(skipped)} images of {dataset.name!r} has a label: put them into one "
        "folder for each class, or give --labels TABLE or --name-pattern."
    )
