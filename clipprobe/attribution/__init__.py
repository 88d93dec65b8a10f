"""Attribution: where in an image a score, or a neuron's activation, comes from."""

from clipprobe.attribution.explaining import explain, explain_batch, explain_many
from clipprobe.attribution.explanation import Explanation
from clipprobe.attribution.registry import Maps, Method, attribution_methods, register
from clipprobe.attribution.words_explained import WordExplanation, explain_words

__all__ = [
    "Explanation",
    "Maps",
    "Method",
    "WordExplanation",
    "attribution_methods",
    "explain",
    "explain_batch",
    "explain_many",
    "explain_words",
    "register",
]
