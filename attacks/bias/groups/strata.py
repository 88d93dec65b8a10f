"""Control columns: comparisons within strata.

A group's images can differ from another's in what is recorded about them: age, the source, the
crop. Permuting group labels only among images that agree in these columns asks whether the groups
differ beyond that (a conditional permutation test, Pesarin & Salmaso 2010). The values themselves,
their intervals and the floors of a random ranking are not adjusted; p, q and null floors are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from attacks.bias.groups.columns import CROSS
from clipprobe.arrays import Ints
from clipprobe.errors import DataError


def strata_ids(columns: Sequence[Sequence[str | None]]) -> Ints | None:
    """One number for each combination of values, ``(n,)``; None without columns.

    Images without a value are a stratum of their own.
    """
    if not columns:
        return None
    keys = [tuple("" if value is None else f"v{value}" for value in row)
             for row in zip(*columns, strict=True)]  # fmt: skip
    place = {key: i for i, key in enumerate(sorted(set(keys)))}
    return np.array([place[key] for key in keys], dtype=np.int64)


def check_controls(
    controls: Mapping[str, Sequence[str | None]], groups: Mapping[str, Sequence[str | None]]
) -> None:
    """Refuse controls that leave nothing to permute.

    Raises:
        DataError: a control is (part of) a group column, or every stratum holds one group only.
    """
    strata = strata_ids(list(controls.values()))
    if strata is None:
        return
    for name, values in groups.items():
        same = sorted(set(name.split(CROSS)) & set(controls))
        if same:
            raise DataError(
                f"{same[0]!r} cannot be a control column and a group column at once: within one of "
                "its values nothing is left to compare."
            )
        values_of: dict[int, set[str]] = {}
        for stratum, value in zip(strata.tolist(), values, strict=True):
            if value:
                values_of.setdefault(stratum, set()).add(value)
        if all(len(levels) < 2 for levels in values_of.values()):
            raise DataError(
                f"Within the control column(s) {', '.join(controls)} every image has one value of "
                f"{name!r}: nothing is left to compare. Name fewer controls."
            )
