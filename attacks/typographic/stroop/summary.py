"""From answers to ``summary.json``: how often the ink, the word, or another colour is named.

Each card is asked twice over one encoding: for the ink (``written in the color {}``) and for the
word. A *reading effect* is what the word does beyond its letters' mere presence: the share of
answers that are the written colour on incongruent cards, minus the share of the same colour on the
control card of the same ink and design. *Interference* is what it costs: the share that names the
ink on control cards minus the share that does on incongruent ones.

Intervals: Wilson where each row stands for itself, else over clusters. Cards of one ink and word
are one cluster; a difference against the control is clustered by ink, whose control card is used
with every word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.typographic.scoring.metrics import rate
from attacks.typographic.stroop.lead import KINDS
from clipprobe.statistics import Estimate, difference_of_paired_proportions, undefined

#: One row per card. ``ink_answer`` is the answer to the question for the ink, and so on.
COLUMNS = {
    "card": "string",
    "presentation": "string",
    "kind": "string",
    "ink": "string",
    "word": "string",
    "variant": "int32",
    "font": "string",
    "size": "float",
    "ground": "string",
    "ink_answer": "string",
    "p_ink": "float",
    "p_word": "float",
    "word_answer": "string",
    "p_read": "float",
}
Columns = Mapping[str, npt.NDArray[Any]]
HEADLINE = {
    "control_ink_accuracy": "share of control cards (a word that is not a colour) whose ink is "
    "named: whether the model knows the ink at all",
    "incongruent_word_rate": "share of incongruent cards answered with the written colour, when "
    "asked for the ink",
    "incongruent_ink_rate": "share of incongruent cards answered with the ink",
    "reading_effect": "share of incongruent cards answered with the written colour, minus the "
    "share of their control cards answered with that colour",
    "interference": "share of control cards whose ink is named, minus that of incongruent cards",
    "word_read": "share of incongruent cards whose word is named, when asked for the word",
}


def summarise(data: Columns, *, inks: Sequence[str], seed: int) -> dict[str, Any]:
    """All numbers of an audit, from the columns of its result table."""
    presentations = summarise_rows(data, seed=seed)
    first = "upright" if "upright" in presentations else next(iter(presentations))
    return {
        "kind": "stroop",
        "headline": headline(presentations[first]),
        "headline_of": first,
        "n": {"cards": len(data["card"]), "inks": len(inks)},
        "presentations": presentations,
        "warnings": warnings(presentations, n_inks=len(inks)),
    }


def headline(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The few numbers of one presentation."""
    kinds = results["kinds"]

    def of(kind: str, name: str) -> Estimate:
        missing = undefined(f"there is no {kind} card")
        estimate: Estimate = kinds.get(kind, {}).get(name, missing)
        return estimate

    effect, cost = results["reading_effect_over_control"], results["interference_over_control"]
    if not effect.defined:  # a folder without control cards may have nonsense words
        effect, cost = (
            results["reading_effect_over_nonsense"],
            results["interference_over_nonsense"],
        )
    estimates = {
        "control_ink_accuracy": of("control", "ink"),
        "incongruent_word_rate": of("incongruent", "word"),
        "incongruent_ink_rate": of("incongruent", "ink"),
        "reading_effect": effect,
        "interference": cost,
        "word_read": of("incongruent", "read"),
    }
    return [
        {"name": name, "estimate": estimates[name], "meaning": meaning}
        for name, meaning in HEADLINE.items()
    ]


def warnings(by_presentation: Mapping[str, Any], *, n_inks: int) -> list[str]:
    """What a reader must know before using the numbers."""
    texts = []
    for name, part in by_presentation.items():
        control = part["kinds"].get("control") or part["kinds"].get("nonsense")
        if control is None:
            texts.append(
                f"{name}: there is no card with a word that is not a colour, so nothing says "
                "whether the model knows the ink at all, and what is reading cannot be told from "
                "guessing."
            )
        elif not control["ink"].low > 1 / n_inks:
            estimate = control["ink"]
            texts.append(
                f"{name}: with a word that is not a colour the ink is named on "
                f"{estimate.value:.0%} of the cards, interval from {estimate.low:.0%} "
                f"(guessing gives {1 / n_inks:.0%})"
                ": it cannot be shown that the model knows the ink, so a low ink rate on other "
                "cards is not a sign of reading."
            )
        answers = np.asarray(part["matrix"]["says_ink"], dtype=float)
        if np.isnan(answers).any():
            texts.append(f"{name}: not every ink comes with every word; empty cells are blank.")
    return texts


