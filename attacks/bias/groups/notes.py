"""What a reader of a report must know about the data, seen in the annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from attacks.bias.groups.columns import CROSS, SHOW_FROM, GroupColumn

if TYPE_CHECKING:
    from clipprobe.data import ImageRecord

# Columns that usually say what is pictured, so that its images are not independent.
_IDENTITY = ("person", "person_id", "subject", "subject_id", "identity", "individual", "drawing")
# What tables write where nobody annotated anything.
_NO_VALUE = frozenset({"na", "n/a", "nan", "none", "null", "nil", "unknown", "missing", "?", "-"})


def uncompared(columns: Sequence[GroupColumn]) -> list[str]:
    """Columns of which nothing can be compared."""
    return [
        f"By {column.heading} nothing can be compared: {len(column.levels)} of its "
        f"{len(column.sizes)} groups can be shown (at least {SHOW_FROM} images each, and "
        "no smaller group given away)."
        for column in columns
        if len(column.levels) < 2
    ]


def withheld(columns: Sequence[GroupColumn]) -> list[str]:
    """Groups of whole columns, not of intersections, that are hidden for the sake of others."""
    return [
        f"By {column.heading} {', '.join(map(repr, column.withheld))} cannot be shown: less what "
        f"other figures show it would give away a group below {SHOW_FROM}. It can be shown where "
        "the images of such small groups are left out of the table."
        for column in columns
        if column.withheld and CROSS not in column.name
    ]


def repeated(records: Sequence[ImageRecord]) -> list[str]:
    """Images that show one thing several times, where a column says so.

    Not how many: less the images that a report counts, it would be the size of what is hidden.
    """
    for name in _IDENTITY:
        counts = Counter(v for record in records if (v := record.attributes.get(name)))
        if len(counts) > 1 and max(counts.values()) > 1:
            return [
                f"Images share their {name!r} with others, so they are not independent and the "
                f"intervals below are too narrow: name the column with --clusters {name}."
            ]
    return []


def spelt_twice(annotations: Mapping[str, Sequence[str | None]]) -> list[str]:
    """Values of a column that differ only in capitals, spaces or underscores."""
    notes = []
    for name, values in annotations.items():
        spellings: dict[str, set[str]] = {}
        for value in {v.strip() for v in values if v and v.strip()}:
            key = "".join(char for char in value.casefold() if not (char.isspace() or char in "_-"))
            spellings.setdefault(key, set()).add(value)
        notes += [
            f"The column {name!r} spells a value in several ways ({', '.join(map(repr, one))}): "
            "each is counted as a group of its own. Correct the table if they mean the same."
            for one in sorted(sorted(same) for same in spellings.values() if len(same) > 1)
        ]
    return notes


def perhaps_missing(annotations: Mapping[str, Sequence[str | None]]) -> list[str]:
    """Values of a column that usually say that there is none."""
    notes = []
    for name, values in annotations.items():
        parts = {part.strip() for v in values if v for part in v.split(CROSS)}
        doubtful = sorted(part for part in parts if part.casefold() in _NO_VALUE)
        if doubtful:
            notes.append(
                f"The column {name!r} has the value {', '.join(map(repr, doubtful))}, which is "
                "taken for a group: leave the cell empty where it means that nothing was annotated."
            )
    return notes
