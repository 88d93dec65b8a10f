"""Any CLIP-like checkpoint behind one face: :func:`load` gives a :class:`Clip`."""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.anatomy.parts import Anatomy as Anatomy
    from clipprobe.anatomy.parts import Block as Block
    from clipprobe.anatomy.parts import ChannelSite as ChannelSite
    from clipprobe.anatomy.parts import Tower as Tower
    from clipprobe.models.checkpoints.loading import load as load
    from clipprobe.models.clip import Clip as Clip
    from clipprobe.models.preprocess import Preprocess as Preprocess
    from clipprobe.models.twin import random_twin as random_twin

__getattr__, __dir__ = later(__name__)
