"""``clipprobe audit bias``: exit codes, streams, and a config file that flags win over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clipprobe.cli import app

QUICK = ["--n-boot", "100", "--n-permutations", "100"]


@pytest.fixture
def audit(checkpoint: Callable[[str], Path], tmp_path: Path) -> Callable[..., Result]:
    def call(*arguments: object) -> Result:
        given = ["audit", "bias", "--model", checkpoint("clip"), "--out", tmp_path / "run"]
        return CliRunner().invoke(app, [str(a) for a in (*given, *QUICK, *arguments)])

    return call


def test_the_report_is_written_and_json_goes_to_stdout(
    audit: Callable[..., Result], people: Callable[..., Path], tmp_path: Path
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("judge\npilot\n")
    called = audit(
        "--images", people(), "--groups", "perceived_gender", "--groups", "skin_tone",
        "--words", words, "--k", "20", "--json",
    )  # fmt: skip
    assert called.exit_code == 0, called.output
    printed = json.loads(called.stdout)
    assert printed["summary"]["kind"] == "bias"
    assert printed["summary"]["probes"]["occupations"]["words"] == ["judge", "pilot"]
    assert set(printed["summary"]["groups"]) == {"perceived_gender", "skin_tone"}
    assert printed["summary"]["settings"]["k"] == 20
    assert "report.html" in called.stderr and (tmp_path / "run" / "report.html").is_file()
    again = audit(
        "--images", people(), "--groups", "perceived_gender", "--words", words, "--k", "20"
    )
    assert again.exit_code == 2 and "another configuration" in again.stderr


def test_a_config_file_is_read_and_flags_win(
    audit: Callable[..., Result], people: Callable[..., Path], tmp_path: Path
) -> None:
    config = tmp_path / "audit.yaml"
    config.write_text(
        f"images: {people()}\ngroups: perceived_gender\nwords: [judge, pilot]\nk: 30\nseed: 4\n"
    )
    called = audit("--config", config, "--k", "12")
    assert called.exit_code == 0, called.output
    written = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert written["settings"]["k"] == 12 and written["settings"]["seed"] == 4
    assert "mean |d| of occupations by perceived gender" in called.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kk: 3", "unknown setting 'kk': did you mean 'k'?"),
        ("k: many", "'k' (--k) 'many' is not a whole number."),
        ("alpha: low", "'alpha' (--alpha) 'low' is not a finite number (above 0, below 1)."),
        ("words: {judge: 1}", "'words' (--words) {'judge': 1} is not a path."),
        ("clusters: 3", "'clusters' (--clusters) 3 is not a text."),
    ],
)
def test_a_wrong_config_is_one_sentence(
    audit: Callable[..., Result],
    people: Callable[..., Path],
    tmp_path: Path,
    text: str,
    message: str,
) -> None:
    config = tmp_path / "audit.yaml"
    config.write_text(text)
    called = audit("--config", config, "--images", people(), "--groups", "skin_tone")
    assert called.exit_code == 2 and message in called.stderr
    assert called.stderr.count("\n") == 1 and not (tmp_path / "run").exists()


def test_wrong_use_exits_with_2(audit: Callable[..., Result], people: Callable[..., Path]) -> None:
    for arguments, message in (
        (["--groups", "skin_tone"], "needs --images"),
        (["--images", people()], "needs --groups"),
        (["--images", people(), "--groups", "colour"], "no group column 'colour'"),
        (["--images", people(), "--groups", "skin_tone", "--probe", "x"], "no bias probe 'x'"),
        (["--images", "nowhere", "--groups", "skin_tone"], "no images at 'nowhere'"),
    ):
        called = audit(*arguments)
        assert called.exit_code == 2 and message in called.stderr, called.output


def test_two_models_are_compared_paired_in_one_call(
    audit: Callable[..., Result],
    checkpoint: Callable[[str], Path],
    people: Callable[..., Path],
    tmp_path: Path,
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("judge\npilot\n")
    called = audit(
        "--images", people(), "--groups", "perceived_gender", "--words", words,
        "--against", checkpoint("siglip"), "--json",
    )  # fmt: skip
    assert called.exit_code == 0, called.output
    summary = json.loads(called.stdout)["summary"]
    assert summary["kind"] == "bias-comparison" and summary["paired"]
    models = {summary["runs"][side]["weights_sha256"] for side in ("a", "b")}
    assert len(models) == 2 and summary["family_size"] > 0
    assert not list((tmp_path / "run").glob("*.safetensors"))


def test_a_ranking_of_few_places_is_refused_before_the_groups_are_read(
    audit: Callable[..., Result], people: Callable[..., Path]
) -> None:
    called = audit("--images", people(), "--groups", "not there", "--k", "9")
    assert called.exit_code == 2 and "choose 10 or more" in " ".join(called.stderr.split())
