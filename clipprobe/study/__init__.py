"""Everything that makes a run: one protocol, one driver, one table (see ``docs/extending.md``)."""

from clipprobe.study.comparison import compare_runs
from clipprobe.study.driver import carry_out
from clipprobe.study.plan import Change, Finished, Outcome, Plan, Study
from clipprobe.study.rerun import rerun
from clipprobe.study.table import COMPARISONS, STUDIES

__all__ = [
    "COMPARISONS",
    "STUDIES",
    "Change",
    "Finished",
    "Outcome",
    "Plan",
    "Study",
    "carry_out",
    "compare_runs",
    "rerun",
]
