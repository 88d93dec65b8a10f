"""Sentences that a class name is put into.

A bare name is ambiguous and unlike the captions that CLIP models saw, so a class is described by
several sentences and their embeddings are averaged (Radford et al. 2021, arXiv:2103.00020,
section 3.1.4). These few are general on purpose: they favour no data set, and use only words that
the small vocabulary of the bundled model has learned.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from clipprobe.errors import ConfigError, DataError

TEMPLATES: tuple[str, ...] = ("a {}", "a photo of a {}", "a picture of a {}", "this is a {}")
"""General templates; ``{}`` stands for the class name."""
_PLACE = re.compile(r"\b([Aa]) \{\}")
# Spelling is not sound: the usual exceptions, by how the word starts.
_SOUNDS_CONSONANT = ("uni", "use", "usu", "util", "eu", "ewe", "one", "once")
_SOUNDS_VOWEL = ("honest", "honour", "honor", "hour", "heir")


def check_templates(templates: Iterable[str], *, once: bool = False) -> tuple[str, ...]:
    """The templates as a tuple.

    Args:
        once: Refuse a template in which ``{}`` stands twice.
    Raises:
        ConfigError: there are none, one has no ``{}``, or a single string was given.
    """
    if isinstance(templates, str):
        raise ConfigError(
            f"A list of templates was expected and the text {templates!r} was given: "
            "put it in a list."
        )
    checked = tuple(templates)
    if not checked:
        raise ConfigError("No template was given: give at least one, for example 'a photo of a {}'")
    for template in checked:
        if "{}" not in template:
            raise ConfigError(
                f"The template {template!r} has no {{}} where the class name goes: add one."
            )
        if once and template.count("{}") > 1:
            raise ConfigError(f"The template {template!r} has several {{}}: keep one of them.")
    return checked


def check_classes(classes: Iterable[str]) -> tuple[str, ...]:
    """The class names as a tuple.

    Raises:
        DataError: there are none, one is blank or not a text, or two are the same.
    """
    if isinstance(classes, str):
        raise DataError(
            f"A list of classes was expected and the text {classes!r} was given: put it in a list."
        )
    checked = tuple(classes)
    if not checked:
        raise DataError("No class was given: give at least one class name.")
    for name in checked:
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"The class name {name!r} is not a text with a word in it.")
    for name, count in Counter(checked).items():
        if count > 1:
            raise DataError(f"The class {name!r} was given {count} times: keep one of them.")
    return checked


def article(word: str) -> str:
    """``a`` or ``an`` before a word.

    Example:
        >>> [article(word) for word in ("doctor", "artist", "university lecturer", "heir")]
        ['a', 'an', 'a', 'an']
    """
    start = word.strip().lower()
    if start.startswith(_SOUNDS_VOWEL):
        return "an"
    return "an" if start[:1] in "aeiou" and not start.startswith(_SOUNDS_CONSONANT) else "a"


def fill(templates: Iterable[str], name: str, *, articles: bool = False) -> list[str]:
    """Every template with the class name in it.

    Args:
        articles: Whether an ``a`` before the name becomes ``an`` where it must.

    Example:
        >>> fill(["a photo of a {}."], "dog"), fill(["a {}"], "artist", articles=True)
        (['a photo of a dog.'], ['an artist'])
    """
    if articles and article(name) == "an":
        templates = [_PLACE.sub(r"\1n {}", template) for template in templates]
    return [template.replace("{}", name) for template in templates]
