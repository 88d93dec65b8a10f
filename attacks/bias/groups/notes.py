"""What a reader of a report must know about the data, found by looking at the annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from attacks.bias.groups.columns import SHOW_FROM, GroupColumn

if TYPE_CHECKING:
    from clipprobe.data import ImageRecord

# Columns that usually say what is pictured, so that its pictures are not independent.
_PICTURED = ("person", "person_id", "subject", "subject_id", "identity", "individual", "drawing")


def data_notes(
    records: Sequence[ImageRecord],
    annotated: Mapping[str, Sequence[str | None]],
    columns: Sequence[GroupColumn],
    clusters: str | None,
) -> list[str]:
    """Sentences on repeated subjects, on values spelt in two ways, and on columns without groups.

    Args:
        annotated: Column -> the value of each image. clusters: the column that was named.
    """
    found = [] if clusters is not None else _repeated(records)
    for name, values in annotated.items():
        found += _spelt_twice(name, values)
    for column in columns:
        if len(column.levels) < 2:
            found.append(
                f"By {column.heading} nothing can be compared: {len(column.levels)} of its "
                f"{len(column.sizes)} groups can be shown (at least {SHOW_FROM} images each, and "
                "no smaller group given away)."
            )
    return found


def _repeated(records: Sequence[ImageRecord]) -> list[str]:
    for name in _PICTURED:
        seen = Counter(v for record in records if (v := record.attributes.get(name)))
        several = sum(n for n in seen.values() if n > 1)
        if several and len(seen) > 1:
            return [
                f"{several:,} images share their {name!r} with another ({len(seen):,} values in "
                "all), so they are not independent and the intervals below are too narrow: name "
                f"the column with --clusters {name}."
            ]
    return []


def _spelt_twice(name: str, values: Sequence[str | None]) -> list[str]:
    """Values that differ only in capitals, spaces or underscores."""
    spellings: dict[str, set[str]] = {}
    for value in {v.strip() for v in values if v and v.strip()}:
        key = "".join(char for char in value.casefold() if not (char.isspace() or char in "_-"))
        spellings.setdefault(key, set()).add(value)
    twice = [sorted(one) for one in spellings.values() if len(one) > 1]
    return [
        f"The column {name!r} spells a value in several ways ({', '.join(map(repr, one))}): each "
        "is counted as a group of its own. Correct the table if they mean the same."
        for one in sorted(twice)
    ]
