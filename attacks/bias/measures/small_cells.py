"""How many groups and images are judged, shown and hidden: counted, so that they add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attacks.bias.groups.columns import INFER_FROM, GroupColumn
from attacks.bias.groups.suppression import n_taking_part
from attacks.bias.measures.cells import status_for


def count_groups(columns: Sequence[GroupColumn]) -> dict[str, dict[str, Any]]:
    """Column -> groups of each kind, and how many have fewer than 30 images.

    ``inferred``: from 30 images. ``value_only``: from 10 to 29. ``insufficient``: below 10.
    ``withheld``: large enough, but they would give away a smaller group. ``images`` counts those of
    groups that are shown; ``not_shown`` are all others that take part in the report: of hidden
    groups, or not annotated in this column. How many of each is not told, since it would be the
    size of a hidden group. ``n_images`` is the sum.
    """
    counts: dict[str, dict[str, Any]] = {}
    n_images = n_taking_part(columns)
    for column in columns:
        groups = dict.fromkeys(("inferred", "value_only", "insufficient", "withheld"), 0)
        images = dict.fromkeys(("inferred", "value_only"), 0)
        for value in column.sizes:
            kind = kind_of(column, value)
            groups[kind] += 1
            if kind in images:
                images[kind] += column.sizes[value]
        counts[column.name] = {
            "n_groups": len(column.sizes),
            "groups": groups,
            "images": images,
            "below_30": sum(n < INFER_FROM for n in column.sizes.values()),
            "not_shown": n_images - sum(images.values()),
            "n_images": n_images,
        }
    return counts


def kind_of(column: GroupColumn, value: str) -> str:
    """What is said about a group, by its size: see :func:`count_groups`."""
    if value in column.withheld:
        return "withheld"
    return {"inferred": "inferred", "shown": "value_only", "insufficient": "insufficient"}[
        status_for([column.sizes[value]])
    ]


def said_of(column: GroupColumn, value: str) -> str:
    """The same in words."""
    return {
        "inferred": "compared",
        "value_only": f"below {INFER_FROM}: shown without tests",
    }.get(kind_of(column, value)) or column.why_hidden(value)
