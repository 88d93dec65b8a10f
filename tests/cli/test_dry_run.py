"""``--dry-run`` and a finished run, on the command line: no verb knows of either."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic.dataclasses import dataclass
from typer.testing import CliRunner

import clipprobe
from clipprobe.cli import app, verbs
from clipprobe.cli.adapter import command, records_of
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError
from clipprobe.settings.shared import DryRun, Output, Terminal
from clipprobe.study.command import KEY
from clipprobe.testing import image_folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, checkpoint: Any) -> Path:
    """A folder with images and a model."""
    folder = tmp_path_factory.mktemp("place")
    image_folder(folder / "images", 8)
    shutil.copytree(checkpoint("clip"), folder / "model")
    return folder


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("CLIPPROBE_MODEL", "model")


def audit(out: str, *more: str) -> list[str]:
    return ["audit", "zeroshot", "--images", "images", "--out", out, *more]


def ask(arguments: list[str], code: int = 0) -> Any:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code, done.output
    return done


def test_every_verb_that_makes_a_run_has_it() -> None:
    """And no other."""
    found = {
        name
        for name, entry in verbs.VERBS.items()
        if entry.place
        and isinstance(verb := verbs.load(entry.place), Verb)
        and DryRun in records_of(verb)
    }
    named = {
        "demo", "rerun", "pretrain", "neurons scan", "neurons merge", "neurons multimodal",
        "neurons predict", "neurons label", "neurons compose", "neurons similar", "neurons words",
        "neurons captions", *(name for name in verbs.VERBS if name.startswith("audit ")),
    }  # fmt: skip
    assert found == named
    assert "--dry-run" in ask(["audit", "limits", "--help"]).output


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(place: Path) -> None:
    done = ask(audit("runs/new", "--dry-run"))
    assert done.stderr == "" and not (place / "runs").exists()
    lines = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert lines["run"] == "zeroshot, a new run in runs/new"
    assert lines["inputs"] == "9 of images" and "cpu" in lines["model"]
    assert lines["encodings"].startswith("9 images and ") and "ms per image" in lines["time"]
    assert lines["Nothing"] == "was written."
    data = json.loads(ask(audit("runs/new", "--dry-run", "--json")).stdout)
    assert data["dry_run"] and data["state"] == "new" and data["encodings"]["images"] == 9


def test_a_dry_run_refuses_what_the_run_would(place: Path) -> None:
    said = ask(audit("images", "--dry-run"), 2).stderr
    assert said == ask(audit("images"), 2).stderr and "holds other files" in said


def test_a_verb_that_makes_its_run_alone_has_none(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Alone(Output):
        """A record."""

    def run(settings: Alone, terminal: Terminal) -> None:
        pass

    made: Any = command("alone", Verb(run, (Alone, Terminal)))
    with pytest.raises(ConfigError, match="has no --dry-run"):
        made.main(["--out", str(tmp_path / "run"), "--dry-run"], standalone_mode=False)
    made.main(["--out", str(tmp_path / "run")], standalone_mode=False)


def test_a_finished_run_needs_no_model(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask(audit("runs/done", "--json"))
    assert KEY in json.loads((place / "runs/done/call.json").read_text())
    monkeypatch.setattr(clipprobe, "load", None)  # whoever loads a model fails
    again = ask(audit("runs/done", "--json"))
    assert again.stdout == first.stdout
    assert again.stderr.splitlines()[0] == "runs/done is already complete: nothing to do."
    assert "report: runs/done/report.html" in again.stderr
    # What is held to a threshold is held to it again.
    said = ask(audit("runs/done", "--fail-under", "zero_shot=0.99"), 1)
    assert "zero_shot is" in said.stderr
    dry = json.loads(ask(audit("runs/done", "--dry-run", "--json")).stdout)
    assert dry["state"] == "complete"


@pytest.mark.parametrize("change", ["setting", "image", "model", "overwrite", "stamp"])
def test_whatever_changed_is_looked_at_with_the_model(
    place: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = f"runs/{change}"
    ask(audit(out))
    arguments = audit(out)
    if change == "setting":
        arguments += ["--seed", "3"]
    elif change == "image":
        os.utime(place / "images" / "00.png", (1, 1))
    elif change == "model":
        os.utime(place / "model" / "model.safetensors", (1, 1))
    elif change == "overwrite":
        arguments += ["--overwrite"]
    else:
        (place / out / "call.json").unlink()
    loads: list[str] = []
    load = clipprobe.load
    monkeypatch.setattr(clipprobe, "load", lambda *a, **k: loads.append("") or load(*a, **k))
    done = ask(arguments, 2 if change == "setting" else 0)
    assert loads == [""]
    if change == "setting":
        assert "another configuration" in done.stderr
    elif change == "overwrite":
        assert "already complete" not in done.stderr
    else:
        assert f"{out} is already complete: nothing was done." in done.stderr


def test_quiet_says_the_result_alone(place: Path) -> None:
    done = ask(audit("runs/quiet", "--quiet"))
    assert done.stderr == "" and "zero shot" in done.stdout
    done = ask(audit("images", "--quiet"), 2)
    assert done.stderr.startswith("clipprobe: ") and done.stdout == ""


def test_a_damaged_run_is_not_believed(place: Path) -> None:
    ask(audit("runs/damaged"))
    (place / "runs/damaged/summary.json").write_text("{}")
    said = ask(audit("runs/damaged"), 2).stderr
    assert "damaged (summary.json" in said and "already complete" not in said
