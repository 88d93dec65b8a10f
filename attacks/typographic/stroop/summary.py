"""``summary.json`` of a Stroop audit: headline, numbers by presentation, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attacks.typographic.stroop.scoring import Columns, summarise_rows
from clipprobe.statistics import Estimate, undefined

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
