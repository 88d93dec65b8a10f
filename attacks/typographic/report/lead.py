"""The opening of a typographic audit: does it read, what is lost, and against which control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipprobe.figures.typographic import TITLES, in_order
from clipprobe.report import Intervals, Lead
from clipprobe.report.words import (
    counted,
    is_defined,
    percent,
    points,
    reason_of,
    share,
    side_of,
    value_of,
)


def lead_of(summary: Mapping[str, Any]) -> Lead:
    """The verdict of an audit, from its summary."""
    conditions = summary["conditions"]
    verdict, evidence = _statement(summary)
    rows = []
    for name in in_order(conditions):
        one = conditions[name]
        hit = one.get("targeted_success", {}).get("all")
        rows.append((TITLES[name], "", [one["accuracy"]["all"], hit]))
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=rows,
            series=("answered with the true class", "answered with the written word"),
            axis="share of the images, with 95 % intervals",
            alt="Share of images answered with the true class and with the written word, by what "
            "is written",
            percent=True,
        ),
    )


def _statement(summary: Mapping[str, Any]) -> tuple[str, str]:
    conditions, effects = summary["conditions"], summary["effects"]
    attack = conditions.get("attack") or conditions.get("synth")
    clean = conditions.get("clean")
    if attack is None:
        return (
            "Nothing can be said about reading: no attacked image could be scored",
            "See the notes for what was left out.",
        )
    lost = ""
    if clean is not None:
        lost = (
            f"Accuracy goes from {percent(clean['accuracy']['all'])} without text to "
            f"{share(attack['accuracy']['all'])} with it."
        )
    hits = attack.get("targeted_success", {}).get("all")
    if hits is None or not is_defined(hits):
        why = "no written word means one of the classes" if hits is None else reason_of(hits)
        among = f"{lost} {_among_words(summary)}".strip()
        return f"Whether it reads cannot be said: {why}", among or "See the notes below."
    reading = effects.get("reading_effect")
    if reading is None or not is_defined(reading["estimate"]):
        return (
            f"On {percent(hits)} of the attacked images the answer is what is written",
            f"{share(hits)}. There is no nonsense word in the same place to compare with, so this "
            f"is reading or clutter. {lost}",
        )
    effect = reading["estimate"]
    nonsense = conditions.get("nonsense", {}).get("targeted_success", {}).get("all")
    control = (
        "" if nonsense is None else f" (with a nonsense word in its place: {counted(nonsense)})"
    )
    evidence = (
        f"Beyond a nonsense word in the same place: {points(effect)}. {lost}{_hidden(effects)}"
    )
    if side_of(effect) > 0:
        return (
            f"It reads the word: on {percent(hits)} of the images the answer becomes what was "
            f"written{control}",
            evidence,
        )
    if side_of(effect) < 0:
        return "The written word is answered less often than with a nonsense word", evidence
    return (
        "It is not shown to read: the written word is answered no more often than with nonsense "
        f"in its place ({counted(hits)})",
        evidence,
    )


def _among_words(summary: Mapping[str, Any]) -> str:
    """What words that mean no class do where they are candidates themselves."""
    success = summary.get("candidate_sets", {}).get("union", {}).get("targeted_success")
    if success is None or not is_defined(success):
        return ""
    return (
        "Where the written words are candidates too, the answer becomes the word on "
        f"{share(success)} of the images that were right."
    )


def _hidden(effects: Mapping[str, Any]) -> str:
    """What a blank label alone costs."""
    hiding = effects.get("accuracy_lost_to_hiding")
    if hiding is None or side_of(hiding["estimate"]) <= 0:
        return ""
    cost = round(100 * value_of(hiding["estimate"]))
    return f" A blank label alone costs {cost} points of it: it hides the object."
