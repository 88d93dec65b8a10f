"""Data-set cards: who annotated the groups, how, under which licence, with which known noise.

Cards of known data sets ship with clipprobe and hold only what could be verified; everything else
is "not stated". Without a card a report is stamped :data:`UNDOCUMENTED`. A card is a YAML file::

    title: My faces
    annotation: annotated        # or self-reported, generated, mixed
    annotators: three paid raters per image
    licence: CC BY 4.0
    known_noise: raters disagree on 8 % of ages

Form: a short datasheet (Gebru et al. 2018, arXiv:1803.09010), cut to what a report needs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from clipprobe.errors import ConfigError, DataError, nearest
from clipprobe.runs.jsonio import AsJson
from clipprobe.yamltext import parse_yaml

NOT_STATED = "not stated"
UNDOCUMENTED = (
    "UNDOCUMENTED DATA: no card says who annotated these groups, how, under which licence or with "
    "whose consent. Nothing in this report can be relied on before that is known: give --card."
)
DRAWN_PEOPLE = "clipprobe-people"  # the card of the people that the bundled model was taught on
ANNOTATIONS = ("annotated", "self-reported", "generated", "mixed", NOT_STATED)
_REQUIRED = ("title", "annotation", "annotators", "licence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card(AsJson):
    """What is known about a data set; ``not stated`` where nothing is.

    ``title``: its name. ``annotation``: how groups are known (``annotated`` by others,
    ``self-reported``, ``generated``). ``annotators``: who. ``agreement``: how many, and how far
    they agreed. ``attributes``: groups and their values. ``size``: images. ``licence``.
    ``consent``: of the people pictured. ``known_noise``: errors on record. ``uses``: what it may
    not be used for. ``link``: where it is. ``source``: where these statements come from.
    """

    title: str
    annotation: str
    annotators: str
    licence: str
    agreement: str = NOT_STATED
    attributes: str = NOT_STATED
    size: str = NOT_STATED
    consent: str = NOT_STATED
    known_noise: str = NOT_STATED
    uses: str = NOT_STATED
    link: str = NOT_STATED
    source: str = NOT_STATED


@cache
def card_names() -> tuple[str, ...]:
    """Names of the cards that ship."""
    folder = resources.files("clipprobe") / "assets" / "bias" / "cards"
    names = (one.name for one in folder.iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def read_card(card: str | Path) -> Card:
    """A shipped card by its name, or a card of the user's by its path.

    Raises:
        DataError: there is no such card or file, or it is not YAML. ConfigError: it lacks
            something required, has an unknown key, or its annotation is of no known kind.
    """
    if isinstance(card, str) and card in card_names():
        resource = resources.files("clipprobe") / "assets" / "bias" / "cards" / f"{card}.yaml"
        return parse_card(resource.read_text(encoding="utf-8"), card)
    path = Path(card)
    try:
        if path.stat().st_size > 1 << 20:
            raise DataError(f"The card {path} is larger than 1 MiB: a card is a short YAML file.")
        return parse_card(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"There is no card {str(card)!r} that could be read ({type(error).__name__}): give a "
            f"YAML file, or one of {', '.join(card_names())}."
        ) from None


def parse_card(text: str, where: str) -> Card:
    """A card from its YAML text; see :func:`read_card`."""
    try:
        loaded: Any = parse_yaml(text)
    except ValueError as error:
        raise DataError(f"The card {where} is not valid YAML: {error}.") from None
    if not isinstance(loaded, dict):
        raise ConfigError(f"The card {where} must be a mapping of fields to text.")
    known = [field.name for field in fields(Card)]
    for key in loaded:
        if key not in known:
            hint = nearest(str(key), known)
            raise ConfigError(f"The card {where} has the unknown field {key!r}: {hint}")
    for name in _REQUIRED:
        if not str(loaded.get(name) or "").strip():
            raise ConfigError(
                f"The card {where} says nothing about {name!r}: write it, or '{NOT_STATED}'."
            )
    values = {key: " ".join(str(value).split()) for key, value in loaded.items() if value}
    if values["annotation"] not in ANNOTATIONS:
        raise ConfigError(
            f"The card {where} has the annotation {values['annotation']!r}: it is one of "
            f"{', '.join(ANNOTATIONS)}."
        )
    return Card(**values)
