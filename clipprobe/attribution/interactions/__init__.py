"""Patch x word interactions, exact to second order."""

from clipprobe.attribution.interactions.result import Interactions
from clipprobe.attribution.interactions.run import interactions

__all__ = ["Interactions", "interactions"]
