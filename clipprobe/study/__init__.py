"""Everything that makes a run: one protocol, one driver, one table (see ``docs/extending.md``)."""

from clipprobe.study.comparison import compare_runs as compare_runs
from clipprobe.study.driver import carry_out as carry_out
from clipprobe.study.plan import Change as Change
from clipprobe.study.plan import Outcome as Outcome
from clipprobe.study.plan import Plan as Plan
from clipprobe.study.plan import Study as Study
from clipprobe.study.plan import StudyResult as StudyResult
from clipprobe.study.rehearsal import Rehearsal as Rehearsal
from clipprobe.study.rehearsal import rehearse as rehearse
from clipprobe.study.rerun import rerun as rerun
from clipprobe.study.table import COMPARISONS as COMPARISONS
from clipprobe.study.table import STUDIES as STUDIES
from clipprobe.study.workload import Workload as Workload
