"""Names for units, each checked on images that it was not chosen on."""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.neurons.labels.result import Labels as Labels
    from clipprobe.neurons.labels.sanity import Recovery as Recovery
    from clipprobe.neurons.labels.sanity import class_logit_recovery as class_logit_recovery
    from clipprobe.neurons.labels.store import label_units as label_units
    from clipprobe.neurons.labels.unit_label import UnitLabel as UnitLabel

__getattr__, __dir__ = later(__name__)
