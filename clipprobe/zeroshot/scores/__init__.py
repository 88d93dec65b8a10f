"""What a cosine of 0.27 means: the scale of a score, and when not to answer."""

from clipprobe.zeroshot.scores.conformal import Abstention as Abstention
from clipprobe.zeroshot.scores.conformal import abstention as abstention
from clipprobe.zeroshot.scores.conformal import conformal_p as conformal_p
from clipprobe.zeroshot.scores.null import ScoreNull as ScoreNull
from clipprobe.zeroshot.scores.null import score_null as score_null
