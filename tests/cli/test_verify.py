"""``clipprobe verify``, and commands that are given a folder that they cannot use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.runs import Run
from clipprobe.runs.integrity import LEFTOVERS


def run_cli(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A run with another inside it."""
    folder = tmp_path / "demo"
    with Run.open(folder, kind="demo", config={}) as outer:
        with Run.open(folder / "atlas", kind="atlas", config={}) as inner:
            inner.write_table("values/a.parquet", {"x": [1]})
            inner.finish(counts={}, seed=0)
        outer.write_json("summary.json", {"headline": []})
        outer.finish(counts={}, seed=0)
    return folder


def test_a_sound_run_and_the_one_inside(demo: Path) -> None:
    (demo / "notes.txt").write_text("mine")
    done = run_cli("verify", str(demo))
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"{demo} (demo): 3 files, all as they were written",
        "  notes.txt is not the run's",
        f"{demo / 'atlas'} (atlas): 3 files, all as they were written",
    ]
    found = json.loads(run_cli("verify", str(demo), "--json").stdout)
    assert found["sound"] is True and [one["name"] for one in found["runs"]] == [".", "atlas"]
    assert found["runs"][0]["unlisted"] == ["notes.txt"]
    assert found["runs"][1]["files"] == {
        "manifest.json": "ok", "config.json": "ok", "values/a.parquet": "ok"
    }  # fmt: skip


def test_damage_is_listed_and_the_exit_code_is_one(demo: Path, tmp_path: Path) -> None:
    (demo / "summary.json").unlink()
    table = demo / "atlas" / "values" / "a.parquet"
    table.rename(tmp_path / "a.parquet")
    table.symlink_to(tmp_path / "a.parquet")
    (demo / "config.json").write_bytes((demo / "config.json").read_bytes().replace(b"{}", b"[]"))
    done = run_cli("verify", str(demo))
    assert done.exit_code == 1
    assert f"{demo} (demo): 2 of 3 files damaged\n" in done.stdout
    assert "  summary.json is missing\n" in done.stdout
    assert "  config.json has other content\n" in done.stdout
    assert "  values/a.parquet is a link, or leads out of the folder\n" in done.stdout
    manifest = demo / "atlas" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"seed": 0', '"seed": 1'))
    assert "  manifest.json was changed\n" in run_cli("verify", str(demo)).stdout
    manifest.unlink()
    done = run_cli("verify", str(demo), "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["runs"][1]["problem"] == "it is not finished"
    manifest.write_text("{")
    assert "cannot be read" in run_cli("verify", str(demo)).stdout


def test_what_is_not_a_run(tmp_path: Path) -> None:
    done = run_cli("verify", str(tmp_path))
    assert done.exit_code == 2 and "holds no run" in done.stderr


def test_a_leftover_of_an_older_version_is_named(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LEFTOVERS, "atlas", {"values/a.parquet": "no longer written"})
    done = run_cli("verify", str(demo))
    assert done.exit_code == 0 and "  note: values/a.parquet: no longer written.\n" in done.stdout


def test_a_folder_that_cannot_be_used_is_refused_before_a_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")
    for out, said in (
        (tmp_path, "holds other files"),
        (tmp_path / "thesis.tex", "Not a directory"),
        (tmp_path / "thesis.tex" / "run", "Not a directory"),
    ):
        done = run_cli("demo", "--model", "nowhere/absent", "--out", str(out))
        assert done.exit_code == 2 and said in done.stderr
    with Run.open(tmp_path / "run", kind="atlas", config={}):
        done = run_cli(
            "neurons", "scan", "--images", "absent", "--model", "nowhere/absent",
            "--out", str(tmp_path / "run"),
        )  # fmt: skip
        assert done.exit_code == 2 and "is open in this process already" in done.stderr


def test_runs_that_cannot_be_compared(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with Run.open(tmp_path / name, kind="typographic", config={"name": name}) as run:
            run.finish(counts={}, seed=0)
    done = run_cli("compare", str(tmp_path / "a"), str(tmp_path / "b"))
    assert done.exit_code == 2 and "has no summary to compare" in done.stderr
