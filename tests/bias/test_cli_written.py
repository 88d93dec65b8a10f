"""``clipprobe audit written``: exit codes, streams, flags."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner, Result

from clipprobe.cli import app


def test_the_command_line(
    checkpoint: Callable[[str], Path], people: Callable[..., Path], tmp_path: Path
) -> None:
    classes = tmp_path / "classes.txt"
    classes.write_text("person\ndoctor\nlamp\n", encoding="utf-8")
    folder = people(24)

    def call(*arguments: object) -> Result:
        given = [
            "audit", "written", "--model", checkpoint("clip"), "--images", folder,
            "--out", tmp_path / "run", "--n-boot", "100", "--n-permutations", "100",
            "--workers", "0", *arguments,
        ]  # fmt: skip
        return CliRunner().invoke(app, [str(one) for one in given])

    good = ["--groups", "perceived_gender", "--classes", classes]
    for arguments, message in (
        (good, "needs a word to write"),
        ([*good, "--word", "doktor"], "names none of the 3 labels"),
        ([*good, "--word", "doctor", "--size", "7"], "--size 7 is out of range: give"),
        (["--groups", "colour", "--word", "doctor", "--classes", classes], "no group column"),
    ):
        called = call(*arguments)
        assert called.exit_code == 2 and message in called.stderr, called.output
        assert not (tmp_path / "run").exists()
    called = call(
        *good, "--word", "doctor", "--watch", "lamp", "--position", "0.5,0.25", "--size", "0.3",
        "--json",
    )  # fmt: skip
    assert called.exit_code == 0, called.output
    printed = json.loads(called.stdout)["summary"]
    assert printed["words"] == ["doctor"] and printed["labels"] == ["person", "doctor", "lamp"]
    assert printed["attack"]["position"] == [[0.5, 0.25]] and printed["attack"]["size"] == 0.3
    assert printed["family_size"] == 0  # 12 images per group: shown, not tested
    assert "report.html" in called.stderr and (tmp_path / "run" / "report.html").is_file()
