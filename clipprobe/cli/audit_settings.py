"""From flags and ``--config`` files to the arguments of the audits of written words."""

from __future__ import annotations

from collections import Counter
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
    from attacks.typographic.texts import listed, read_synonyms, thresholds

    readers = {
        "synonyms": read_synonyms,
        "forbidden": listed("forbidden word"),
        "allowed": listed("allowed word"),
        "fail_under": thresholds("fail-under"),
        "fail_over": thresholds("fail-over"),
    }
    for name, read in readers.items():
        if options.get(name) is not None:
            options[name] = read(options[name])
    return options


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
