"""Any CLIP-like checkpoint behind one face: :func:`load` gives a :class:`Clip`."""

from clipprobe.models.anatomy import Anatomy, Block, ChannelSite, Tower
from clipprobe.models.clip import Clip
from clipprobe.models.loading import load
from clipprobe.models.preprocess import Preprocess
from clipprobe.models.random_twin import random_twin

__all__ = ["Anatomy", "Block", "ChannelSite", "Clip", "Preprocess", "Tower", "load", "random_twin"]
