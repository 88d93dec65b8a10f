"""Directions of units in the joint space, and what is known of how good they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDirection:
    """Where a unit pushes the image embedding.

    Attributes:
        unit: ``<hook point>:<index>``.
        vector: ``(d_embed,)`` change of the embedding, before its length is set to 1, per unit of
            activation; for a head the mean of what it writes.
        linearised_at: Where the map from the unit to the embedding was made linear.
        exact: Whether the map is linear, so that the direction is the same at every image.
        agreement: Smallest cosine between the direction at one reference image and their mean; NaN
            where no image enters.
        reason: What the direction leaves out; empty where it leaves out nothing.
    """

    unit: str
    vector: Floats
    linearised_at: str
    exact: bool
    agreement: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteDirections:
    """The directions of all units of a hook point; fields as in :class:`UnitDirection`.

    Attributes:
        site: Hook point.
        vectors: ``(n_units, d_embed)``.
        agreement: ``(n_units,)``.
        exact: ``(n_units,)`` booleans.
    """

    site: str
    vectors: Floats
    linearised_at: str
    exact: NDArray[np.bool_]
    agreement: NDArray[np.float64]
    reason: str

    def unit(self, index: int) -> UnitDirection:
        """One unit's direction."""
        return UnitDirection(
            unit=f"{self.site}:{index}",
            vector=self.vectors[index],
            linearised_at=self.linearised_at,
            exact=bool(self.exact[index]),
            agreement=float(self.agreement[index]),
            reason=self.reason,
        )
