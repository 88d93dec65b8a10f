"""A change to a model as a value: composed, stored, applied to any audit; see ``docs/edits.md``."""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.edits.classes import CentredClasses as CentredClasses
    from clipprobe.edits.classes import ClassOffsets as ClassOffsets
    from clipprobe.edits.classes import ClassProjection as ClassProjection
    from clipprobe.edits.derived import DerivedPoint as DerivedPoint
    from clipprobe.edits.derived import direction as direction
    from clipprobe.edits.edit import Edit as Edit
    from clipprobe.edits.edit import load as load
    from clipprobe.edits.edit import load_edit as load_edit
    from clipprobe.edits.edit import open_edited as open_edited
    from clipprobe.edits.interventions import Interventions as Interventions
    from clipprobe.edits.part import PARTS as PARTS
    from clipprobe.edits.part import Part as Part
    from clipprobe.edits.pixels import Mask as Mask
    from clipprobe.edits.pixels import View as View
    from clipprobe.edits.pixels import Views as Views
    from clipprobe.edits.projection import Projection as Projection
    from clipprobe.edits.tokens import ImageToken as ImageToken
    from clipprobe.edits.tokens import TextPrefix as TextPrefix
    from clipprobe.edits.weights import WeightDifference as WeightDifference

__getattr__, __dir__ = later(__name__)
