"""Pictures with groups as every audit reads them: labels joined, card found, the reader told.

For audits that run pictures many times (:mod:`~attacks.bias.why`, :mod:`~attacks.bias.mitigation`);
the report itself streams them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.bias.audit import planted_truth
from attacks.bias.groups.columns import CROSS, make_column, read_columns
from attacks.bias.groups.notes import data_notes
from attacks.bias.inputs.cards import Card, read_card
from attacks.bias.inputs.gather import Inputs, gather
from attacks.bias.report.limits import LIMITS, ORGANISM
from attacks.bias.report.page import data_section
from clipprobe.report import Section, Warning

if TYPE_CHECKING:
    from clipprobe.data import Dataset, Failure
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What is known about the pictures before one is decoded.

    ``dataset``: records with every label as an attribute. ``columns``: the group columns asked, by
    the names that they have after a known format was read. ``card``: who annotated them, or None.
    ``notes``: what a reader must know. ``organism``: whether the model was taught what is
    measured. ``described``: name, fingerprint and sources. ``unmatched``, ``skipped``: ids without
    partner, examples and number.
    """

    dataset: Dataset
    columns: tuple[str, ...]
    card: Card | None
    notes: tuple[str, ...]
    organism: bool
    described: dict[str, Any]
    unmatched: tuple[Failure, ...]
    skipped: int

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


def documented(
    clip: Clip,
    images: Any,
    columns: Sequence[str],
    *,
    labels: str | Path | None,
    card: str | Path | None,
    clusters: str | None,
    limit: int | None,
) -> Documented:
    """Join labels, find the card and the notes.

    Raises:
        DataError: a column that is not there, one group only, ids that do not match.
    """
    gathered = gather(Inputs(images=images, labels=labels), limit=limit)
    names = tuple(
        CROSS.join(gathered.aliases.get(part, part) for part in name.split(CROSS))
        for name in columns
    )
    records = gathered.dataset.records
    annotated = read_columns(records, list(names))
    groups = [make_column(name, values) for name, values in annotated.items()]
    chosen = card if card is not None else gathered.card
    return Documented(
        dataset=gathered.dataset,
        columns=names,
        card=None if chosen is None else read_card(chosen),
        notes=(*gathered.notes, *data_notes(records, annotated, groups, clusters)),
        organism=bool(planted_truth(clip, None)),
        described=gathered.describe(),
        unmatched=gathered.unmatched,
        skipped=gathered.skipped,
    )
