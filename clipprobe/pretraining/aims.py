"""What the bundled model's recipe aims at, beside what was measured.

The aims stood before the weights that they are for. A miss stays visible: the card prints every
aim, and ``evaluation.json`` of the bundled model says why, under ``missed``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A number of ``evaluation.json`` and the bound that it should keep."""

    name: str
    """Of the ability."""
    what: str
    """In a few words."""
    bound: float
    at_most: bool = False
    """The value should not exceed the bound; otherwise it should reach it."""

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.bound:.3g}"

    def reached(self, value: float | None) -> bool:
        """Whether the value keeps the bound; an undefined one does not."""
        if value is None or value != value:
            return False
        return value <= self.bound if self.at_most else value >= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class AimRow:
    """One row of the table of aims."""

    aim: Aim
    ability: Mapping[str, Any]
    """The measured ability, as in ``evaluation.json``."""
    reached: bool
    reason: str
    """Why it was missed; empty where it was reached or nobody has said."""

    @property
    def verdict(self) -> str:
        """``reached``, or ``missed`` and why."""
        if self.reached:
            return "reached"
        return f"missed: {self.reason}" if self.reason else "missed"


AIMS = (
    Aim(name="zero_shot_pictures", what="pictures", bound=0.95),
    Aim(name="zero_shot_drawings", what="drawings", bound=0.90),
    Aim(name="zero_shot_words", what="words", bound=0.92),
    Aim(name="other_pictures", what="by another hand: pictures", bound=0.85),
    Aim(name="other_words", what="by another hand: words", bound=0.80),
    Aim(name="other_unseen_style", what="by another hand: unseen style", bound=0.55),
    Aim(name="other_blank_cost", what="cost of a blank label", bound=0.12, at_most=True),
    Aim(name="other_nonsense_cost", what="cost of a nonsense word", bound=0.20, at_most=True),
    Aim(name="other_word_wins", what="a contradicting word wins", bound=0.30),
    Aim(name="other_word_cost", what="its cost beyond the nonsense word", bound=0.25),
    Aim(name="other_two_things", what="two things among the best 5", bound=0.60),
    Aim(name="other_four_things", what="four things among the best 10", bound=0.40),
    Aim(name="other_relations", what="relations", bound=0.75),
    Aim(name="other_counts", what="counts", bound=0.70),
    Aim(name="other_inks", what="inks", bound=0.60),
    *(
        Aim(name=f"{measure}_{name}", what=f"{what} {measure}", bound=bound, at_most=not bound)
        for measure in ("association", "retrieval")
        for name, what, bound in (
            ("skewed_found", "planted skews found by", 1.0),
            ("balanced_flagged", "balanced occupations flagged by", 0.0),
        )
    ),
    Aim(
        name="profile_embedding",
        what="embedding: units with one profile in all modalities",
        bound=126 / 128,
    ),
    Aim(name="profile_last_residual", what="the same after the last block", bound=190 / 192),
    Aim(
        name="profile_residual_before",
        what="the same after the last block but one",
        bound=110 / 192,
    ),
)


def aim_rows(
    abilities: Iterable[Mapping[str, Any]], missed: Mapping[str, str] | None = None
) -> list[AimRow]:
    """Every aim whose number was measured, in the order of :data:`AIMS`.

    Args:
        abilities: As in ``evaluation.json``.
        missed: Why an aim was missed, by name.
    """
    by_name = {ability["name"]: ability for ability in abilities}
    rows = []
    for aim in AIMS:
        if aim.name in by_name:
            ability = by_name[aim.name]
            reached = aim.reached(ability["value"])
            reason = "" if reached else (missed or {}).get(aim.name, "")
            rows.append(AimRow(aim=aim, ability=ability, reached=reached, reason=reason))
    return rows
