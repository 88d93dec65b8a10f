"""People: images with annotated groups, prepared once for every audit of groups."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.groups.columns import (
    CROSS,
    GroupColumn,
    GroupSpec,
    cluster_ids,
    make_column,
    read_attribute,
    read_columns,
)
from attacks.bias.groups.notes import perhaps_missing, repeated, spelt_twice, uncompared, withheld
from attacks.bias.groups.strata import check_controls, strata_ids
from attacks.bias.groups.suppression import protect
from attacks.bias.inputs.cards import Card, read_card
from attacks.bias.inputs.gather import Inputs, LabelledImages, gather
from clipprobe.arrays import Ints
from clipprobe.data import require_readable, stream_batches
from clipprobe.data.choice import Choice
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from attacks.bias.settings import AnnotatedImages
    from clipprobe.data import Failure, ImageRecord
    from clipprobe.data.stream import Batch
    from clipprobe.models.preprocess import Preprocess

Values = Sequence[str | None]
_KNOWN = ("perceived_race", "perceived_gender", "perceived_age")  # of known formats


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """What annotators said of each image: ``groups`` and ``controls`` by column, and the values of
    the column named for ``clusters``, with its name."""

    groups: Mapping[str, Values]
    controls: Mapping[str, Values]
    clusters: tuple[str, Values] | None

    def rows(self, rows: Sequence[int]) -> Annotations:
        """Those of some images."""

        def some(values: Values) -> Values:
            return [values[i] for i in rows]

        return Annotations(
            groups={name: some(values) for name, values in self.groups.items()},
            controls={name: some(values) for name, values in self.controls.items()},
            clusters=self.clusters and (self.clusters[0], some(self.clusters[1])),
        )

    def parts(self) -> dict[str, Any]:
        """The columns, clusters and strata of :class:`People`."""
        return {
            "columns": tuple(make_column(name, values) for name, values in self.groups.items()),
            "clusters": self.clusters and cluster_ids(self.clusters[1], self.clusters[0]),
            "strata": strata_ids(list(self.controls.values())),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Images of people and their groups.

    ``data``: all that was read, with the data set's name and what stands instead of its images.
    ``records``: the images that take part; the arrays below are over them.
    ``columns``: the group columns. ``clusters``: ``(n,)`` numbers of what is shown several times,
    or None. ``strata``: ``(n,)`` combinations of the control columns, or None.
    ``groups``: what was named: columns, as they are called after a known format was read, or
    id -> group. ``annotations``: the values that all of these come from.
    ``card``: who annotated them, or None. ``remarks``: what a reader must know of all the images.
    ``failures``: images that could not be read; ``unusable``: read, and yet of no use.
    """

    data: LabelledImages
    records: tuple[ImageRecord, ...]
    columns: tuple[GroupColumn, ...]
    clusters: Ints | None
    strata: Ints | None
    groups: GroupSpec
    annotations: Annotations
    card: Card | None
    remarks: tuple[str, ...]
    failures: tuple[Failure, ...] = ()
    unusable: tuple[Failure, ...] = ()

    @property
    def description(self) -> Mapping[str, Any]:
        """Name, fingerprint and sources of the data set, for the manifest."""
        return self.data.description

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about the data, without any id."""
        return (*self.remarks, *uncompared(self.columns), *withheld(self.columns))

    @property
    def cluster_column(self) -> str | None:
        """The column that says what is shown several times."""
        return self.annotations.clusters and self.annotations.clusters[0]

    @property
    def controls(self) -> tuple[str, ...]:
        """The control columns."""
        return tuple(self.annotations.controls)

    @property
    def documentation(self) -> dict[str, str] | None:
        """The card, in JSON types."""
        return None if self.card is None else self.card.to_json()

    @property
    def group_config(self) -> Any:
        """Column names; of a mapping only a hash, so that no person's group is copied about."""
        if isinstance(self.groups, Mapping):
            text = repr(sorted(self.groups.items()))
            return {"mapping_sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()}
        return list(self.groups)

    @property
    def counts(self) -> dict[str, Any]:
        """What took no part, as an outcome of a study has it."""
        return {
            "skipped": len(self.unusable) + self.data.skipped,
            "failed": len(self.failures),
            "failures": [*self.failures, *self.unusable, *self.data.unmatched],
        }

    def readable(
        self,
        ids: Collection[str],
        failures: Sequence[Failure],
        unusable: Sequence[Failure] = (),
    ) -> People:
        """Those of these ids.

        Args:
            failures: Images that could not be read. unusable: read, and yet of no use.
        Raises:
            DataError: a column is empty among them, or holds one group or too many.
        """
        rows = [i for i, record in enumerate(self.records) if record.id in ids]
        annotations = self.annotations.rows(rows)
        return replace(
            self,
            records=tuple(self.records[i] for i in rows),
            annotations=annotations,
            failures=tuple(failures),
            unusable=tuple(unusable),
            **annotations.parts(),
        )

    def protected(self, parts: Sequence[NDArray[np.bool_]] = ()) -> People:
        """The same people; what would give a small group away is withheld from the columns.

        Args:
            parts: Images ``(n,)`` that some figures are about, where these are not all.
        """
        return replace(self, columns=tuple(protect(self.columns, parts)))

    def decode(self, preprocess: Preprocess, workers: int) -> tuple[list[Any], People]:
        """The images at the model's size, to be run many times; and the people that they show.

        Raises:
            NoReadableImagesError: not one image could be decoded.
        """
        decoded = decode_all(self.records, preprocess, workers)
        require_readable(len(decoded.items), decoded.failures, self.data.dataset.name)
        ids = {record.id for record in decoded.records}
        return decoded.items, self.readable(ids, decoded.failures)


def decode_all(records: Sequence[ImageRecord], preprocess: Preprocess, workers: int) -> Batch[Any]:
    """The images at the model's size, all in one batch."""
    [batch] = stream_batches(
        records, preprocess.to_grid, batch_size=len(records), workers=workers, allow_none=True
    )
    return batch


def read_people(
    settings: AnnotatedImages,
    groups: GroupSpec | None,
    *,
    controls: Sequence[str] = (),
) -> People:
    """Read images and annotations, and refuse what can be wrong with them.

    Args:
        groups: Columns, or id -> group; None: those that a known format names.
        controls: Columns within whose values groups are compared.
    Raises:
        DataError: a column that is not there, one group only, ids that do not match.
        ConfigError: no groups were named and none are known.
    """
    sources = [one.name for one in fields(Inputs) if hasattr(settings, one.name)]
    inputs = Inputs(**{name: getattr(settings, name) for name in sources})
    choice = settings.choice()
    data = gather(inputs, Choice(**{one: choice[one] for one in ("limit", "sample", "seed")}))
    records, columns, clusters = data.dataset.records, _named(groups, data), settings.clusters
    controls = [data.aliases.get(name, name) for name in controls]
    annotations = Annotations(
        groups=read_columns(records, columns),
        controls={name: read_attribute(records, name, "control") for name in controls},
        clusters=None
        if clusters is None
        else (clusters, read_attribute(records, clusters, "cluster")),
    )
    check_controls(annotations.controls, annotations.groups)
    card = settings.card if settings.card is not None else data.card
    return People(
        data=data,
        records=tuple(records),
        groups=columns,
        annotations=annotations,
        card=None if card is None else read_card(card),
        remarks=(
            *data.notes,
            *([] if clusters is not None else repeated(records)),
            *spelt_twice(annotations.groups),
            *perhaps_missing(annotations.groups),
        ),
        **annotations.parts(),
    )


def _named(groups: GroupSpec | None, images: LabelledImages) -> GroupSpec:
    """The columns named, as they are called after a known format was read."""
    if isinstance(groups, Mapping):
        return groups
    if not groups:
        have = {key for record in images.dataset for key in record.attributes}
        known = [name for name in _KNOWN if name in have]
        if not images.aliases or not known:
            there = ", ".join(sorted(have)) or "none (give --labels, or a metadata.csv)"
            raise ConfigError(
                "audit bias needs --groups, because the data are of no format whose groups are "
                f"known; name columns of them. There are: {there}."
            )
        crossed = [CROSS.join(known[:2])] if len(known) == len(_KNOWN) else []
        return [*known, *crossed]
    names = [groups] if isinstance(groups, str) else list(groups)
    return [
        CROSS.join(images.aliases.get(part, part) for part in name.split(CROSS)) for name in names
    ]
