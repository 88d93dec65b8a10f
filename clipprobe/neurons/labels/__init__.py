"""Names for units, each checked on images that it was not chosen on."""

from clipprobe.neurons.labels.labelling import label_units
from clipprobe.neurons.labels.result import Labels, UnitLabel
from clipprobe.neurons.labels.sanity import Recovery, class_logit_recovery

__all__ = ["Labels", "Recovery", "UnitLabel", "class_logit_recovery", "label_units"]
