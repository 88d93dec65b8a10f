"""From flags and ``--config`` files to the arguments of the audits of written words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clipprobe.cli.common import say
from clipprobe.cli.knobs import parsed_knobs
from clipprobe.errors import ConfigError


def parsed(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as the audit takes them: texts of flags become places, numbers and mappings."""
    options = dict(settings)
    if "words" in options and isinstance(options["words"], str):
        options["words"] = _strategy_or_file(options["words"])
    options.update(parsed_knobs(options))
    if options.get("synonyms") is not None and not isinstance(options["synonyms"], dict):
        options["synonyms"] = read_synonyms(Path(str(options["synonyms"])))
    for name in ("forbidden", "allowed"):
        if isinstance(options.get(name), str | Path):
            from attacks.typographic.words import read_list

            options[name] = read_list(Path(str(options[name])), f"{name} word")
    for name in ("fail_under", "fail_over"):
        if name in options and not isinstance(options[name], dict):
            options[name] = thresholds_of(options[name], flag=name)
    return options


def thresholds_of(texts: Sequence[str], flag: str = "fail_under") -> dict[str, float]:
    """``METRIC=NUMBER`` texts as a mapping.

    Raises:
        ConfigError: a text is of another form.
    """
    found = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            number = "nan"
        if not math.isfinite(float(number)):
            raise ConfigError(
                f"--{flag.replace('_', '-')} {text!r} is not METRIC=NUMBER: give for example "
                f"{'attacked_accuracy=0.6' if flag == 'fail_under' else 'targeted_success=0.2'}."
            )
    return found


def read_synonyms(path: Path) -> dict[str, list[str]]:
    """A YAML mapping of names to lists of names that mean the same.

    Raises:
        ConfigError: the file cannot be read or is of another form.
    """
    from clipprobe.yamltext import parse_yaml

    try:
        found = parse_yaml(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or f"it is not valid YAML: {error}"
        raise ConfigError(f"The synonyms file {path} could not be read ({reason}).") from None
    if not isinstance(found, dict) or not all(isinstance(v, list) for v in found.values()):
        raise ConfigError(
            f"The synonyms file {path} is not a mapping of names to lists: write for example "
            "'apple: [Granny Smith]'."
        )
    return {str(name): [str(other) for other in others] for name, others in found.items()}


def _strategy_or_file(text: str) -> str | Path:
    from attacks.typographic.words import STRATEGIES

    return text if text.replace("_", "-") in STRATEGIES else Path(text)


def say_twice(classes: Path | None) -> None:
    """Say which names stand in a class file twice, in any spelling; it may be meant (ImageNet)."""
    if classes is None:
        return
    from attacks.typographic.words import read_list
    from clipprobe.zeroshot.classes import key

    names = read_list(classes, "class")
    counts = Counter(key(name) for name in names)
    seen = {key(name): name for name in reversed(names)}  # in the first spelling
    if twice := [seen[one] for one, n in counts.items() if n > 1]:
        named = ", ".join(map(repr, twice[:5])) + (", ..." if len(twice) > 5 else "")
        say(
            f"The class file {classes} names {named} more than once: an answer of either counts "
            "for both, and no strategy writes such a name."
        )


def word_source(
    file: Path | None, words: list[str] | None, strategy: str | None, budget: int | None
) -> str | Path | list[str] | dict[str, Any] | None:
    """Where the attack words come from, as the audit takes it; None where no flag says.

    Raises:
        ConfigError: flags that exclude each other, or a budget without what spends it.
    """
    if words and (file or strategy):
        raise ConfigError(
            "--words, --word and --strategy were given together: choose one source of words, or "
            "join --strategy with --words."
        )
    if budget is not None and (strategy or "").replace("_", "-") != "brute-force":
        raise ConfigError("--budget is that of --strategy brute-force: give both, or neither.")
    if strategy and (file or budget):
        parts = {"strategy": strategy, "file": file, "budget": budget}
        return {name: part for name, part in parts.items() if part is not None}
    return file or words or strategy
