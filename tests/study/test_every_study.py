"""What every study promises. A new study adds a line to ``making.MAKE``, and no test."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from runs.kinds import image_folder
from study.making import MAKE, at_pass, contents, make, run_of, stop

import clipprobe
from clipprobe.errors import ClipprobeError, ConfigError, RunFolderError
from clipprobe.runs import Run, files, load_run
from clipprobe.runs.verify import verify_run
from clipprobe.settings import HOW, marked, settings_of
from clipprobe.study import COMPARISONS, STUDIES, carry_out, rerun

every = pytest.mark.parametrize("kind", sorted(MAKE))
with_model = pytest.mark.parametrize("kind", sorted(k for k, one in MAKE.items() if one.passes))
with_images = pytest.mark.parametrize("kind", sorted(k for k, one in MAKE.items() if one.images))
in_parts = pytest.mark.parametrize("kind", sorted(k for k, one in MAKE.items() if one.parts))
INNER = {"demo", "suite"}
EDIT = {"vision.blocks.0.mlp.post:1": "zero", "text.blocks.0.mlp.post:1": "zero"}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def whole(clip: Any, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The finished run of a kind, made once; never write to it."""
    folder, made = tmp_path_factory.mktemp("whole"), dict[str, Path]()

    def finished(kind: str) -> Path:
        if kind not in made:
            made[kind] = run_of(kind, clip, images, folder / kind).path
        return made[kind]

    return finished


@dataclass(frozen=True)
class Moment:
    """What happened to a run that was stopped when all but its manifest was there.

    Attributes:
        refused: What a second writer was told meanwhile, without and with overwrite.
        left: The parts that were there.
        first, second: Passes until it was stopped, and to its end.
        contents: Of the finished run.
    """

    refused: list[str]
    left: list[str]
    first: int
    second: int
    contents: dict[str, bytes]


