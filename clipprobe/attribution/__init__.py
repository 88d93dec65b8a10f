"""Attribution: where in an image a score, or a neuron's activation, comes from."""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.attribution.explaining import explain as explain
    from clipprobe.attribution.explaining import explain_batch as explain_batch
    from clipprobe.attribution.explaining import explain_many as explain_many
    from clipprobe.attribution.explanation import Explanation as Explanation
    from clipprobe.attribution.registry import Maps as Maps
    from clipprobe.attribution.registry import Method as Method
    from clipprobe.attribution.registry import attribution_methods as attribution_methods
    from clipprobe.attribution.registry import register as register
    from clipprobe.attribution.words_explained import WordExplanation as WordExplanation
    from clipprobe.attribution.words_explained import explain_words as explain_words

__getattr__, __dir__ = later(__name__)
