"""What a flag or a file says, as an audit of written words takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clipprobe.errors import ConfigError
from clipprobe.lines import read_text


def read_synonyms(value: Any) -> Any:
    """A YAML file of names and lists of names that mean the same; a mapping is left as it is.

    Raises:
        DataError: the file cannot be read.
        ConfigError: it is of another form.
    """
    if not isinstance(value, str | Path):
        return value
    from clipprobe.yamltext import parse_yaml

    text = read_text(Path(value), "synonyms file")
    try:
        groups = parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"The synonyms file {value} is not valid YAML: {error}.") from None
    if not isinstance(groups, dict) or not all(isinstance(v, list) for v in groups.values()):
        raise ConfigError(
            f"The synonyms file {value} is not a mapping of names to lists: write for example "
            "'apple: [Granny Smith]'."
        )
    return {str(name): [str(other) for other in others] for name, others in groups.items()}


def strategy_or_file(words: Any) -> Any:
    """In a file a text is a strategy, or the path of a list."""
    if not isinstance(words, str):
        return words
    from attacks.typographic.words import STRATEGIES

    return words if words.replace("_", "-") in STRATEGIES else Path(words)
