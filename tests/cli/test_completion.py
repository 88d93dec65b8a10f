"""Names that a shell completes, and names that are near one that was given."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from clipprobe.cli import app

MAIN = "import sys; sys.argv[0] = 'clipprobe'; from clipprobe.cli import main; main()"


def completed(line: str) -> list[str]:
    """What bash is offered at the end of a line."""
    done = subprocess.run(
        [sys.executable, "-c", MAIN],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "_CLIPPROBE_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
        },
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("clipprobe explain a.png dog --method grad", ["grad_eclip", "gradient_x_input"]),
        ("clipprobe neurons label --scorer soft", ["soft_wpmi"]),
        ("clipprobe audit gap --kind h", ["head"]),
        ("clipprobe neurons scan --sites vision.p", ["vision.pooled", "vision.projected"]),
        ("clipprobe neurons similar --pool m", ["mean", "max"]),
        ("clipprobe audit limits --task col", ["colour"]),
        ("clipprobe audit carriers --task col", ["colour"]),
        ("clipprobe audit sweep --factor op", ["opacity"]),
        ("clipprobe audit typographic --strategy brute", ["brute-force"]),
        ("clipprobe audit typographic --layout rta-100-t", ["rta-100-triplet"]),
        ("clipprobe neurons effect --method res", ["resample"]),
        ("clipprobe audit zeroshot --dry", ["--dry-run"]),
    ],
)
def test_values_are_completed(line: str, offered: list[str]) -> None:
    assert completed(line) == offered


def test_the_script_of_the_module_completes_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clipprobe", "--show-completion", "bash"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )
    assert "_CLIPPROBE_COMPLETE=complete_bash" in done.stdout
    assert done.stdout.strip().endswith("_clipprobe_completion clipprobe")


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("audit typo", "'typographic'"),
        ("neuron", "'neurons'"),
        ("neurons multimodl", "'multimodal'"),
        ("audit stroop --colours red --out r", "'--colour'"),
        ("audit few-shot --shot 4 --out r", "'--shots'"),
        ("audit carriers --kind neurons --out r", "'neuron'"),
        ("audit zeroshot --images i --averaging unit --out r", "'unit-mean'"),
        ("neurons label --images . --scorer pmi --out r", "'wpmi'"),
        ("attack i.png dog --preset stickynote --out o.png", "'sticky_note'"),
    ],
)
def test_what_is_near_is_named(line: str, near: str, tmp_path: object) -> None:
    done = CliRunner().invoke(app, line.split(), env={"CLIPPROBE_MODEL": "no-model"})
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert "did you mean" in done.stderr and near in done.stderr
