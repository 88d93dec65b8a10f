"""How a suite is made: every study by the one driver, on passes that they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.data import Dataset
from clipprobe.errors import RunFolderError, ThresholdCrossedError
from clipprobe.models.passes import Passes
from clipprobe.runs import Run, RunView, jsonio, load_run
from clipprobe.runs.manifest import SEAL
from clipprobe.settings import takes
from clipprobe.study.driver import carry_out
from clipprobe.study.plan import Outcome, Plan, Study
from clipprobe.study.suite.entry import Entry, with_images_opened
from clipprobe.study.suite.page import page_of
from clipprobe.study.suite.scorecard import scores_of, summarise
from clipprobe.study.suite.settings import Suite
from clipprobe.study.workload import Workload, nothing

if TYPE_CHECKING:
    from clipprobe.models import Clip

KIND = "suite"
Inner = Mapping[str, RunView]


@takes(Suite)
def audit_all(clip: Clip, settings: Suite) -> RunView:
    """Carry out a list of studies on one model, as one run.

    Returns:
        The finished run; its studies are runs in sub-folders, named after the entries.
    Raises:
        ThresholdCrossedError: a threshold of a study was crossed; the run is complete.
        ConfigError, DataError, RunFolderError: see the message.
    """
    run = carry_out(SUITE, settings, clip).run
    refuse_crossed(run.summary)
    return run


def refuse_crossed(summary: Mapping[str, Any]) -> None:
    """Raise where a study crossed a threshold of its settings.

    Raises:
        ThresholdCrossedError: names the studies and the figures.
    """
    crossed = [f"{one['name']}: {one['crossed']}" for one in summary["runs"] if one["crossed"]]
    if crossed:
        raise ThresholdCrossedError(" ".join(crossed))


def prepare_suite(settings: Suite, clip: Clip) -> Plan[Inner]:
    """Prepare every study, so that each refuses what it cannot do before one of them begins."""
    entries = with_images_opened(settings.studies)
    plans = {entry.name: entry.made_by.prepare(entry.settings, clip) for entry in entries}
    config = {
        "model": clip.provenance()["model"],
        "studies": [
            {
                "name": entry.name,
                "study": entry.study,
                "config": plans[entry.name].config,
                **({"thresholds": thresholds} if (thresholds := entry.thresholds()) else {}),
            }
            for entry in entries
        ],
        "seed": settings.seed,
    }

    def execute(run: Run) -> Outcome[Inner]:
        views = make_all(run, clip, entries, settings.overwrite, settings.progress)
        scores = scores_of(entries, views)
        return Outcome(
            value=views,
            files=[],
            summary=lambda: summarise(KIND, clip, scores),
            page=lambda run: page_of(clip, scores, seed=settings.seed),
            used=sum(one.run.manifest["counts"]["used"] for one in scores),
        )

    def passes() -> Workload:
        total = sum((plan.workload() for plan in plans.values()), nothing())
        return total + Workload(
            images=0, texts=0, at_most=True, reason="studies share their passes"
        )

    return Plan(
        config=jsonio.plain(config),
        execute=execute,
        seed=settings.seed,
        provenance=clip.provenance(),
        workload=passes,
    )


def make_all(
    run: Run,
    clip: Clip,
    entries: Sequence[Entry],
    overwrite: bool,
    progress: Callable[[int, int], None] | None,
) -> dict[str, RunView]:
    """The runs of the entries inside ``run``: made, gone on with, or recognised.

    What looks inside the towers comes first: its passes serve the others, but not the other way.
    """
    order = sorted(entries, key=lambda entry: entry.made_by.load is None)
    stages = Stages(progress, len(order))
    passes = Passes(run.part("passes"), clip)
    views = {}
    for i, entry in enumerate(order):
        images = getattr(entry.settings, "images", None)
        n_inputs = len(images) if isinstance(images, Dataset) else 0
        how = {"overwrite": overwrite, "progress": stages.stage(i, n_inputs)}
        with passes.of(clip, entry.name):
            record = entry.told(out=run.path / entry.name, **how)
            views[entry.name] = carry_out(entry.made_by, record, clip).run
        stages.end(i)
    return {entry.name: views[entry.name] for entry in entries}


def load_parts(view: RunView) -> Inner:
    """The runs inside a suite.

    Raises:
        RunFolderError: one is absent, damaged, or another one than the suite made.
    """
    values = {}
    if "runs" not in view.summary:
        raise RunFolderError(
            f"The run {view.path} does not name the runs inside it (an earlier clipprobe made it): "
            "make it again with --overwrite."
        )
    for one in view.summary["runs"]:
        inner = load_run(view.path / one["name"])
        if inner.manifest.get(SEAL) != one[SEAL]:
            raise RunFolderError(
                f"The run {inner.path} is not the one that the suite {view.path} made: make the "
                "suite again with --overwrite."
            )
        values[str(one["name"])] = inner
    return values


SUITE: Study[Suite, Inner] = Study(
    kind=KIND, settings=Suite, prepare=prepare_suite, load=load_parts
)


_SHARE = 100


class Stages:
    """Tells one progress of several stages.

    Args:
        tell: Called with what is done, and of how much; never with less than before.
        n: How many stages there are.
    """

    def __init__(self, tell: Callable[[int, int], None] | None, n: int) -> None:
        self._tell, self._total, self._done = tell, n * _SHARE, 0

    def stage(self, number: int, n_inputs: int) -> Callable[..., None]:
        """What a study of ``n_inputs`` inputs tells, in whichever of the public forms.

        Two numbers are what is done, and of how many; one is what was done since the last call.
        """
        counter = [0]

        def report(*numbers: int) -> None:
            if len(numbers) == 1:
                counter[0] += numbers[0]
                numbers = (counter[0], n_inputs)
            if len(numbers) == 2 and numbers[1]:
                self._at(number + min(numbers[0] / numbers[1], 1))

        return report

    def end(self, number: int) -> None:
        """A stage is done."""
        self._at(number + 1)

    def _at(self, stages: float) -> None:
        self._done = max(self._done, int(_SHARE * stages))
        if self._tell is not None:
            self._tell(self._done, self._total)
