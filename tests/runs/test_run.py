"""The run folder: resumed, recognised, refused, never half written."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipprobe.errors import RunFolderError
from clipprobe.runs import Run, list_runs, load_run
from clipprobe.runs.files import TEMPORARY
from clipprobe.runs.ledger import LEDGER
from clipprobe.runs.lock import LOCK

CONFIG = {"seed": 0, "words": ["ipod", "pizza"], "size": 0.12}


def start(path: Path, **changes: Any) -> Run:
    return Run.open(path, kind="typographic", config={**CONFIG, **changes})


def finish(run: Run) -> None:
    run.write_table("images.parquet", {"image": ["a"], "correct": [True]})
    run.write_json("summary.json", {"kind": run.kind, "headline": []})
    run.finish(counts={"used": 1}, seed=0)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (LEDGER, LOCK)
    }


def test_an_unfinished_run_goes_on_with_its_parts(tmp_path: Path) -> None:
    with start(tmp_path / "run") as first:
        first.write_table("parts/00000.parquet", {"x": [1, 2]})
    again = start(tmp_path / "run", words=("ipod", "pizza"))  # JSON knows no tuples
    assert not again.complete
    assert again.parts(".parquet") == ["parts/00000.parquet"]
    assert again.part("00000.parquet").is_file() and again.has("parts/00000.parquet")
    assert again.read_table("parts/00000.parquet").to_pydict() == {"x": [1, 2]}


def test_a_complete_run_is_recognised_and_its_parts_are_gone(tmp_path: Path) -> None:
    run = start(tmp_path)
    run.write_arrays("parts/0.safetensors", {"x": np.zeros(2)})
    finish(run)
    (tmp_path / "parts").mkdir()  # as after a kill right behind the manifest
    assert run.complete and start(tmp_path).complete
    assert not (tmp_path / "parts").exists()
    view = load_run(tmp_path)
    assert view.kind == "typographic" and view.summary["kind"] == "typographic"
    assert view.manifest["counts"] == {"used": 1, "skipped": 0, "failed": 0}
    assert view.read_table("images.parquet").to_pydict() == {"image": ["a"], "correct": [True]}


def test_another_configuration_is_refused_with_the_difference(tmp_path: Path) -> None:
    start(tmp_path)
    with pytest.raises(RunFolderError) as caught:
        start(tmp_path, seed=1, size=None)
    assert "config.seed was 0, is now 1" in str(caught.value)
    assert "config.size was 0.12, is now absent" in str(caught.value)
    with pytest.raises(RunFolderError, match='kind was "typographic", is now "bias"'):
        Run.open(tmp_path, kind="bias", config=CONFIG)
    with pytest.raises(RunFolderError, match=r"config.seed was 0, is now false"):
        start(tmp_path, seed=False)  # False == 0 in Python, not as a setting


def test_half_a_run_of_another_version_is_refused_a_complete_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(tmp_path / "half")
    finish(start(tmp_path / "whole"))
    monkeypatch.setattr("clipprobe.version.__version__", "99.0")
    with pytest.raises(RunFolderError, match=r'is now "99.0"'):
        start(tmp_path / "half")
    assert start(tmp_path / "whole").complete


def test_overwrite_empties_a_run_and_nothing_else(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("all of it")
    with pytest.raises(RunFolderError, match=r"'thesis.tex'.*no run"):
        Run.open(precious, kind="k", config={}, overwrite=True)
    finish(start(tmp_path / "run"))
    (tmp_path / "run" / "link").symlink_to(precious)
    (tmp_path / "run" / "notes.txt").write_text("mine")
    fresh = Run.open(tmp_path / "run", kind="k", config={}, overwrite=True)
    assert not fresh.complete and not fresh.has("images.parquet")
    fresh.close()
    there = sorted(path.name for path in fresh.path.iterdir())
    assert there == ["config.json", "link", "notes.txt"]
    assert (precious / "thesis.tex").read_text() == "all of it"


def test_a_config_file_of_somebody_else_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(RunFolderError, match="not one of a clipprobe run"):
        Run.open(tmp_path, kind="k", config={}, overwrite=True)
    assert (tmp_path / "config.json").read_text() == '{"model_type": "clip"}'


def test_a_full_disk_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(tmp_path)
    run.write_table("parts/0.parquet", {"x": [1]})
    run.write_json("summary.json", {"kind": "old"})
    before = contents(tmp_path)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for write in (
            lambda: run.write_json("summary.json", {"kind": "new"}),
            lambda: run.write_table("parts/1.parquet", {"x": [2]}),
            lambda: run.finish(counts={"used": 1}, seed=0),
        ):
            with pytest.raises(RunFolderError, match=r"No space left.*free some space") as caught:
                write()
            assert str(caught.value).count("\n") == 0
    assert contents(tmp_path) == before
    assert not run.complete
    run.close()
    finish(start(tmp_path))
    assert load_run(tmp_path).summary["kind"] == "typographic"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "run", Path("/dev/null/run")):
        with pytest.raises(RunFolderError, match="could not be used"):
            start(place)


KILLED = """
import os, signal, sys
from clipprobe.runs import Run, files
run = Run.open(sys.argv[1], kind="typographic", config={"seed": 0})
run.write_table("parts/0.parquet", {"x": [1]})
def half(path):
    path.write_bytes(b"PAR1 half of it")
    os.kill(os.getpid(), signal.SIGKILL)
