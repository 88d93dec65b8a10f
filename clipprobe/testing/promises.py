"""What every study promises, as checks: ``promise(case, place)`` with an empty folder each.

@pytest.mark.parametrize("promise", PROMISES)
def test_mine(promise, tmp_path):
    promise(Case(study=MINE, ..., place=tmp_path), tmp_path / "run")
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

import clipprobe
from clipprobe.errors import ClipprobeError, ConfigError, RunFolderError
from clipprobe.runs import Run, load_run
from clipprobe.runs.verify import verify_run
from clipprobe.settings import settings_of
from clipprobe.study import Study, rerun
from clipprobe.testing.cases import Case, Small, at_pass, contents, image_folder, stop
from clipprobe.testing.moments import last_moment, otherwise

Promise = Callable[[Case, Path], None]
EDIT: Mapping[str, Literal["zero"]] = {
    "vision.blocks.0.mlp.post:1": "zero",
    "text.blocks.0.mlp.post:1": "zero",
}


def a_run_is_what_its_manifest_says(case: Case, place: Path) -> None:
    view = load_run(case.whole)
    assert view.kind == case.study.kind
    assert all(one.sound and not one.unlisted for one in verify_run(view.path))
    for item in view.summary["headline"]:
        assert item["meaning"] and {"value", "low", "high", "n"} <= set(item["estimate"])


def a_finished_run_is_recognised_without_a_pass(case: Case, place: Path) -> None:
    run = Path(shutil.copytree(case.whole, place))
    before = contents(run)
    with at_pass(0, stop) as passes:
        finished = case.make(run)
    assert not passes and contents(run) == before
    assert finished.value is not None or case.study.load is None


def another_setting_is_refused_by_name_and_overwrite_replaces(case: Case, place: Path) -> None:
    run, change = Path(shutil.copytree(case.whole, place)), case.changed()
    before = contents(run)
    with pytest.raises(RunFolderError, match=r"was .*, is now"):
        case.make(run, **change)
    assert contents(run) == before
    case.make(run, overwrite=True, **change)
    assert contents(run)["config.json"] != before["config.json"]
    case.make(run, overwrite=True)
    assert contents(run) == before


def a_folder_of_other_files_is_left_alone(case: Case, place: Path) -> None:
    place.mkdir()
    (place / "thesis.tex").write_text("all of it")
    for overwrite in (False, True):
        with pytest.raises(RunFolderError, match="other files"):
            case.make(place, overwrite=overwrite)
    assert contents(place) == {"thesis.tex": b"all of it"}


def a_run_that_is_interrupted_twice_goes_on_to_the_same_bytes(case: Case, place: Path) -> None:
    for at in (1, 2):
        with at_pass(at, stop) as passes, pytest.raises(KeyboardInterrupt):
            case.make(place)
        assert len(passes) == at and not (place / "manifest.json").exists()
    case.make(place)
    assert contents(place) == contents(case.whole)


def what_a_killed_run_left_is_used(case: Case, place: Path) -> None:
    """Stopped when all parts are there, it needs fewer passes than from nothing."""
    moment = last_moment(case)
    assert set(moment.left) - {".ledger"}, "no part was there"
    assert moment.second < moment.first and moment.contents == contents(case.whole)


def a_changed_run_is_not_believed(case: Case, place: Path) -> None:
    run = Path(shutil.copytree(case.whole, place))
    (run / "summary.json").write_text("{}")
    with pytest.raises(RunFolderError, match=r"damaged \(summary\.json"):
        case.make(run)


def images_that_cannot_be_read_leave_no_run(case: Case, place: Path) -> None:
    folder = image_folder(place / "images")
    for path in folder.glob("*.png"):
        path.write_bytes(b"not an image")
    with pytest.raises(ClipprobeError) as refused:
        case.make(place / "run", images=folder)
    assert "\n" not in str(refused.value) and not (place / "run").exists()


def a_place_without_images_leaves_no_run(case: Case, place: Path) -> None:
    (place / "images").mkdir(parents=True)
    for nothing in (place / "images", place / "nowhere"):
        with pytest.raises(ClipprobeError) as refused:
            case.make(place / "run", images=nothing)
        assert "\n" not in str(refused.value) and not (place / "run").exists()


def one_writer_at_a_time(case: Case, place: Path) -> None:
    """A second writer, also one that would overwrite, is refused while the first works."""
    moment = last_moment(case)
    assert len(moment.refused) == 2
    assert all("open in this process already" in text for text in moment.refused)
    assert moment.contents == contents(case.whole)


def a_full_disk_is_said_and_the_rest_is_kept(case: Case, place: Path) -> None:
    writes: list[int] = []

    def full(handle: int) -> None:
        writes.append(handle)
        if len(writes) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunFolderError, match="free some space"):
            case.make(place)
    assert not (place / "manifest.json").exists()
    case.make(place)
    assert contents(place) == contents(case.whole)


def nothing_is_written_under_an_open_intervention(case: Case, place: Path) -> None:
    with pytest.raises(ConfigError, match="changed by"), clipprobe.intervene(case.clip, EDIT):
        case.make(place)
    assert not place.exists()


def a_model_that_changes_during_a_run_leaves_no_run(case: Case, place: Path) -> None:
    """Edited through ``.data``, which no counter of versions sees."""
    weight = next(p for p in case.clip.module.vision_model.parameters() if p.ndim > 1).data
    before, write = weight.clone(), Run.write_json

    def edited(run: Run, name: str, value: Any) -> Path:
        if name == "summary.json":
            weight[0, 0] += 1e-3
        return write(run, name, value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "write_json", edited)
        try:
            with pytest.raises(RunFolderError, match="not the one that the run was opened with"):
                case.make(place)
        finally:
            weight.copy_(before)
    assert not place.exists()


def what_does_not_change_the_result_changes_no_byte(case: Case, place: Path) -> None:
    assert contents(otherwise(case).path) == contents(case.whole)


def the_folder_alone_makes_the_run_again(case: Case, place: Path) -> None:
    again = rerun(case.whole, place / "again")
    assert contents(again.path) == contents(case.whole)
    if case.passes and case.other is not None:
        with pytest.raises(ConfigError, match="does not lead to the same run"):
            rerun(case.whole, place / "other", clip=case.other())
        assert not (place / "other").exists()


def progress_never_goes_back_and_comes_to_its_end(case: Case, place: Path) -> None:
    calls = otherwise(case).told
    assert calls
    if len(calls[0]) == 2:  # done and total
        done = [one[0] for one in calls]
        assert done == sorted(done) and calls[-1][0] == calls[-1][1]
    elif len(calls[0]) == 3:  # step, done and total, which is 0 where nobody knows it
        for step in {one[0] for one in calls}:
            done = [one[1] for one in calls if one[0] == step]
            total = {one[2] for one in calls if one[0] == step}
            assert done == sorted(done) and total in ({0}, {done[-1]}), step
    else:  # newly done
        assert all(one[0] >= 0 for one in calls) and sum(one[0] for one in calls) > 0


PROMISES: tuple[Promise, ...] = (
    a_run_is_what_its_manifest_says,
    a_finished_run_is_recognised_without_a_pass,
    another_setting_is_refused_by_name_and_overwrite_replaces,
    a_folder_of_other_files_is_left_alone,
    a_run_that_is_interrupted_twice_goes_on_to_the_same_bytes,
    what_a_killed_run_left_is_used,
    a_changed_run_is_not_believed,
    images_that_cannot_be_read_leave_no_run,
    a_place_without_images_leaves_no_run,
    one_writer_at_a_time,
    a_full_disk_is_said_and_the_rest_is_kept,
    nothing_is_written_under_an_open_intervention,
    a_model_that_changes_during_a_run_leaves_no_run,
    what_does_not_change_the_result_changes_no_byte,
    the_folder_alone_makes_the_run_again,
    progress_never_goes_back_and_comes_to_its_end,
)
"""Every check; which of them a study can be held to, :func:`applies` says."""

_NEEDS: dict[Promise, Callable[[Small, Study[Any, Any]], bool]] = {
    a_run_that_is_interrupted_twice_goes_on_to_the_same_bytes: lambda case, _: case.passes,
    what_a_killed_run_left_is_used: lambda case, _: case.parts,
    images_that_cannot_be_read_leave_no_run: lambda case, _: bool(case.images),
    a_place_without_images_leaves_no_run: lambda case, _: bool(case.images),
    nothing_is_written_under_an_open_intervention: lambda case, _: case.passes,
    # Runs inside a run see to it themselves.
    a_model_that_changes_during_a_run_leaves_no_run: lambda case, _: case.passes and not case.inner,
    progress_never_goes_back_and_comes_to_its_end: lambda _, study: (
        "progress" in {one.name for one in settings_of(study.settings)}
    ),
}


def applies(promise: Promise, case: Small, study: Study[Any, Any]) -> bool:
    """Whether a study can be held to a promise: one without images has none to lose."""
    return promise not in _NEEDS or _NEEDS[promise](case, study)
