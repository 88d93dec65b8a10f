"""Properties of units by name, and conditions on the statistics of an atlas.

    atlas.search(kind="dead")
    find_units(atlas, gather(atlas), kind="multimodal")

Each property is defined once, by the instrument whose tables say it, with the numbers that it
depends on; those without a table follow from the atlas alone.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.errors import ConfigError
from clipprobe.neurons.instruments.registry import INSTRUMENTS

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.unit_table import UnitTable
    from clipprobe.neurons.instruments.instrument import Property


def properties() -> dict[str, Property]:
    """Name -> property, of all instruments."""
    return {one.name: one for part in INSTRUMENTS.values() for one in part.properties}


def names() -> tuple[str, ...]:
    """The names of all properties."""
    return tuple(properties())


def property_of(name: str) -> Property:
    """A property by name; spaces and underscores count as hyphens.

    Raises:
        ConfigError: there is none of that name; names all.
    """
    known = properties()
    plain = re.sub(r"[\s_]+", "-", name.strip().lower())
    if plain not in known:
        raise ConfigError(f"Units are not searched by {name!r}: use one of {', '.join(known)}.")
    return known[plain]


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
        match = _CONDITION.fullmatch(condition)
        try:
            if match is None or match[1] not in STATISTICS:
                raise ValueError
            limit = float(match[3])
        except ValueError:
            raise ConfigError(
                f"The condition {condition!r} cannot be read: give a statistic, one of > >= < <= "
                f"and a number, as in 'mean>0.5'; statistics are {', '.join(STATISTICS)}."
            ) from None
        values = np.asarray(getattr(table, match[1]), np.float64)
        mask &= _OPERATORS[match[2]](values, limit)  # NaN compares false
    return mask
