"""What an audit was given as images and classes, as far as it is an attack data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attacks.typographic.datasets.attack_set import AttackSet
from attacks.typographic.datasets.registry import load_attacks
from clipprobe.data.label_names import refuse_codes
from clipprobe.errors import ConfigError
from clipprobe.lines import read_lines
from clipprobe.settings.shared import Images
from clipprobe.zeroshot.classes import Classes


def attack_set(
    images: Any,
    layout: str | None,
    *,
    name_pattern: str | None = None,
    word_column: str | None = None,
    sample: Mapping[str, Any] | None = None,
) -> AttackSet | None:
    """The attack data set that was given or named, or None for any other images.

    Args:
        sample: See :func:`sample_of`.

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
        return images.sample(**(sample or {}))
    if not isinstance(images, str | Path):
        raise ConfigError(f"The layout {layout!r} needs a path, not a {type(images).__name__}.")
    return load_attacks(str(layout), images, **(sample or {}))


def sample_of(settings: Images) -> dict[str, Any]:
    """How many images of an attack data set are used, as :func:`load_attacks` takes it.

    Raises:
        ConfigError: labels were given, which an attack data set has.
    """
    for name in ("labels", "label_column", "image_root", "label_names"):
        if getattr(settings, name) is not None:
            raise ConfigError(
                f"An attack data set brings its own labels: omit --{name.replace('_', '-')}, or "
                "give --layout none to read the images as plain ones."
            )
    choice = settings.choice()
    return {name: choice[name] for name in ("limit", "sample", "per_class", "seed")}


def classes_of(
    classes: Sequence[str] | str | Path | None,
    synonyms: Mapping[str, Sequence[str]] | None,
    attacks: AttackSet | None = None,
    *,
    labels: Callable[[], Sequence[str]] | None = None,
) -> Classes:
    """The candidate classes: those given, the union of an attack data set, or the labels.

    Args:
        labels: What the images show, sorted; asked for where nothing else says the classes.
    Raises:
        ConfigError: there are none, and nothing to take them from.
        DataError: the file cannot be read, the labels are codes, or fewer than two classes
            differ in meaning.
    """
    if attacks is not None:
        synonyms = attacks.with_synonyms(synonyms)
    if classes is None:
        if attacks is not None:
            return Classes(attacks.classes(), synonyms)
        if labels is None:
            raise ConfigError("Candidate classes are needed: give them (--classes).")
        names = labels()
        refuse_codes(names)
        return Classes(names, synonyms)
    if isinstance(classes, str | Path):
        return Classes(read_lines(Path(classes), "class", repeated=True), synonyms)
    return Classes(classes, synonyms)
