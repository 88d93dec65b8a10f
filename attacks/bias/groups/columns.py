"""Groups of images: what annotators perceived, not who anybody is.

A group column maps each image to one value of an attribute (``perceived_gender``,
``skin_tone``, …), as the data set annotates it. The headings of every table and chart carry the
word *perceived*, *annotated* or *self-reported*: the tool never says what a person is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Ints
from clipprobe.errors import DataError

if TYPE_CHECKING:
    from clipprobe.data import ImageRecord

GroupSpec = str | Sequence[str] | Mapping[str, str | None]

INFER_FROM = 30  # images per group from which a p-value and an interval are given
SHOW_FROM = 10  # images per group from which a value is shown at all
LEAST_CLUSTERS = 5  # of a group on a half: what fewer have in common would pass for the group's
MAX_GROUPS = 100
MAX_INTERSECTIONS = 1000  # of several columns: most are too small to show, and counted
MAX_LEVELS = 127  # groups that can be shown; permuted labels are small integers
CROSS = " x "
_ORIGINS = ("perceived", "annotated", "self reported", "self-reported", "apparent")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupColumn:
    """One attribute of the images.

    ``name``: the column, e.g. ``perceived_gender``.
    ``levels``: its values with at least ``SHOW_FROM`` images, sorted, numbers by their size.
    ``labels``: ``(n,)``, the index into ``levels``; -1 where the image takes no part.
    ``sizes``: images of every value, too small ones included.
    ``codes``: ``(n,)``, the index into the sorted values of ``sizes``, too small ones included.
    ``withheld``: values that are large enough and yet not shown, because a smaller group's figures
    could be computed from theirs; see :mod:`attacks.bias.groups.suppression`.
    """

    name: str
    levels: tuple[str, ...]
    labels: Ints
    sizes: Mapping[str, int]
    codes: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    withheld: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The attribute in words that say how it is known."""
        return heading_of(self.name)

    @property
    def hidden(self) -> tuple[str, ...]:
        """Values that are not shown."""
        return tuple(name for name in self.sizes if name not in self.levels)

    @property
    def shown_sizes(self) -> dict[str, int]:
        """Values that are shown, with their sizes."""
        return {name: self.sizes[name] for name in self.levels}

    def why_hidden(self, level: str) -> str:
        """The words that stand where a hidden group has no number; its size is not among them."""
        if level in self.withheld:
            return f"withheld: it would give away a group below {SHOW_FROM}"
        return f"insufficient: below {SHOW_FROM} images nothing is shown, not even how many"


def heading_of(name: str) -> str:
    """The name of a column in words that say how it is known."""
    words = name.replace("_", " ").strip()
    return words if words.lower().startswith(_ORIGINS) else f"annotated {words}"


def restrict(column: GroupColumn, part: NDArray[np.bool_]) -> GroupColumn:
    """The column over the images of ``part`` ``(n,)``: levels that become too small are hidden."""
    if part.all():
        return column
    labels = np.where(part, column.labels, -1)
    counted = _counted(labels, column.levels)
    sizes = {level: int(counted[i]) for i, level in enumerate(column.levels) if counted[i]}
    sizes |= {level: column.sizes[level] for level in column.hidden}
    return replace(
        column,
        **_relabelled(column, labels),
        sizes=_in_order(sizes),
        codes=np.zeros(0, dtype=np.int64),  # they count into the values of the whole column
    )


def without(column: GroupColumn, gone: NDArray[np.bool_]) -> GroupColumn:
    """The column as if the images of ``gone`` ``(n,)`` had no annotation in it."""
    codes = np.where(gone, -1, column.codes)
    every = _counted(codes, column.sizes)
    return replace(
        column,
        **_relabelled(column, np.where(gone, -1, column.labels)),
        sizes={value: int(n) for value, n in zip(column.sizes, every, strict=True)},
        codes=codes,
    )


def withhold(column: GroupColumn, level: str) -> GroupColumn:
    """The column with one of its levels not shown, whatever its size."""
    labels = np.where(column.labels == column.levels.index(level), -1, column.labels)
    return replace(column, **_relabelled(column, labels), withheld=(*column.withheld, level))


def _counted(codes: Ints, values: Collection[str]) -> Ints:
    """How often each place of the values stands among the codes; -1 is none."""
    return np.bincount(codes[codes >= 0], minlength=len(values))


def _relabelled(column: GroupColumn, rows: Ints) -> dict[str, Any]:
    """Levels and labels where only the images of ``rows`` are left."""
    large = _counted(rows, column.levels) >= SHOW_FROM
    renumbered = np.append(np.where(large, np.cumsum(large) - 1, -1), -1)
    return {
        "levels": tuple(level for level, is_large in zip(column.levels, large, strict=True)
                        if is_large),
        "labels": renumbered[rows].astype(np.int64),
    }  # fmt: skip


def _in_order(sizes: Mapping[str, int]) -> dict[str, int]:
    """By value, numbers in it by their size: an age of 3-9 comes before 10-19."""

    def key(value: str) -> list[str | int]:
        # Text and numbers take turns, text first, so that only like is compared with like.
        parts = re.split("([0-9]+)", value)
        return [int(part) if i % 2 else part for i, part in enumerate(parts)]

    return {value: sizes[value] for value in sorted(sizes, key=key)}


