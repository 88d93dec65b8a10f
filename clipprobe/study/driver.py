"""The one way in which a run is made, gone on with, or recognised."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from clipprobe.errors import ClipprobeError, ConfigError, DataError, RunFolderError
from clipprobe.runs import Run, jsonio, load_run
from clipprobe.runs.differences import differing
from clipprobe.runs.view import CALL
from clipprobe.study.call import call_of
from clipprobe.study.command import is_finished, marked_call
from clipprobe.study.plan import Outcome, Plan, RunSettings, Study, StudyResult
from clipprobe.study.rehearsal import Rehearsed, is_rehearsed, rehearsal_of

if TYPE_CHECKING:
    from collections.abc import Mapping

S = TypeVar("S", bound=RunSettings)
R = TypeVar("R")


def carry_out(
    study: Study[S, R], settings: S, clip: Any, *, expected: Mapping[str, Any] | None = None
) -> StudyResult[R]:
    """Make the run of a study in ``settings.out``, go on with it, or recognise it complete.

    Args:
        study: What makes the run.
        settings: A record of ``study.settings``; with ``out=None`` the result stays in memory.
        clip: The model; None for a study that needs none.
        expected: The configuration that the plan must have, where a run is made again.
    Raises:
        RunFolderError: the folder holds another run or other files, is damaged, or cannot be used.
        ConfigError: an intervention or hook changes the model, or the plan is not ``expected``.
        DataError: the inputs cannot be used; no run is left behind.
        Rehearsed: inside :func:`clipprobe.study.rehearse`; nothing is written.
    """
    if expected is None and is_finished(settings.out):
        return _read(study, Path(settings.out))
    plan = study.prepare(settings, clip)
    if expected is not None:
        _same_config(expected, plan)
    if is_rehearsed():
        raise Rehearsed(rehearsal_of(plan, study.kind, settings, clip))
    if settings.out is None:
        with (
            tempfile.TemporaryDirectory(prefix="clipprobe-") as folder,
            Run.scratch(Path(folder) / "run", kind=study.kind, config=plan.config) as scratch,
        ):
            return StudyResult(view=None, value=plan.execute(scratch).value)
    out = Path(settings.out)
    with Run.open(out, kind=study.kind, config=plan.config, overwrite=settings.overwrite) as run:
        if not run.complete:
            call = marked_call(call_of(study, settings, clip), out)
            _write(run, _executed(plan, run), plan, clip, call)
    return _read(study, out)


def _read(study: Study[S, R], out: Path) -> StudyResult[R]:
    view = load_run(out)
    return StudyResult(view=view, value=cast(R, None) if study.load is None else study.load(view))


def _executed(plan: Plan[R], run: Run) -> Outcome[R]:
    with run.parts_only():
        try:
            return plan.execute(run)
        except RunFolderError:
            raise
        except ClipprobeError as error:
            # The same settings would fail again: bar no next try with others.
            if isinstance(error, DataError) or not run.parts():
                run.abandon()
            raise


def _write(
    run: Run, outcome: Outcome[Any], plan: Plan[Any], clip: Any, call: Mapping[str, Any]
) -> None:
    from clipprobe.report.html import render_html
    from clipprobe.report.markdown import render_markdown

    for name, content in outcome.files:
        run.write(name, content)
    run.write_json("summary.json", outcome.summary())
    page = outcome.page(run)
    for end, text in ((".html", render_html(page)), (".md", render_markdown(page))):
        run.write(f"{outcome.page_name}{end}", text.encode("utf-8", "backslashreplace"))
    run.write_aside(CALL, jsonio.dumps(call))
    dataset = plan.dataset or outcome.dataset
    left_out = (dataset or {}).get("left_out", ())
    skipped = outcome.skipped + sum(one["n"] for one in left_out)
    named = [{"id": i, "reason": one["reason"]} for one in left_out for i in one["examples"]]
    run.finish(
        provenance=_made_by(plan, clip),
        counts={"used": outcome.used, "skipped": skipped, "failed": outcome.failed},
        failures=[*(failure.to_json() for failure in outcome.failures), *named],
        seed=plan.seed,
        dataset=dataset,
    )


def _made_by(plan: Plan[Any], clip: Any) -> dict[str, Any]:
    """The provenance of the plan, with the model as it is now: it may have been edited since."""
    planned = dict(plan.provenance)
    model = planned.get("model")
    if clip is not None and model is not None and hasattr(clip, "provenance"):
        now = clip.provenance()["model"]
        if now.get("id") == model.get("id"):  # predictions in a table are nobody's pass
            planned["model"] = now
    return planned


def _same_config(expected: Mapping[str, Any], plan: Plan[Any]) -> None:
    changed = differing(expected, jsonio.plain(plan.config))
    if changed:
        listing = "; ".join(f"{name} was {a}, is {b}" for name, a, b in changed[:3])
        raise ConfigError(
            f"The same call does not lead to the same run any more ({listing}): give what the run "
            "was made from, or make a new run with the verb itself."
        )
