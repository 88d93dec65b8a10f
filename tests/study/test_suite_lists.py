"""The list of studies of a suite: what it may say, and that of the page about suites."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.study.suite.settings import Suite
from clipprobe.yamltext import parse_yaml


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("studies: [zero-shot]", "There is no study 'zero-shot': did you mean 'zeroshot'"),
        ("studies: [zeroshot, zeroshot]", "two entries with the name 'zeroshot'"),
        ("studies: [{study: zeroshot, clases: a.txt}]", "the unknown setting 'clases': did you"),
        ("studies: [{study: zeroshot, out: x}]", "which is the same for all of its studies"),
        ("studies: [{study: zeroshot, name: ../x}]", "cannot be a folder"),
        ("studies: [{study: zeroshot, images: x, seed: -1}]", "is out of range"),
        ("studies: [{name: zeroshot}]", "is not a study"),
        ("studies: [demo]", "is a suite itself"),
        ("studies: []", "needs a list of studies"),
        ("studies: [zeroshot]\nshared: {clases: x}", "the shared setting 'clases': did you"),
        ("studys: [zeroshot]", "the unknown setting 'studys': did you mean 'studies'"),
    ],
)
def test_a_wrong_list_gets_one_sentence(file: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(file)
    given = ["--config", str(tmp_path / "suite.yaml"), "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(app, ["audit", "all", *given])
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.strip().split("\n")
    assert said in line and not (tmp_path / "run").exists()


def blocks(language: str) -> list[str]:
    page = (Path(__file__).parents[2] / "docs" / "suite.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.S)


def test_the_list_of_the_page_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    listed = parse_yaml(blocks("yaml")[0])
    made = Suite(**listed, images="photos", out="run")
    names = ["zeroshot", "typographic", "small-writing", "bias", "atlas"]
    assert [one.name for one in made.studies] == names
    assert {one.name: one.settings.images for one in made.studies} == {
        **dict.fromkeys(names, "photos"), "bias": "people",
    }  # fmt: skip
    assert [one.settings.batch_size for one in made.studies] == [64] * 5
    assert made.studies[1].thresholds() == {"fail_under": {"attacked_accuracy": 0.6}}


def test_the_workflow_of_the_page_gives_flags_that_exist() -> None:
    workflow = parse_yaml(blocks("yaml")[1])
    steps = [step.get("run", "") for step in workflow["jobs"]["robustness"]["steps"]]
    (line,) = [step for step in steps if step.startswith("clipprobe audit all")]
    shown = CliRunner().invoke(app, ["audit", "all", "--help"]).output
    flags = set(re.findall(r"--[a-z-]+", line))
    assert len(flags) == 7 and all(flag in shown for flag in flags)
