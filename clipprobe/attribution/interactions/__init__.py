"""Patch x word interactions, exact to second order."""

from clipprobe.attribution.interactions.result import Interactions as Interactions
from clipprobe.attribution.interactions.run import interactions as interactions
