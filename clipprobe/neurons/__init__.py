"""Neurons: what makes each unit fire, over all images and across its whole range."""

from clipprobe.neurons.atlas import Atlas, merge_atlases
from clipprobe.neurons.scan import scan
from clipprobe.neurons.unit import Bin, Firing, Unit

__all__ = ["Atlas", "Bin", "Firing", "Unit", "merge_atlases", "scan"]
