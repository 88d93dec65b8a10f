"""Pictures with groups as every audit reads them: labels joined, card found, the reader told.

For audits that run pictures many times (:mod:`~attacks.bias.gap`, :mod:`~attacks.bias.mitigation`);
the report itself streams them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bias.groups.notes import data_notes
from attacks.bias.inputs.annotations import Annotations, read_annotations
from attacks.bias.inputs.cards import Card
from attacks.bias.report.page import data_section
from attacks.bias.sections.limits import LIMITS, ORGANISM
from attacks.bias.sections.planted import planted_truth
from clipprobe.report import Section, Warning

if TYPE_CHECKING:
    from attacks.bias.settings import Labelled
    from clipprobe.data import Failure
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What a report says about the pictures before one is decoded.

    ``annotations``: the images and their groups. ``columns``: the group columns asked, by the names
    that they have after a known format was read. ``notes``: what a reader must know. ``organism``:
    whether the model was taught what is measured.
    """

    annotations: Annotations
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    organism: bool

    @property
    def card(self) -> Card | None:
        """Who annotated them."""
        return self.annotations.card

    @property
    def described(self) -> dict[str, Any]:
        """Name, fingerprint and sources."""
        return self.annotations.gathered.describe()

    @property
    def unmatched(self) -> tuple[Failure, ...]:
        """Examples of ids without partner."""
        return self.annotations.gathered.unmatched

    @property
    def skipped(self) -> int:
        """How many ids have no partner."""
        return self.annotations.gathered.skipped

    @property
    def warnings(self) -> list[Warning]:
        """What stands first in the report."""
        return [Warning(ORGANISM)] if self.organism else []

    @property
    def section(self) -> Section:
        """The data and who annotated it; the stamp where no card says."""
        return data_section(self.card, self.notes)

    @property
    def limits(self) -> list[str]:
        """The limits that every report carries."""
        return [*LIMITS, *([ORGANISM] if self.organism else [])]


def documented(clip: Clip, settings: Labelled, columns: Sequence[str]) -> Documented:
    """Join labels, find the card and the notes.

    Raises:
        DataError: a column that is not there, one group only, ids that do not match.
    """
    found = read_annotations(settings, settings.labels, list(columns))
    told = data_notes(found.records, found.values, found.columns(), settings.clusters)
    return Documented(
        annotations=found,
        columns=tuple(found.values),
        notes=(*found.gathered.notes, *told),
        organism=bool(planted_truth(clip, None)),
    )
