"""How sure are we: intervals, tests, corrections and ranking scores.

Every score of clipprobe is an :class:`Estimate`: a value with an interval, its denominator and
the method's name. The algorithms are those of scipy, statsmodels and scikit-learn; what is added
here is one vocabulary, clusters, and a sentence where a number cannot be had.
"""

from clipprobe.statistics.corrections import benjamini_hochberg as benjamini_hochberg
from clipprobe.statistics.corrections import holm as holm
from clipprobe.statistics.estimate import Estimate as Estimate
from clipprobe.statistics.estimate import census as census
from clipprobe.statistics.estimate import undefined as undefined
from clipprobe.statistics.intervals import cluster_bootstrap as cluster_bootstrap
from clipprobe.statistics.intervals import difference_of_means as difference_of_means
from clipprobe.statistics.intervals import (
    difference_of_paired_proportions as difference_of_paired_proportions,
)
from clipprobe.statistics.intervals import wilson as wilson
from clipprobe.statistics.mover import difference_of_estimates as difference_of_estimates
from clipprobe.statistics.mover import mover as mover
from clipprobe.statistics.ranking import auroc as auroc
from clipprobe.statistics.ranking import auroc_estimate as auroc_estimate
from clipprobe.statistics.ranking import aurocs as aurocs
from clipprobe.statistics.significance import mcnemar as mcnemar
from clipprobe.statistics.significance import permutation_p as permutation_p