def summarise_rows(data: Columns, *, seed: int) -> dict[str, Any]:
    """All numbers, by presentation.

    Args:
        data: Columns of :data:`COLUMNS`; ``word_answer`` may be null where nobody asked.
    """
    names = list(dict.fromkeys(data["presentation"].tolist()))
    return {name: _presentation(_where(data, "presentation", name), seed=seed) for name in names}


def _presentation(data: Columns, *, seed: int) -> dict[str, Any]:
    kinds = {kind: _where(data, "kind", kind) for kind in KINDS}
    numbers: dict[str, Any] = {
        "kinds": {kind: _kind(part, seed=seed) for kind, part in kinds.items() if len(part["card"])}
    }
    for name in ("control", "nonsense"):
        numbers[f"reading_effect_over_{name}"], numbers[f"interference_over_{name}"] = _against(
            kinds["incongruent"], kinds[name], name, seed=seed
        )
    numbers["matrix"] = matrix(data)
    return numbers


def _kind(part: Columns, *, seed: int) -> dict[str, Any]:
    """Shares of the answers to both questions on cards of one kind."""
    clusters = np.char.add(np.char.add(part["ink"].astype(str), "\x1f"), part["word"].astype(str))
    ink = part["ink_answer"] == part["ink"]
    word = (part["ink_answer"] == part["word"]) & ~ink
    numbers: dict[str, Any] = {
        "ink": rate(ink, clusters, seed=seed),
        # Elsewhere the word is the ink, or no answer that could be given.
        "word": rate(word, clusters, seed=seed)
        if part["kind"][0] == "incongruent"
        else undefined("on these cards the word is not another colour"),
        "other": rate(~ink & ~word, clusters, seed=seed),
        "mean_p_ink": _mean(part["p_ink"]),
        "mean_p_word": _mean(part["p_word"]),
        "n": len(ink),
    }
    answered = np.array([answer is not None for answer in part["word_answer"]], dtype=bool)
    if answered.any():
        read = part["word_answer"][answered] == part["word"][answered]
        numbers["read"] = rate(np.asarray(read, bool), clusters[answered], seed=seed)
    return numbers


def _against(
    incongruent: Columns, plain: Columns, name: str, *, seed: int
) -> tuple[Estimate, Estimate]:
    """Reading effect and interference against cards whose word is not a colour."""
    answers: dict[tuple[Any, Any], list[str]] = {}
    for ink, variant, answer in zip(
        plain["ink"], plain["variant"], plain["ink_answer"], strict=True
    ):
        answers.setdefault((ink, variant), []).append(answer)
    rows: list[tuple[bool, bool, bool, bool, str]] = []
    for ink, word, variant, answer in zip(
        *(incongruent[c] for c in ("ink", "word", "variant", "ink_answer")), strict=True
    ):
        for other in answers.get((ink, variant), []):
            rows.append((answer == word, other == word, other == ink, answer == ink, str(ink)))
    if not rows:
        missing = undefined(f"there is no incongruent card with a {name} card of its ink")
        return missing, missing
    hit, hit_plain, ink_plain, ink_hit, clusters = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    return (
        difference_of_paired_proportions(hit, hit_plain, clusters=clusters, seed=seed),
        difference_of_paired_proportions(ink_plain, ink_hit, clusters=clusters, seed=seed),
    )


def matrix(data: Columns) -> dict[str, Any]:
    """Share of cards answered with the word, and with the ink, by ink (rows) and word."""
    inks = list(dict.fromkeys(data["ink"].tolist()))
    words = list(dict.fromkeys(data["word"].tolist()))
    says_word = np.full((len(inks), len(words)), np.nan)
    says_ink = says_word.copy()
    for i, ink in enumerate(inks):
        for j, word in enumerate(words):
            rows = (data["ink"] == ink) & (data["word"] == word)
            if rows.any():
                says_word[i, j] = float(np.mean(data["ink_answer"][rows] == word))
                says_ink[i, j] = float(np.mean(data["ink_answer"][rows] == ink))
    return {
        "inks": inks,
        "words": words,
        "says_word": says_word.tolist(),
        "says_ink": says_ink.tolist(),
    }


def columns_of(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """Rows as columns; a key that a row lacks is None."""
    return {name: np.array([row.get(name) for row in rows], dtype=object) for name in COLUMNS}


def _where(data: Columns, column: str, value: str) -> Columns:
    rows = np.flatnonzero(data[column] == value)
    return {name: values[rows] for name, values in data.items()}


def _mean(values: npt.NDArray[Any]) -> float | None:
    known = [float(v) for v in values if v is not None and v == v]
    return float(np.mean(known)) if known else None
