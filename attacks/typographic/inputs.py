"""What an audit was given as images and classes, as far as it is an attack data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attacks.typographic.datasets.pictures import AttackSet
from attacks.typographic.datasets.registry import load_attacks
from clipprobe.errors import ConfigError
from clipprobe.lines import read_lines
from clipprobe.zeroshot.classes import Classes


def attack_set(
    images: Any,
    layout: str | None,
    *,
    name_pattern: str | None = None,
    word_column: str | None = None,
    limit: int | None = None,
) -> AttackSet | None:
    """The attack data set that was given or named, or None for any other images.

    Raises:
        ConfigError: a layout and another way to read the names were given together, or a layout
            for images that are not a path.
    """
    if not isinstance(images, AttackSet) and layout is None:
        return None
    if name_pattern is not None or word_column is not None:
        raise ConfigError(
            "A layout says itself where label and word stand: leave name_pattern (--name-pattern) "
            "and word_column (--word-column) away."
        )
    if isinstance(images, AttackSet):
        if layout is not None and layout != images.layout.name:
            raise ConfigError(
                f"The images were read as {images.layout.name!r} and the layout {layout!r} was "
                "given: omit the layout."
            )
        return images.sample(limit)
    if not isinstance(images, str | Path):
        raise ConfigError(f"The layout {layout!r} needs a path, not a {type(images).__name__}.")
    return load_attacks(str(layout), images, limit=limit)


def classes_of(
    classes: Sequence[str] | str | Path | None,
    synonyms: Mapping[str, Sequence[str]] | None,
    attacks: AttackSet | None = None,
) -> Classes:
    """The candidate classes: those given, or the union of an attack data set.

    Raises:
        ConfigError: there are none, and no attack data set to take them from.
        DataError: the file cannot be read, or fewer than two classes differ in meaning.
    """
    if attacks is not None:
        synonyms = attacks.with_synonyms(synonyms)
    if classes is None:
        if attacks is None:
            raise ConfigError(
                "The audit needs candidate classes: give them (--classes), or a data set whose "
                "layout is known (--layout), which brings its own."
            )
        return Classes(attacks.classes(), synonyms)
    if isinstance(classes, str | Path):
        return Classes(read_lines(Path(classes), "class", repeated=True), synonyms)
    return Classes(classes, synonyms)
