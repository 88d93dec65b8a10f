"""An embedding as an exact sum over heads x tokens, neurons and biases."""

from clipprobe.attribution.decomposition.result import EmbeddingParts
from clipprobe.attribution.decomposition.run import decompose

__all__ = ["EmbeddingParts", "decompose"]
