"""Makefile and CI script: what they say on a machine that lacks something, and what they run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE = shutil.which("make")
BASH = shutil.which("bash")

pytestmark = pytest.mark.skipif(not (MAKE and BASH), reason="needs make and bash")


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH with a shell and what the scripts call, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "bash", "touch", "dirname", "test", "echo"):
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    return folder


def make(bare: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(bare), "HOME": os.environ.get("HOME", "/"), **more}
    return subprocess.run(
        [str(MAKE), "-C", str(ROOT), "--no-print-directory", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def test_help_is_what_make_alone_says(bare: Path) -> None:
    done = make(bare)
    assert done.returncode == 0
    assert all(f"make {name}" in done.stdout for name in "demo dashboard test lint bench".split())


def test_no_python(bare: Path, tmp_path: Path) -> None:
    done = make(bare, "demo", f"VENV={tmp_path / 'venv'}")
    assert done.returncode == 2
    assert "needs Python 3.11 or newer, and there is no 'python3'" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_an_old_python(bare: Path, tmp_path: Path) -> None:
    script(bare / "python3", 'case "$1" in -V) echo Python 3.9.2;; *) exit 1;; esac')
    done = make(bare, "demo", f"VENV={tmp_path / 'venv'}")
    assert done.returncode == 2 and "'python3' is Python 3.9.2: install one" in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.fixture
def python(bare: Path, tmp_path: Path) -> Path:
    """A Python that records what it is asked, and makes environments of itself."""
    return script(
        bare / "python3",
        f'echo "$@" >> {tmp_path}/log\n'
        'if [ "$1 $2" = "-m venv" ]; then\n'
        f'  /bin/mkdir -p "$3/bin"; /bin/cp {bare}/python3 "$3/bin/python"\nfi',
    )


def asked(tmp_path: Path) -> list[str]:
    return [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("-m")]


def test_demo_installs_once_and_runs(bare: Path, python: Path, tmp_path: Path) -> None:
    arguments = ("demo", f"VENV={tmp_path}/venv", f"OUT={tmp_path}/out")
    for _ in range(2):
        assert make(bare, *arguments).returncode == 0
    pip = "-m pip --disable-pip-version-check --no-input install --quiet"
    assert asked(tmp_path) == [
        f"-m venv {tmp_path}/venv",
        f"{pip} -c constraints.txt -e .[dashboard,dev]",
        f"-m clipprobe demo --out {tmp_path}/out",
        f"-m clipprobe demo --out {tmp_path}/out",
    ]


def test_torch_alone_comes_from_its_index(bare: Path, python: Path, tmp_path: Path) -> None:
    assert (
        make(bare, "install", f"VENV={tmp_path}/venv", "TORCH_INDEX=https://x/cpu").returncode == 0
    )
    installs = [line for line in asked(tmp_path) if " install " in line]
    assert installs[0].endswith("--index-url https://x/cpu -c constraints.txt torch")
    assert len(installs) == 2 and "index-url" not in installs[1]


def test_a_failed_installation_is_tried_again(bare: Path, tmp_path: Path) -> None:
    script(
        bare / "python3",
        'case "$*" in *venv*) /bin/mkdir -p "$3/bin"; /bin/cp "$0" "$3/bin/python";;'
        " *pip*) exit 1;; esac",
    )
    for _ in range(2):
        assert make(bare, "install", f"VENV={tmp_path}/venv").returncode == 2
    assert not list((tmp_path / "venv").glob(".clipprobe*"))


@pytest.mark.parametrize("ci", [False, True])
@pytest.mark.parametrize("chromium", [False, True])
def test_browser_tests_are_never_skipped_in_silence(
    bare: Path, python: Path, tmp_path: Path, ci: bool, chromium: bool
) -> None:
    if chromium:
        script(bare / "chromium", "exit 0")
    done = make(bare, "test", f"VENV={tmp_path}/venv", **({"CI": "true"} if ci else {}))
    assert ("BROWSER TESTS WILL NOT RUN" in done.stderr) is not chromium
    ran = any(line.startswith("-m pytest ") for line in asked(tmp_path))
    assert ran is (chromium or not ci)
    assert (done.returncode == 0) is ran


def ci(bare: Path, tmp_path: Path) -> tuple[int, list[str]]:
    for tool in ("make", "apt-get"):
        body = (
            f'echo "{tool} $*" >> {tmp_path}/ci\necho "CI=$CI $DEBIAN_FRONTEND" >> {tmp_path}/env'
        )
        script(
            bare / tool, body + ('\n[ "$*" != demo ] || exit ${DEMO:-0}' if tool == "make" else "")
        )
    done = subprocess.run(
        [str(BASH), str(ROOT / ".ci" / "run")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": str(bare), "DEMO": os.environ.get("DEMO", "0")},
    )
    assert {"CI=true noninteractive"} == set((tmp_path / "env").read_text().splitlines())
    return done.returncode, (tmp_path / "ci").read_text().splitlines()


def test_ci_installs_what_is_missing_and_ends_with_the_tests(bare: Path, tmp_path: Path) -> None:
    script(bare / "python3", "exit 0")
    code, lines = ci(bare, tmp_path)
    assert code == 0 and lines == [
        "apt-get update -q",
        "apt-get install -y -q --no-install-recommends chromium",
        "make lint",
        "make demo",
        "make test",
    ]


def test_ci_installs_nothing_that_is_there(bare: Path, tmp_path: Path) -> None:
    script(bare / "python3", "exit 0")
    script(bare / "chromium", "exit 0")
    assert ci(bare, tmp_path) == (0, ["make lint", "make demo", "make test"])


def test_ci_stops_at_the_first_failure(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(bare / "python3", "exit 0")
    script(bare / "chromium", "exit 0")
    monkeypatch.setenv("DEMO", "3")
    assert ci(bare, tmp_path) == (3, ["make lint", "make demo"])