@pytest.fixture(scope="module")
def last_moment(clip: Any, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of a kind stopped at its last moment and gone on with, made once."""
    folder, made = tmp_path_factory.mktemp("moment"), dict[str, Moment]()
    finish = Run.finish

    def moment(kind: str) -> Moment:
        out, refused = folder / kind, list[str]()

        def stopped(run: Run, **given: Any) -> None:
            if run.path != out:  # an inner one
                return finish(run, **given)
            for overwrite in (False, True):
                with pytest.raises(RunFolderError) as error:
                    make(kind, clip, images, out, overwrite=overwrite)
                refused.append(str(error.value))
            stop()

        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Run, "finish", stopped)
            with at_pass(0, stop) as first:
                make(kind, clip, images, out)
        parts = out / "parts"
        left = [path.name for path in parts.iterdir()] if parts.is_dir() else []
        with at_pass(0, stop) as second:
            make(kind, clip, images, out)
        return Moment(refused, left, len(first), len(second), contents(out))

    def found(kind: str) -> Moment:
        if kind not in made:
            made[kind] = moment(kind)
        return made[kind]

    return found


@pytest.fixture(scope="module")
def otherwise(clip: Any, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of a kind with every setting changed that only says how, and what its progress told."""
    folder, made = tmp_path_factory.mktemp("otherwise"), dict[str, Any]()

    def found(kind: str) -> tuple[Path, list[tuple[Any, ...]]]:
        if kind not in made:
            told: list[tuple[Any, ...]] = []
            others = {
                "workers": 0,
                "checkpoint_seconds": 0.0,
                "progress": lambda *numbers: told.append(numbers),
            }
            how = marked(STUDIES[kind].settings, HOW)
            changed = {name: value for name, value in others.items() if name in how}
            make(kind, clip, images, folder / kind, **changed)
            made[kind] = folder / kind, told
        given: tuple[Path, list[tuple[Any, ...]]] = made[kind]
        return given

    return found


def test_every_study_of_the_table_is_held_to_the_promises() -> None:
    assert set(MAKE) == set(STUDIES)


@every
def test_a_run_is_what_its_manifest_says(kind: str, whole: Any) -> None:
    view = load_run(whole(kind))
    assert view.kind == STUDIES[kind].kind
    assert all(one.sound and not one.unlisted for one in verify_run(view.path))
    for item in view.summary["headline"]:
        assert item["meaning"] and {"value", "low", "high", "n"} <= set(item["estimate"])


@every
def test_a_finished_run_is_recognised_without_a_pass(
    kind: str, whole: Any, clip: Any, images: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(whole(kind), tmp_path / "run"))
    before = contents(run)
    with at_pass(0, stop) as seen:
        made = make(kind, clip, images, run)
    assert not seen and contents(run) == before
    assert made.value is not None or STUDIES[kind].load is None


@every
def test_another_setting_is_refused_by_name_and_overwrite_replaces(
    kind: str, whole: Any, clip: Any, images: Path, tmp_path: Path
) -> None:
    run, change = Path(shutil.copytree(whole(kind), tmp_path / "run")), MAKE[kind].changed(images)
    before = contents(run)
    with pytest.raises(RunFolderError, match=r"was .*, asked is"):
        make(kind, clip, images, run, **change)
    assert contents(run) == before
    make(kind, clip, images, run, overwrite=True, **change)
    assert contents(run)["config.json"] != before["config.json"]
    make(kind, clip, images, run, overwrite=True)
    assert contents(run) == before


@every
def test_a_folder_of_other_files_is_left_alone(
    kind: str, clip: Any, images: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")
    for overwrite in (False, True):
        with pytest.raises(RunFolderError, match="other files"):
            make(kind, clip, images, tmp_path, overwrite=overwrite)
    assert contents(tmp_path) == {"thesis.tex": b"all of it"}


@with_model
def test_a_run_that_is_interrupted_twice_goes_on_to_the_same_bytes(
    kind: str, whole: Any, clip: Any, images: Path, tmp_path: Path
) -> None:
    for at in (1, 2):
        with at_pass(at, stop) as seen, pytest.raises(KeyboardInterrupt):
            make(kind, clip, images, tmp_path)
        assert len(seen) == at and not (tmp_path / "manifest.json").exists()
    make(kind, clip, images, tmp_path)
    assert contents(tmp_path) == contents(whole(kind))


@in_parts
def test_what_a_killed_run_left_is_used(kind: str, whole: Any, last_moment: Any) -> None:
    """Stopped when all parts are there, it needs fewer passes than from nothing."""
    moment = last_moment(kind)
    assert set(moment.left) - {".ledger"}, "no part was there"
    assert moment.second < moment.first and moment.contents == contents(whole(kind))


@every
def test_a_changed_run_is_not_believed(
    kind: str, whole: Any, clip: Any, images: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(whole(kind), tmp_path / "run"))
    (run / "summary.json").write_text("{}")
    with pytest.raises(RunFolderError, match=r"damaged \(summary\.json"):
        make(kind, clip, images, run)


@with_images
def test_images_that_cannot_be_read_leave_no_run(kind: str, clip: Any, tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "images")
    for path in folder.glob("*.png"):
        path.write_bytes(b"not an image")
    with pytest.raises(ClipprobeError) as refused:
        make(kind, clip, folder, tmp_path / "run")
    assert "\n" not in str(refused.value) and not (tmp_path / "run").exists()


@with_images
def test_a_place_without_images_leaves_no_run(kind: str, clip: Any, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for place in (tmp_path / "images", tmp_path / "nowhere"):
        with pytest.raises(ClipprobeError) as refused:
            make(kind, clip, place, tmp_path / "run")
        assert "\n" not in str(refused.value) and not (tmp_path / "run").exists()


@every
def test_one_writer_at_a_time(kind: str, whole: Any, last_moment: Any) -> None:
    """A second process, also one that would overwrite, is refused while the first works."""
    moment = last_moment(kind)
    assert len(moment.refused) == 2
    assert all("open in this process already" in text for text in moment.refused)
    assert moment.contents == contents(whole(kind))


@every
def test_a_full_disk_is_said_and_the_rest_is_kept(
    kind: str, whole: Any, clip: Any, images: Path, tmp_path: Path
) -> None:
    writes: list[int] = []

    def full(handle: int) -> None:
        writes.append(handle)
        if len(writes) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(RunFolderError, match="free some space"):
            make(kind, clip, images, tmp_path)
    assert not (tmp_path / "manifest.json").exists()
    make(kind, clip, images, tmp_path)
    assert contents(tmp_path) == contents(whole(kind))


@with_model
def test_nothing_is_written_under_an_open_intervention(
    kind: str, clip: Any, images: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="changed by"), clipprobe.intervene(clip, EDIT):
        make(kind, clip, images, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@with_model
def test_a_model_that_changes_during_a_run_leaves_no_run(
    kind: str, clip: Any, images: Path, tmp_path: Path
) -> None:
    """Edited through ``.data``, which no counter of versions sees."""
    if kind in INNER:
        pytest.skip("its inner runs see to it")
    weight = clip.module.vision_model.encoder.layers[0].mlp.fc1.weight.data
    before, write = weight.clone(), Run.write_json

    def edited(run: Run, name: str, value: Any) -> Path:
        if name == "summary.json":
            weight[0, 0] += 1e-3
        return write(run, name, value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "write_json", edited)
        try:
            with pytest.raises(RunFolderError, match="not the one that the run was opened with"):
                make(kind, clip, images, tmp_path / "run")
        finally:
            weight.copy_(before)
    assert not (tmp_path / "run").exists()


@every
def test_what_does_not_change_the_result_changes_no_byte(
    kind: str, whole: Any, otherwise: Any
) -> None:
    run, _ = otherwise(kind)
    assert contents(run) == contents(whole(kind))


@every
def test_the_folder_alone_makes_the_run_again(
    kind: str, whole: Any, clip: Any, load_tiny: Any, tmp_path: Path
) -> None:
    again = rerun(whole(kind), tmp_path / "again")
    assert contents(again.path) == contents(whole(kind))
    if MAKE[kind].passes:
        with pytest.raises(ConfigError, match="does not lead to the same run"):
            rerun(whole(kind), tmp_path / "other", clip=load_tiny("siglip"))
        assert not (tmp_path / "other").exists()


@every
def test_progress_never_goes_back_and_comes_to_its_end(kind: str, otherwise: Any) -> None:
    if "progress" not in {one.name for one in settings_of(STUDIES[kind].settings)}:
        pytest.skip("this study tells nobody how far it is")
    _, told = otherwise(kind)
    assert told
    if len(told[0]) == 2:  # done and total
        done = [one[0] for one in told]
        assert done == sorted(done) and told[-1][0] == told[-1][1]
    elif len(told[0]) == 3:  # step, done and total, which is 0 where nobody knows it
        for step in {one[0] for one in told}:
            done = [one[1] for one in told if one[0] == step]
            total = {one[2] for one in told if one[0] == step}
            assert done == sorted(done) and total in ({0}, {done[-1]}), step
    else:  # newly done
        assert all(one[0] >= 0 for one in told) and sum(one[0] for one in told) > 0


@pytest.mark.parametrize("kind", sorted({STUDIES[k].kind for k in MAKE} & set(COMPARISONS)))
def test_a_run_compared_with_its_copy_shows_no_difference(
    kind: str, whole: Any, tmp_path: Path
) -> None:
    copy = shutil.copytree(whole(kind), tmp_path / "copy")
    study = COMPARISONS[kind]
    settings = study.settings(a=whole(kind), b=copy, out=tmp_path / "out")
    summary = carry_out(study, settings, None).run.summary
    assert summary["headline"]
    for item in summary["headline"]:
        assert item["estimate"]["value"] in (0.0, None)