def make_column(name: str, values: Sequence[str | None]) -> GroupColumn:
    """Turn one value per image (None or empty: not annotated) into a column.

    Values with fewer than ``SHOW_FROM`` images leave the column altogether, rankings and shares
    included, so that what is hidden cannot be computed from what is shown; they stay counted.

    Raises:
        DataError: no image has a value, all have the same, or there are over ``MAX_GROUPS``.
    """
    cleaned = [value.strip() if value else "" for value in values]
    sizes = _in_order(Counter(value for value in cleaned if value))
    if not sizes:
        raise DataError(
            f"The group column {name!r} is empty for all {len(cleaned)} images: name a column that "
            "holds each image's annotated group."
        )
    if len(sizes) == 1:
        raise DataError(
            f"The group column {name!r} holds only {next(iter(sizes))!r}: a comparison needs at "
            "least two groups."
        )
    most = MAX_INTERSECTIONS if CROSS in name else MAX_GROUPS
    if len(sizes) > most:
        raise DataError(
            f"The group column {name!r} holds {len(sizes)} different values: name a column of "
            f"groups (at most {most}), not of names or numbers."
        )
    levels = tuple(value for value, n in sizes.items() if n >= SHOW_FROM)
    if len(levels) > MAX_LEVELS:
        raise DataError(
            f"The group column {name!r} has {len(levels)} groups of {SHOW_FROM} images and more: "
            f"at most {MAX_LEVELS} can be compared, so cross fewer columns."
        )
    index = {value: i for i, value in enumerate(levels)}
    labels = np.array([index.get(value, -1) for value in cleaned], dtype=np.int64)
    every = {value: i for i, value in enumerate(sizes)}
    codes = np.array([every.get(value, -1) for value in cleaned], dtype=np.int64)
    return GroupColumn(
        name=name,
        levels=levels,
        labels=labels,
        sizes=sizes,
        codes=codes,
    )


def read_columns(records: Sequence[ImageRecord], groups: GroupSpec) -> dict[str, list[str | None]]:
    """The value of each image in each group column, by column name.

    Args:
        groups: A column of the data set, several, or a mapping from image id to group (then the
            column is called ``annotated_group``). ``"perceived_gender x perceived_race"`` is the
            intersection of two columns; more can be crossed.
    Raises:
        DataError: no column was named, one does not exist, or ids of the mapping are not images.
    """
    if isinstance(groups, Mapping):
        return {"annotated_group": _from_mapping(records, groups)}
    names = [groups] if isinstance(groups, str) else list(groups)
    if not names:
        raise DataError("No group column was named: say which column holds the annotated groups.")
    crossed = [sorted(_parts(records, name)) for name in names]  # "a x b" is "b x a"
    twice = sorted(name for name, own in zip(names, crossed, strict=True) if crossed.count(own) > 1)
    if twice:
        raise DataError(f"The group column {twice[0]!r} was named twice: name it once.")
    return {name: _crossed(records, name) for name in names}


def _crossed(records: Sequence[ImageRecord], name: str) -> list[str | None]:
    """One column, or the intersection of several: no value where one of them has none."""
    parts = _parts(records, name)
    if len(set(parts)) < len(parts):
        raise DataError(f"The group column {name!r} crosses a column with itself: name two.")
    values = [read_attribute(records, part, "group") for part in parts]
    return [
        CROSS.join(part for part in row if part) if all(row) else None
        for row in zip(*values, strict=True)
    ]


def _parts(records: Sequence[ImageRecord], name: str) -> list[str]:
    """The columns that are crossed; one whose own name looks like a crossing is itself."""
    known = any(name in record.attributes for record in records)
    return [name] if known else [part.strip() for part in name.split(CROSS)]


def read_attribute(records: Sequence[ImageRecord], name: str, role: str) -> list[str | None]:
    """One attribute of every image; ``label`` is the data set's own class column."""
    present = sorted({key for record in records for key in record.attributes})
    if any(record.label is not None for record in records):
        present.append("label")
    if name not in present:
        listing = ", ".join(map(repr, present)) or "no column at all (a metadata.csv adds them)"
        raise DataError(f"The images have no {role} column {name!r}; they have {listing}.")
    if name == "label":
        return [record.attributes.get(name, record.label) for record in records]
    return [record.attributes.get(name) for record in records]


def cluster_ids(values: Sequence[str | None], name: str) -> Ints:
    """One number per cluster, ``(n,)``; an image without a value is a cluster of its own."""
    keys = [f"v{value}" if value else f"i{row}" for row, value in enumerate(values)]
    _, ids = np.unique(keys, return_inverse=True)
    if len(np.unique(ids)) < 2:
        raise DataError(
            f"The cluster column {name!r} puts all images into one cluster: name the column of "
            "what is pictured several times (a person, a drawing)."
        )
    return ids.astype(np.int64)


def _from_mapping(
    records: Sequence[ImageRecord], groups: Mapping[str, str | None]
) -> list[str | None]:
    ids = {record.id for record in records}
    strangers = sorted(set(groups) - ids)
    if strangers:
        raise DataError(
            f"{len(strangers)} of the {len(groups)} ids with a group are not an image of the data "
            f"set (the first is {strangers[0]!r}; an image of it is {min(ids, default='')!r}): "
            "labels and images must match."
        )
    return [groups.get(record.id) for record in records]
