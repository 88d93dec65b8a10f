"""The wheel holds everything that runs, and runs where the source is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import clipprobe

ROOT = Path(__file__).parents[2]
PACKAGES = ("attacks", "clipprobe", "dashboard")
LEAVE_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a wheel is built from, so that building leaves the tree as it is."""
    copy = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=LEAVE_OUT)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, cwd=out
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = out.glob("*.whl")
    return made


def test_the_wheel_holds_every_file_of_the_packages(source: Path, wheel: Path) -> None:
    expected = {
        path.relative_to(source).as_posix()
        for name in PACKAGES
        for path in (source / name).rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == expected
    for needed in (
        "clipprobe/py.typed",
        "clipprobe/report/templates/page.html.j2",
        "clipprobe/report/templates/style.css",
        "dashboard/app.py",
    ):
        assert needed in held
    assert any(name.startswith("dashboard/views/") for name in held)
    assert any(name.endswith(".safetensors") for name in held)


def test_names_and_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = f"clipprobe-{clipprobe.__version__}.dist-info"
        assert archive.read(f"{info}/top_level.txt").decode().split() == list(PACKAGES)
        assert "clipprobe = clipprobe.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
        assert b"MIT License" in archive.read(f"{info}/licenses/LICENSE")
        metadata = archive.read(f"{info}/METADATA").decode()
        for name in ("attacks/__init__.py", "dashboard/__init__.py"):
            assert "__clipprobe__" in archive.read(name).decode()
    assert "License-Expression: MIT" in metadata and "Requires-Python: >=3.11" in metadata
    for extra in ("dashboard", "openclip", "ray", "datasets", "dev"):
        assert f"Provides-Extra: {extra}\n" in metadata


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment with the wheel, which borrows the dependencies of this one."""
    place = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    own = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    # A path in a .pth file is searched last, and .pth files in it (editable installs) do not count.
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(own) / "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n")
    return place


def run(installed: Path, tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        [str(installed / "bin" / command[0]), *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )


def test_an_installed_wheel_runs_without_the_source(installed: Path, tmp_path: Path) -> None:
    where = "import clipprobe, attacks; print(clipprobe.__file__, attacks.__file__, sep='\\n')"
    done = run(installed, tmp_path, "python", "-c", where)
    assert done.returncode == 0, done.stderr
    assert all(Path(line).is_relative_to(installed) for line in done.stdout.split())
    done = run(installed, tmp_path, "clipprobe", "--version")
    assert done.stdout == f"clipprobe {clipprobe.__version__}\n"
    done = run(installed, tmp_path, "clipprobe", "demo", "--help")
    assert done.returncode == 0 and "--out" in done.stdout, done.stderr


def test_an_installed_wheel_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "clipprobe", "demo", "--concepts", "8", "--out", "demo")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo" / "manifest.json").is_file()
    page = (tmp_path / "demo" / "index.html").read_text(encoding="utf-8")
    assert "<h1>" in page and page.count("data:image/") > 0


def test_an_installed_wheel_writes_a_report(installed: Path, tmp_path: Path) -> None:
    script = (
        "from clipprobe.report import *\n"
        "write_html(Page('t', sections=[Section('s', [Paragraph('p')])]), 'r.html')"
    )
    done = run(installed, tmp_path, "python", "-c", script)
    assert done.returncode == 0, done.stderr
    assert "<h1>t</h1>" in (tmp_path / "r.html").read_text(encoding="utf-8")
