"""How sure are we: intervals, tests, corrections and ranking scores.

Every score of clipprobe is an :class:`Estimate`: a value with an interval, its denominator and
the method's name. The algorithms are those of scipy, statsmodels and scikit-learn; what is added
here is one vocabulary, clusters, and a sentence where a number cannot be had.
"""

from clipprobe.statistics.corrections import benjamini_hochberg, holm
from clipprobe.statistics.estimate import Estimate, census, undefined
from clipprobe.statistics.intervals import (
    cluster_bootstrap,
    difference_of_means,
    difference_of_paired_proportions,
    wilson,
)
from clipprobe.statistics.mover import difference_of_estimates, mover
from clipprobe.statistics.ranking import auroc, auroc_estimate, aurocs
from clipprobe.statistics.significance import mcnemar, permutation_p

__all__ = [
    "Estimate",
    "auroc",
    "auroc_estimate",
    "aurocs",
    "benjamini_hochberg",
    "census",
    "cluster_bootstrap",
    "difference_of_estimates",
    "difference_of_means",
    "difference_of_paired_proportions",
    "holm",
    "mcnemar",
    "mover",
    "permutation_p",
    "undefined",
    "wilson",
]
