"""What a cosine of 0.27 means: the scale of a score, and when not to answer."""

from clipprobe.zeroshot.scores.conformal import Abstention, abstention, conformal_p
from clipprobe.zeroshot.scores.null import ScoreNull, score_null

__all__ = ["Abstention", "ScoreNull", "abstention", "conformal_p", "score_null"]
