"""How many units are taken out, beside how many random sets, and how many inputs it takes."""

from __future__ import annotations

from collections.abc import Mapping

SIZES: Mapping[str, tuple[int, ...]] = {
    "neuron": (1, 3, 10, 30, 100, 300),
    "head": (1, 2, 3, 5, 8, 12),
}
"""Numbers of units that are taken out together, by kind."""
ENOUGH = 0.8
"""Of the value gone on the ranking half: the size at which the control is drawn in full."""
BAND = 20
"""Random sets at the sizes that were not chosen; at the chosen one at least as many."""
LEAST = 10
"""Inputs of each side in each half."""
