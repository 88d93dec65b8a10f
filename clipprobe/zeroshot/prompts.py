"""Sentences that a class name is put into.

A bare name is ambiguous and unlike the captions that CLIP models saw, so a class is described by
several sentences and their embeddings are averaged (Radford et al. 2021, arXiv:2103.00020,
section 3.1.4). These few are general on purpose: they favour no data set, and use only words that
the small vocabulary of the bundled model has learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from clipprobe.errors import ConfigError, DataError

TEMPLATES: tuple[str, ...] = ("a {}", "a photo of a {}", "a picture of a {}", "this is a {}")
"""General templates; ``{}`` stands for the class name."""


def check_templates(templates: Iterable[str]) -> tuple[str, ...]:
    """The templates as a tuple.

    Raises:
        ConfigError: there are none, one has no ``{}``, or a single string was given.
    """
    if isinstance(templates, str):
        raise ConfigError(
            f"A list of templates was expected and the text {templates!r} was given: "
            "put it in a list."
        )
    found = tuple(templates)
    if not found:
        raise ConfigError("No template was given: give at least one, for example 'a photo of a {}'")
    for template in found:
        if "{}" not in template:
            raise ConfigError(
                f"The template {template!r} has no {{}} where the class name goes: add one."
            )
    return found


def check_classes(classes: Iterable[str]) -> tuple[str, ...]:
    """The class names as a tuple.

    Raises:
        DataError: there are none, one is blank or not a text, or two are the same.
    """
    if isinstance(classes, str):
        raise DataError(
            f"A list of classes was expected and the text {classes!r} was given: put it in a list."
        )
    found = tuple(classes)
    if not found:
        raise DataError("No class was given: give at least one class name.")
    for name in found:
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"The class name {name!r} is not a text with a word in it.")
    for name, count in Counter(found).items():
        if count > 1:
            raise DataError(f"The class {name!r} was given {count} times: keep one of them.")
    return found


def fill(templates: Sequence[str], name: str) -> list[str]:
    """Every template with the class name in it.

    Example:
        >>> fill(["a photo of a {}."], "dog")
        ['a photo of a dog.']
    """
    return [template.replace("{}", name) for template in templates]
