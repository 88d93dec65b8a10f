"""What every report about groups says beside its numbers: the data, the model and the limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bias.inputs.cards import UNDOCUMENTED
from attacks.bias.people import People
from attacks.bias.sections.limits import LIMITS, ORGANISM
from attacks.bias.sections.planted import is_organism
from clipprobe.report import Block, Paragraph, Section, Table, Warning

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveats:
    """What a reader must know.

    ``people``: whose images. ``organism``: whether the model was taught what is measured.
    ``notes``: about the data.
    """

    people: People
    organism: bool
    notes: tuple[str, ...]

    @property
    def limits(self) -> list[str]:
        """The limits that every report carries."""
        return [*LIMITS, *([ORGANISM] if self.organism else [])]

    @property
    def summary(self) -> dict[str, Any]:
        """Their part of ``summary.json``."""
        return {
            "card": self.people.documentation or UNDOCUMENTED,
            "notes": list(self.notes),
            "limits": self.limits,
        }

    @property
    def warnings(self) -> list[Block]:
        """What stands first in the report, whatever the data."""
        return [Warning(ORGANISM)] if self.organism else []

    @property
    def stamps(self) -> list[Block]:
        """What stands first in a report of group figures: also that nobody documented the data."""
        return [*self.warnings, *([Warning(UNDOCUMENTED)] if self.people.card is None else [])]

    @property
    def section(self) -> Section:
        """Who annotated the data, as its card says; the stamp where there is no card."""
        blocks: list[Block] = [Warning(UNDOCUMENTED)]
        card = self.people.documentation
        if card is not None:
            rows = [[name.replace("_", " "), text] for name, text in card.items()]
            blocks = [Table(["what", "as the card says"], rows, "The data set's card")]
        blocks += [Paragraph(note) for note in self.notes]
        return Section("The data, and who annotated it", blocks, id="data", short="Data")


def caveats_of(clip: Clip, people: People, notes: tuple[str, ...]) -> Caveats:
    """Those of a report that is not about planted words itself."""
    return Caveats(people=people, organism=is_organism(clip), notes=notes)


def question_section(blocks: Sequence[Block]) -> Section:
    """The opening of a report."""
    title = "What was asked about perceived groups, and what can be said"
    return Section(title, list(blocks), id="summary", short="Findings")


def method_section(blocks: Sequence[Block]) -> Section:
    """How its numbers came about."""
    title = "Method of comparing perceived groups"
    return Section(title, list(blocks), id="method", short="Method")


def limits_section(limits: Sequence[str], of: str = "this report") -> Section:
    """What they cannot say."""
    title = f"Limits of perceived groups and of {of}"
    return Section(title, [Paragraph(text) for text in limits], id="limits", short="Limits")
