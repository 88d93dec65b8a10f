"""How many groups and images are judged, shown and hidden: counted, so that they add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attacks.bias.cells import status_for
from attacks.bias.groups import INFER_FROM, GroupColumn


def count_groups(columns: Sequence[GroupColumn]) -> dict[str, dict[str, Any]]:
    """Column -> groups and images of each kind, and how many groups have fewer than 30 images.

    ``inferred``: from 30 images. ``value_only``: from 10 to 29. ``insufficient``: below 10.
    ``withheld``: large enough, but they would give away a smaller group. ``n_images`` is the sum of
    the four and of ``unlabelled``, so nothing is dropped.
    """
    found: dict[str, dict[str, Any]] = {}
    for column in columns:
        groups = dict.fromkeys(("inferred", "value_only", "insufficient", "withheld"), 0)
        images = dict(groups)
        for value, n in column.sizes.items():
            kind = kind_of(column, value)
            groups[kind] += 1
            images[kind] += n
        found[column.name] = {
            "n_groups": len(column.sizes),
            "groups": groups,
            "images": images,
            "below_30": sum(n < INFER_FROM for n in column.sizes.values()),
            "unlabelled": column.unlabelled,
            "n_images": sum(images.values()) + column.unlabelled,
        }
    return found


def kind_of(column: GroupColumn, value: str) -> str:
    """What is said about a group, by its size: see :func:`count_groups`."""
    if value in column.withheld:
        return "withheld"
    return {"inferred": "inferred", "shown": "value_only", "insufficient": "insufficient"}[
        status_for([column.sizes[value]])
    ]


def said_of(column: GroupColumn, value: str) -> str:
    """The same in words, with the size where it decides."""
    n = column.sizes[value]
    return {
        "inferred": "compared",
        "value_only": f"insufficient (n={n}) to infer: shown without tests",
        "insufficient": f"insufficient (n={n}): counted, left out of this column",
        "withheld": column.why_hidden(value) if value in column.withheld else "",
    }[kind_of(column, value)]
