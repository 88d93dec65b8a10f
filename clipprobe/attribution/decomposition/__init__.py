"""An embedding as an exact sum over heads x tokens, neurons and biases."""

from clipprobe.attribution.decomposition.result import EmbeddingParts as EmbeddingParts
from clipprobe.attribution.decomposition.run import decompose as decompose
