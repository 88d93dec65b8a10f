"""Everything that makes a run: one protocol, one driver, one table (see ``docs/extending.md``)."""

from clipprobe.study.driver import carry_out
from clipprobe.study.plan import Finished, Outcome, Plan, Study
from clipprobe.study.rerun import rerun
from clipprobe.study.table import COMPARISONS, STUDIES

__all__ = ["COMPARISONS", "STUDIES", "Finished", "Outcome", "Plan", "Study", "carry_out", "rerun"]
