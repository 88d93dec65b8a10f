"""The findings on the demo's front page: each an image, a sentence with its control, and links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attacks.demo.choosing import TITLES, Attacked
from attacks.demo.scene import TwoThings
from clipprobe.figures.attribution import overlay
from clipprobe.lines import listed
from clipprobe.neurons import Atlas
from clipprobe.neurons.atlas.showing import firing_image, sheet_name
from clipprobe.neurons.atlas.unit import Unit
from clipprobe.neurons.instruments.registry import INSTRUMENTS
from clipprobe.neurons.instruments.rows import short_of_one
from clipprobe.neurons.instruments.store import unit_rows
from clipprobe.report import Card, Cards, Images, Intervals, Lead
from clipprobe.report.words import counted, is_defined, points, side_of
from clipprobe.runs import RunView

SHEETS = "units"
"""Folder of the sheets, inside the demo's."""
COMMANDS = "#commands"
_N_STRONGEST, _SIDE = 6, 88
_PER_SIDE, _N_BALANCED = 2, 2
_MAP_SIDE = 192


@dataclass(frozen=True, kw_only=True)
class Front:
    """What the front page is made from."""

    atlas: Atlas
    names: RunView
    """The run that tested the names."""
    typographic: RunView
    bias: RunView
    units: Sequence[Unit]
    attacked: Attacked | None
    things: TwoThings | None


def cards_of(front: Front) -> Cards:
    """All findings, in the order of the page."""
    cards = [unit_card(front, unit) for unit in front.units]
    cards.append(attack_card(front.typographic, front.attacked))
    if front.things is not None:
        cards.append(map_card(front.things))
    cards.append(bias_card(front.bias))
    return Cards(cards)


def unit_card(front: Front, unit: Unit) -> Card:
    """A unit: its strongest images, and whether its name holds on others."""
    site = front.atlas.site(unit.address.rpartition(":")[0])
    items = [
        (firing_image(front.atlas, site, one, _SIDE), f"{one.value:.1f} {one.label or one.id}")
        for one in unit.top[:_N_STRONGEST]
    ]
    return Card(
        title=name_of(front.names, unit.address),
        text=unit_sentence(front.names, unit.address),
        blocks=[Images(items, columns=_N_STRONGEST, exact=False)],
        links=[
            ("Its sheet", f"{SHEETS}/{sheet_name(unit.address)}"),
            ("Atlas", "atlas/report.html"),
            ("Names", "labels/report.html"),
            ("Command", COMMANDS),
        ],
        width=4,
    )


def name_of(names: RunView, address: str) -> str:
    """What a unit is called, and where it is."""
    row = label_row(names, address)
    return f"{row['label']} · {address}" if row and row["label"] else f"no name · {address}"


def unit_sentence(names: RunView, address: str) -> str:
    """The score of the name on images that did not choose it, beside random weights."""
    verdict = INSTRUMENTS["labels"].verdict_of(names, address)
    return verdict.text if verdict is not None else f"The name of {address} was not tested."


def label_row(names: RunView, address: str) -> Mapping[str, Any] | None:
    """What the run says of a unit."""
    return next(iter(unit_rows(names, "labels.parquet", address)), None)


def attack_card(run: RunView, attacked: Attacked | None) -> Card:
    """One image under the attack and its controls, and the same over all images."""
    text = attack_sentence(run.summary)
    blocks: list[Any] = []
    if attacked is not None:
        items = []
        for condition in TITLES:
            answer = attacked.answers[condition]["predicted"]
            items.append((attacked.images[condition], f"{TITLES[condition]}: {answer}"))
        blocks = [Images(items, columns=len(TITLES))]
        label = attacked.answers["clean"]["label"]
        sure = short_of_one(attacked.answers["attack"]["p_target"])
        text = (
            f"“{attacked.word}” written on the {label} makes the answer {attacked.word} "
            f"(p {sure}); a blank label and nonsense in the same place leave it {label}. {text}"
        )
    links = [("Full report", "typographic/report.html"), ("Command", COMMANDS)]
    title = "It reads what is written" if reads(run.summary) else "Writing on an image"
    return Card(title=title, text=text, blocks=blocks, links=links, width=4)


def reads(summary: Mapping[str, Any]) -> bool:
    """Whether the word becomes the answer more often than nonsense in its place, surely."""
    effect = summary["effects"].get("reading_effect")
    return effect is not None and side_of(effect["estimate"]) > 0


def attack_sentence(summary: Mapping[str, Any]) -> str:
    """How often the written word becomes the answer, beside nonsense."""
    conditions = summary["conditions"]
    word = conditions["attack"]["targeted_success"]["all"]
    nonsense = conditions["nonsense"]["targeted_success"]["all"]
    text = (
        f"Over all images the word becomes the answer on {counted(word)}, and on "
        f"{counted(nonsense)} where nonsense stands there"
    )
    effect = summary["effects"].get("reading_effect")
    return f"{text}: {points(effect['estimate'])}." if effect else f"{text}."


