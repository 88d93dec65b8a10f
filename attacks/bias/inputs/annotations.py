"""Images with their annotated groups, checked before the first one is decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.bias.groups.columns import (
    CROSS,
    GroupColumn,
    GroupSpec,
    cluster_ids,
    make_column,
    read_attribute,
    read_columns,
)
from attacks.bias.inputs.cards import Card, read_card
from attacks.bias.inputs.gather import Gathered, Inputs, gather
from attacks.bias.measures.draws import Ints
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from attacks.bias.settings import People
    from clipprobe.data import ImageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """What is known about the images before one is decoded.

    ``gathered``: the images that take part. ``groups``: the group columns, by the names that they
    have after a known format was read, or id -> group. ``values``: column -> the value of each
    image. ``clusters``: the column of what is pictured several times; ``pictured``: its values.
    ``card``: who annotated them, or None.
    """

    gathered: Gathered
    groups: GroupSpec
    values: Mapping[str, Sequence[str | None]]
    clusters: str | None
    pictured: Sequence[str | None] | None
    card: Card | None

    @property
    def records(self) -> tuple[ImageRecord, ...]:
        """The images that take part."""
        return tuple(self.gathered.dataset.records)

    def rows(self, ids: set[str]) -> list[int]:
        """The places of the images with these ids."""
        return [i for i, record in enumerate(self.records) if record.id in ids]

    def columns(self, rows: Sequence[int] | None = None) -> list[GroupColumn]:
        """The group columns over some of the images; by default over all.

        Raises:
            DataError: a column is empty, or holds one group or too many.
        """
        places = range(len(self.records)) if rows is None else rows
        return [make_column(name, [v[i] for i in places]) for name, v in self.values.items()]

    def cluster_ids(self, rows: Sequence[int] | None = None) -> Ints | None:
        """The cluster of some of the images, ``(n,)``; None where no column was named."""
        if self.clusters is None or self.pictured is None:
            return None
        places = range(len(self.records)) if rows is None else rows
        return cluster_ids([self.pictured[i] for i in places], self.clusters)

    def group_config(self) -> Any:
        """Column names; of a mapping only a hash, so that no person's group is copied about."""
        if isinstance(self.groups, Mapping):
            text = repr(sorted(self.groups.items()))
            return {"mapping_sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()}
        return [self.groups] if isinstance(self.groups, str) else list(self.groups)


def read_annotations(
    settings: People, labels: str | Path | None, groups: GroupSpec | None, **sources: Any
) -> Annotations:
    """Read the annotations, and refuse what can be wrong with them.

    Args:
        labels: A table of groups by id, where they do not stand beside the images.
        groups: Columns, or id -> group; None: those that a known format names.
        sources: Further fields of :class:`~attacks.bias.inputs.gather.Inputs`.
    Raises:
        DataError: a column that is not there, one group only, ids that do not match.
        ConfigError: no groups were named and none are known.
    """
    given = Inputs(
        images=settings.images,
        labels=labels,
        label_format=settings.label_format,
        id_column=settings.id_column,
        **sources,
    )
    gathered = gather(given, limit=settings.limit)
    card = settings.card if settings.card is not None else gathered.card
    records, wanted = gathered.dataset.records, _named(groups, gathered)
    pictured = None
    if settings.clusters is not None:
        pictured = read_attribute(records, settings.clusters, "cluster")
    found = Annotations(
        gathered=gathered,
        groups=wanted,
        values=read_columns(records, wanted),
        clusters=settings.clusters,
        pictured=pictured,
        card=None if card is None else read_card(card),
    )
    found.columns()
    found.cluster_ids()
    return found


def _named(groups: GroupSpec | None, gathered: Gathered) -> GroupSpec:
    """The columns asked for, by the names that they have after a known format was read."""
    if isinstance(groups, Mapping):
        return groups
    if not groups:
        have = {key for record in gathered.dataset for key in record.attributes}
        found = [n for n in ("perceived_race", "perceived_gender", "perceived_age") if n in have]
        if not gathered.aliases or not found:
            there = ", ".join(sorted(have)) or "none (give --labels, or a metadata.csv)"
            raise ConfigError(
                "audit bias needs --groups, because the data are of no format whose groups are "
                f"known; name columns of them. There are: {there}."
            )
        crossed = [f"perceived_race{CROSS}perceived_gender"] if len(found) == 3 else []
        return [*found, *crossed]
    names = [groups] if isinstance(groups, str) else list(groups)
    return [
        CROSS.join(gathered.aliases.get(part, part) for part in name.split(CROSS)) for name in names
    ]
