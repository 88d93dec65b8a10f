"""Properties of units by name, each defined once, with the numbers that it depends on.

    atlas.search(kind="dead")
    find_units(atlas, gather(atlas), kind="multimodal")

Properties of the first kind follow from the atlas alone. Those of the second need the table of
another instrument (see ``evidence``), and saying which command makes it is part of them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.unit_table import UnitTable

MIN_AUROC = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A property of units.

    Attributes:
        name: As users give it.
        meaning: The definition, with thresholds.
        instrument: The instrument whose tables say it; None for the atlas.
        table: Which of its tables.
        columns: Columns of it that are read; units are ranked by the first.
    """

    name: str
    meaning: str
    instrument: str | None = None
    table: str = ""
    columns: tuple[str, ...] = ()


PROPERTIES = (
    Property(
        name="selective",
        meaning="not constant; ranked by peak, how far the mean of the strongest lies above the "
        "mean of all, in standard deviations",
    ),
    Property(name="dead", meaning="never above 0 on any of the {n} {inputs}"),
    Property(name="always-on", meaning="above 0 on every one of the {n} {inputs}"),
    Property(name="constant", meaning="the same value on every one of the {n} {inputs}"),
    Property(
        name="multimodal",
        meaning=f"an AUROC of at least {MIN_AUROC} in every modality (score) for the concept that "
        "other images selected; ranked by score. Units reach it by coincidence too: the run's "
        "report counts how many do with shuffled concepts",
        instrument="multimodal",
        table="units.parquet",
        columns=("score",),
    ),
    Property(
        name="reads-text",
        meaning=f"for one concept an AUROC of at least {MIN_AUROC} among pictures of written words "
        "(auroc_word), whatever it answers to in other modalities; ranked by that AUROC, which has "
        "no correction for the number of concepts tried",
        instrument="multimodal",
        table="pairs.parquet",
        columns=("auroc_word",),
    ),
)


def names() -> tuple[str, ...]:
    """The names of all properties."""
    return tuple(one.name for one in PROPERTIES)


def property_of(name: str) -> Property:
    """A property by name; spaces and underscores count as hyphens.

    Raises:
        ConfigError: there is none of that name; names all.
    """
    wanted = re.sub(r"[\s_]+", "-", name.strip().lower())
    for one in PROPERTIES:
        if one.name == wanted:
            return one
    raise ConfigError(f"Units are not searched by {name!r}: use one of {', '.join(names())}.")


STATISTICS = (
    "mean",
    "std",
    "low",
    "median",
    "high",
    "share_positive",
    "share_above",
    "sparsity",
    "n_outside",
    "peak",
    "purity",
)
"""What ``where`` can compare; see :class:`~clipprobe.neurons.atlas.unit_table.UnitTable`."""
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION = re.compile(r"\s*([a-z_]+)\s*(>=|<=|>|<)\s*([-+0-9.eE]+)\s*")


def where_mask(table: UnitTable, conditions: tuple[str, ...]) -> NDArray[np.bool_]:
    """Units that meet all conditions such as ``"mean>0.5"`` or ``"sparsity>=0.99"``.

    Undefined statistics (NaN) meet none.

    Raises:
        ConfigError: a condition that cannot be read.
    """
    mask = np.ones(len(table.mean), bool)
    for condition in conditions:
        found = _CONDITION.fullmatch(condition)
        try:
            if found is None or found[1] not in STATISTICS:
                raise ValueError
            limit = float(found[3])
        except ValueError:
            raise ConfigError(
                f"The condition {condition!r} cannot be read: give a statistic, one of > >= < <= "
                f"and a number, as in 'mean>0.5'; statistics are {', '.join(STATISTICS)}."
            ) from None
        values = np.asarray(getattr(table, found[1]), np.float64)
        mask &= _OPERATORS[found[2]](values, limit)  # NaN compares false
    return mask
