"""A random sample that stays the same: an image is ranked by a hash of the seed and its name.

An image that is added to the folder can enter the sample and push another one out; it never mixes
the others anew, and two data sets that share images share most of their samples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from clipprobe.data.records import ImageRecord
from clipprobe.errors import DataError


def sampled(
    records: Sequence[ImageRecord], n: int, *, per_class: bool = False, seed: int = 0
) -> list[ImageRecord]:
    """At most ``n`` of the records, in their order.

    Args:
        per_class: Take ``n`` of each label.
        seed: Another one, another sample.
    Raises:
        DataError: of each class, and an image has no label.

    Example:
        >>> photos = [ImageRecord(f"{i}.jpg", b"", label="ab"[i % 2]) for i in range(100)]
        >>> [record.label for record in sampled(photos, 2, per_class=True)].count("a")
        2
    """
    if n < 1:
        raise DataError(f"A sample of {n} leaves no image: give at least 1.")
    groups: dict[str | None, list[ImageRecord]] = {}
    for record in records:
        groups.setdefault(record.label if per_class else None, []).append(record)
    if per_class and None in groups:
        raise DataError(
            f"The image {groups[None][0].id!r} has no label, so the images cannot be sampled "
            "within classes: omit --per-class, or give --labels."
        )
    ids = {
        record.id
        for members in groups.values()
        for record in sorted(members, key=lambda one: rank(seed, one.id))[:n]
    }
    return [record for record in records if record.id in ids]


def rank(seed: int, name: str) -> bytes:
    """Where a name stands among all names; it depends on no other."""
    return hashlib.sha256(f"{seed}\x1f{name}".encode("utf-8", "backslashreplace")).digest()
