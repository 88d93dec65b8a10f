"""Everything that makes a run: one protocol, one driver, one table (see ``docs/extending.md``)."""

from clipprobe.study.comparison import compare_runs
from clipprobe.study.driver import carry_out
from clipprobe.study.plan import Change, Outcome, Plan, Study, StudyResult
from clipprobe.study.rehearsal import Rehearsal, rehearse
from clipprobe.study.rerun import rerun
from clipprobe.study.table import COMPARISONS, STUDIES
from clipprobe.study.workload import Workload

__all__ = [
    "COMPARISONS",
    "STUDIES",
    "Change",
    "Outcome",
    "Plan",
    "Rehearsal",
    "Study",
    "StudyResult",
    "Workload",
    "carry_out",
    "compare_runs",
    "rehearse",
    "rerun",
]
