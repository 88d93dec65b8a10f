"""What a flag or a file says, as an audit of written words takes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clipprobe.errors import ConfigError


def thresholds(flag: str) -> Callable[[Any], Any]:
    """A reader of ``METRIC=NUMBER`` texts for ``BeforeValidator``; a mapping is left as it is."""

    def read(texts: Any) -> Any:
        if not isinstance(texts, list | tuple):
            return texts
        found = {}
        example = "attacked_accuracy=0.6" if flag == "fail-under" else "targeted_success=0.2"
        for text in texts:
            name, _, number = str(text).partition("=")
            try:
                found[name.strip()] = float(number)
            except ValueError:
                number = "nan"
            if not math.isfinite(float(number)):
                raise ConfigError(
                    f"--{flag} {text!r} is not METRIC=NUMBER: give for example {example}."
                )
        return found

    return read


def read_synonyms(given: Any) -> Any:
    """A YAML file of names and lists of names that mean the same; a mapping is left as it is.

    Raises:
        ConfigError: the file cannot be read or is of another form.
    """
    if not isinstance(given, str | Path):
        return given
    from clipprobe.yamltext import parse_yaml

    try:
        found = parse_yaml(Path(given).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or f"it is not valid YAML: {error}"
        raise ConfigError(f"The synonyms file {given} could not be read ({reason}).") from None
    if not isinstance(found, dict) or not all(isinstance(v, list) for v in found.values()):
        raise ConfigError(
            f"The synonyms file {given} is not a mapping of names to lists: write for example "
            "'apple: [Granny Smith]'."
        )
    return {str(name): [str(other) for other in others] for name, others in found.items()}


def listed(what: str) -> Callable[[Any], Any]:
    """A reader of a file of words for ``BeforeValidator``; a list is left as it is."""

    def read(given: Any) -> Any:
        if not isinstance(given, str | Path):
            return given
        from attacks.typographic.words import read_list

        return read_list(Path(given), what)

    return read


def strategy_or_file(words: Any) -> Any:
    """In a file a text is a strategy, or the path of a list."""
    if not isinstance(words, str):
        return words
    from attacks.typographic.words import STRATEGIES

    return words if words.replace("_", "-") in STRATEGIES else Path(words)