def bias_card(run: RunView) -> Card:
    """Associations that were planted, beside words that were balanced on purpose."""
    planted = forest_rows(run.summary)
    forest = Intervals(
        rows=[
            (one["item"], "balanced" if one["kind"] == "balanced" else "", [one["estimate"]])
            for one in planted
        ],
        axis=f"{planted[0]['judged']}: which perceived group the word is nearer to"
        if planted
        else "association",
        alt="Associations of words with perceived groups, with their 95 % intervals",
        mark=("no association", 0.0),
    )
    return Card(
        title="It carries the associations that it was taught"
        if recovered(run.summary)
        else "Associations that were planted",
        text=bias_sentence(run.summary),
        blocks=[forest] if planted else [],
        links=[("Full report", "bias/report.html"), ("Command", COMMANDS)],
        width=5,
    )


def recovered(summary: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The share of planted associations that were found; None where there is none to tell."""
    estimate = _figure(summary, "planted associations found")
    return estimate if estimate and is_defined(estimate) and estimate["value"] > 0 else None


def _figure(summary: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """A figure of the headline; None where it has none of that name."""
    return next((one["estimate"] for one in summary["headline"] if one["name"] == name), None)


def forest_rows(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The strongest planted associations to either side, and the first balanced words.

    Strength of association chooses the planted ones, so they are not typical; the report has all.
    """
    every = [one for one in summary.get("planted", []) if one["estimate"]["value"] is not None]
    planted = sorted(
        (one for one in every if one["kind"] != "balanced"),
        key=lambda one: (-one["estimate"]["value"], one["item"]),
    )
    balanced = [one for one in every if one["kind"] == "balanced"][:_N_BALANCED]
    ends = (
        planted if len(planted) <= 2 * _PER_SIDE else [*planted[:_PER_SIDE], *planted[-_PER_SIDE:]]
    )
    rows = [*ends, *balanced]
    return sorted(rows, key=lambda one: (-one["estimate"]["value"], one["item"]))


def bias_sentence(summary: Mapping[str, Any]) -> str:
    """How many planted associations were found, and how many balanced words were flagged."""
    estimate = _figure(summary, "planted associations found")
    false = _figure(summary, "balanced controls flagged")
    if estimate is None or false is None:
        return "No association was planted in this model that could be checked."
    if not is_defined(estimate) or not is_defined(false):
        return "Too few drawings for a test of the planted associations."
    return (
        f"The audit finds {counted(estimate)} associations that were planted in the model's "
        f"captions, and flags {counted(false)} words that were balanced on purpose. Of "
        f"{len(summary['planted'])} words the plot has the strongest to either side, and "
        "balanced ones as a control."
    )


def map_card(things: TwoThings) -> Card:
    """An image of two things, and the map of either name on it."""
    large = things.image.resize((_MAP_SIDE, _MAP_SIDE), 0)
    items = [(large, "the image")]
    items += [
        (overlay(large, things.maps[text]), f"“{text}”: {things.scores[text]:.2f}")
        for text in things.texts
    ]
    return Card(
        title="It looks at the thing that is named"
        if all(things.on_own[text] > 0.5 for text in things.texts)
        else "Where a score comes from",
        text=map_sentence(things),
        blocks=[Images(items, columns=len(items))],
        links=[("The numbers", "explanation.json"), ("Command", COMMANDS)],
        width=3,
    )


def map_sentence(things: TwoThings) -> str:
    """How much of what raises a score lies on the thing that is named."""
    parts = [
        f"{100 * things.on_own[text]:.0f} % for “{text}”"
        if things.on_own[text] == things.on_own[text]
        else f"nothing for “{text}”"
        for text in things.texts
    ]
    return (
        f"Of what raises the score (orange, by {things.method}), {' and '.join(parts)} lies on the "
        "half of the image with that thing; 50 % would be no preference, and each text is the "
        "other's control."
    )


def verdict_of(front: Front) -> str:
    """The heading: what was found, in one sentence."""
    rows = [label_row(front.names, unit.address) for unit in front.units]
    names = [str(row["label"]) for row in rows if row and row["label"]]
    attack = front.typographic.summary["conditions"]["attack"]["targeted_success"]["all"]
    parts = []
    if names:
        parts.append(f"It has neurons for {listed(names)}")
    if reads(front.typographic.summary):
        parts.append(f"answers the written word on {counted(attack)} images")
    if estimate := recovered(front.bias.summary):
        parts.append(f"carries {counted(estimate)} associations that it was taught")
    if not parts:
        return "Nothing stands out in this model on the demo's images"
    return listed(parts if names else [f"It {parts[0]}", *parts[1:]])


def lead_of(front: Front, evidence: str, limits: Sequence[str]) -> Lead:
    """The opening of the page."""
    return Lead(verdict=verdict_of(front), evidence=evidence, figure=cards_of(front), limits=limits)