files.write_atomically(run.part("1.parquet"), half)
"""


def test_a_killed_run_resumes_without_half_a_file(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(RunFolderError, match="not finished"):
        load_run(tmp_path)
    assert [p.name for p in (tmp_path / "parts").iterdir() if TEMPORARY in p.name]
    run = Run.open(tmp_path, kind="typographic", config={"seed": 0})
    assert run.parts() == ["parts/0.parquet"] and not run.has("parts/1.parquet")
    finish(run)
    assert sorted(contents(tmp_path)) == [
        "config.json", "images.parquet", "manifest.json", "summary.json"
    ]  # fmt: skip
    assert not list(tmp_path.rglob(f"{TEMPORARY}*"))


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    failures = [{"id": "b", "reason": "empty"}, {"id": "a", "reason": "empty"}]
    for name, order in (("one", 1), ("two", -1)):
        run = Run.open(tmp_path / name, kind="k", config=dict(list(CONFIG.items())[::order]))
        run.write_json("summary.json", dict(list({"kind": "k", "headline": []}.items())[::order]))
        run.write_table("t.parquet", {"x": np.arange(5)})
        run.finish(
            counts={"used": 5, "failed": 2},
            failures=failures[::order],
            seed=3,
            provenance={"model": {"id": "m"}, "versions": {"torch": "1"}},
        )
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert load_run(tmp_path / "one").manifest["versions"]["torch"] == "1"


@pytest.mark.parametrize("name", ["../x.json", "/etc/x.json", "a/../../x.json", "", "a\\b", "a\0b"])
def test_names_stay_in_the_folder(tmp_path: Path, name: str) -> None:
    run = start(tmp_path / "run")
    with pytest.raises(RunFolderError, match="leads out"):
        run.write_json(name, {})
    with pytest.raises(RunFolderError, match="leads out"):
        run.has(name)


def test_runs_are_listed_with_their_inner_runs(tmp_path: Path) -> None:
    demo = Run.open(tmp_path / "demo", kind="demo", config={})
    finish(start(tmp_path / "demo" / "typo"))
    (tmp_path / "demo" / "checkpoint").mkdir()
    (tmp_path / "demo" / "checkpoint" / "config.json").write_text('{"model_type": "clip"}')
    finish(demo)
    start(tmp_path / "unfinished")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    (tmp_path / "demo" / "loop").symlink_to(tmp_path)
    names = [run.path.relative_to(tmp_path).as_posix() for run in list_runs(tmp_path)]
    assert names == ["demo", "demo/typo"]
    listed = load_run(tmp_path / "demo").manifest["files"]
    assert not [name for name in listed if "typo" in name]
    assert "checkpoint/config.json" not in listed  # nobody said that it is the run's


def test_damage_is_reported_in_one_sentence(tmp_path: Path) -> None:
    finish(start(tmp_path))
    view = load_run(tmp_path)
    (tmp_path / "images.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "arrays.safetensors").write_bytes(b"no")
    with pytest.raises(RunFolderError, match=r"damaged \(images.parquet has 7 bytes instead of"):
        view.read_table("images.parquet")
    with pytest.raises(RunFolderError, match=r"arrays.safetensors.*cannot be read"):
        view.read_arrays("arrays.safetensors")
    with pytest.raises(RunFolderError, match=r"no other\.parquet: give a run of the .*--overwrite"):
        view.read_table("other.parquet")
    (tmp_path / "manifest.json").write_text('{"format": "clipprobe-run", "schema_version": 99}')
    with pytest.raises(RunFolderError, match="schema version 99"):
        load_run(tmp_path)
    with pytest.raises(RunFolderError, match="holds no run"):
        load_run(tmp_path / "nowhere")


def test_an_abandoned_run_bars_no_next_try(tmp_path: Path) -> None:
    run = Run.open(tmp_path / "run", kind="test", config={"a": 1})
    run.write_json("parts/x.json", 1)
    run.abandon()
    assert not (tmp_path / "run").exists()
    again = Run.open(tmp_path / "run", kind="test", config={"a": 2})
    again.finish(counts={"used": 0, "skipped": 0, "failed": 0}, seed=0)
    done = Run.open(tmp_path / "run", kind="test", config={"a": 2})
    done.abandon()
    assert (tmp_path / "run" / "manifest.json").is_file()
