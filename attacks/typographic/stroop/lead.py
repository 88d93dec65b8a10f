"""The opening of a Stroop audit: does the written colour draw the answer away from the ink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipprobe.report import Intervals, Lead
from clipprobe.report.words import is_defined, percent, points, reason_of, share, side_of

KINDS = ("congruent", "incongruent", "control", "nonsense")
_NOTES = {
    "congruent": "the word is the ink",
    "incongruent": "the word is another colour",
    "control": "the word is not a colour",
    "nonsense": "the word means nothing",
}


def lead_of(summary: Mapping[str, Any]) -> Lead:
    """The verdict of a Stroop audit, from its summary."""
    first = summary["headline_of"]
    kinds = summary["presentations"][first]["kinds"]
    verdict, evidence = _statement(summary)
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[
                (f"{name} cards", _NOTES[name], [kinds[name]["ink"], _or_none(kinds[name]["word"])])
                for name in KINDS
                if name in kinds
            ],
            series=("names the ink", "names the written colour"),
            axis=f"share of the {first} cards, asked for the ink, with 95 % intervals",
            alt="Share of cards answered with the ink and with the written colour, by kind of card",
            mark=("guessing", 1 / summary["n"]["inks"]),
            percent=True,
        ),
    )


def _or_none(estimate: Any) -> Any:
    """On a card whose word is not another colour, none can be named."""
    return estimate if is_defined(estimate) else None


def _statement(summary: Mapping[str, Any]) -> tuple[str, str]:
    headline = {item["name"]: item["estimate"] for item in summary["headline"]}
    ink, effect = headline["control_ink_accuracy"], headline["reading_effect"]
    word = headline["incongruent_word_rate"]
    guessing = 1 / summary["n"]["inks"]
    knows = (
        f"With a word that is not a colour the ink is named on {share(ink)} of the cards "
        f"(guessing: {100 * guessing:.0f} %)."
    )
    if not is_defined(effect):
        return f"Whether the word wins over the ink cannot be said: {reason_of(effect)}", knows
    beyond = f"Beyond a word that is not a colour: {points(effect)}. {knows}"
    if side_of(effect) > 0:
        return (
            f"The written colour draws the answer: on {percent(word)} of the cards where word and "
            "ink differ the word is named",
            beyond,
        )
    if side_of(ink, guessing) <= 0:
        return (
            "Nothing can be said about word against ink: the model is not shown to know the ink",
            beyond,
        )
    return "No pull of the written colour is shown where word and ink differ", beyond
