"""Two processes on one run folder: one works, the other is told who does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clipprobe.errors import RunFolderError
from clipprobe.runs import Run
from clipprobe.runs.lock import LOCK
from clipprobe.testing import image_folder

# Reads lines "kind out seconds", waits so long, makes the run and answers with one line.
WORKER = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[3:]
import clipprobe
from clipprobe.errors import RunFolderError
from runs.kinds import KINDS
clip = clipprobe.load(sys.argv[1], device="cpu")
KINDS["bias"](clip, Path(sys.argv[2]), Path(sys.argv[2] + "-warm") / str(id(clip)))
print("ready", flush=True)
for line in sys.stdin:
    kind, out, seconds = line.split()
    time.sleep(float(seconds))
    try:
        KINDS[kind](clip, Path(sys.argv[2]), Path(out))
        print("done", flush=True)
    except RunFolderError as error:
        print(f"refused {error}", flush=True)
"""


class Worker:
    """A process with a loaded model."""

    def __init__(self, model: Path, images: Path) -> None:
        roots = [str(Path(__file__).parents[1]), *sys.path]
        command = [sys.executable, "-c", WORKER, str(model), str(images), *roots]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def send(self, kind: str, out: Path, seconds: float) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{kind} {out} {seconds}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_second_opening_is_refused_until_the_first_ends(tmp_path: Path, overwrite: bool) -> None:
    def start() -> Run:
        return Run.open(tmp_path / "run", kind="k", config={}, overwrite=overwrite)

    first = start()
    with pytest.raises(RunFolderError, match="open in this process already"):
        start()
    first.close()
    with pytest.raises(RunFolderError, match="not open for writing"):
        first.write_json("late.json", {})
    with pytest.raises(ZeroDivisionError), start() as second:
        second.write_json("parts/0.json", 1 // 0)
    third = start()
    third.finish(counts={}, seed=0)
    assert start().complete is not overwrite
    assert not (tmp_path / "run" / LOCK).exists()
    del third  # let go of without closing: nothing bars the next


def test_a_complete_run_is_opened_without_a_lock(tmp_path: Path) -> None:
    with Run.open(tmp_path / "run", kind="k", config={}) as run:
        run.finish(counts={}, seed=0)
    before = (tmp_path / "run").stat().st_mtime_ns
    with (
        Run.open(tmp_path / "run", kind="k", config={}) as one,
        Run.open(tmp_path / "run", kind="k", config={}) as two,
    ):
        assert one.complete and two.complete
    assert (tmp_path / "run").stat().st_mtime_ns == before  # no lock was made there


HOLDER = """
import sys, time
from clipprobe.runs import Run
run = Run.open(sys.argv[1], kind="k", config={})
run.write_json("parts/0.json", 7)
print("open", flush=True)
time.sleep(60)
"""


def test_the_holder_is_named_and_its_death_frees_the_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout and holder.stdout.readline() == "open\n"
        for overwrite in (False, True):
            with pytest.raises(RunFolderError) as refused:
                Run.open(tmp_path, kind="k", config={}, overwrite=overwrite)
            said = str(refused.value)
            assert f"in use by process {holder.pid} on {os.uname().nodename} (-c " in said
            assert ", since 2" in said and "\n" not in said
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
    assert (tmp_path / LOCK).is_file()  # left behind, and bars nobody
    with Run.open(tmp_path, kind="k", config={}) as run:
        assert run.has("parts/0.json") and run.read_json("parts/0.json") == 7
        run.finish(counts={}, seed=0)
    assert sorted(contents(tmp_path)) == ["config.json", "manifest.json"]


def test_a_holder_that_ends_while_it_is_asked_for_bars_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Run.open(tmp_path / "run", kind="k", config={})

    def ended(path: Path) -> dict[str, object]:
        if path.exists():
            first.close()
        return {}

    monkeypatch.setattr("clipprobe.runs.lock._holder", ended)
    with Run.open(tmp_path / "run", kind="k", config={}) as second:
        second.write_json("parts/0.json", 1)
    assert second.has("parts/0.json")


def test_a_folder_of_somebody_else_gets_no_lock(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(RunFolderError, match="no run"):
        Run.open(tmp_path, kind="k", config={}, overwrite=True)
    assert sorted(contents(tmp_path)) == ["thesis.tex"]


def test_two_processes_never_share_a_run(checkpoint: Any, tmp_path: Path) -> None:
    """Twenty starts for each of three kinds, from at once to after the other has finished."""
    images, model = image_folder(tmp_path / "images", n=12), checkpoint("clip")
    workers = [Worker(model, images) for _ in range(2)]
    try:
        assert [worker.answer() for worker in workers] == ["ready", "ready"]
        refused = 0
        for kind in ("typographic", "atlas", "bias"):
            whole = tmp_path / f"{kind}-alone"
            workers[0].send(kind, whole, 0)
            assert workers[0].answer() == "done"
            for number in range(20):
                out = tmp_path / f"{kind}-{number}"
                for worker, seconds in zip(workers, (0, 0.02 * number), strict=True):
                    worker.send(kind, out, seconds)
                said = [worker.answer() for worker in workers]
                losers = [i for i, one in enumerate(said) if one != "done"]
                assert len(losers) <= 1
                for i in losers:
                    other = workers[1 - i].process.pid
                    assert said[i].startswith(f"refused The run folder {out} is in use by process ")
                    assert f"process {other} on" in said[i]
                refused += len(losers)
                assert contents(out) == contents(whole)
        assert refused >= 10
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.communicate()
