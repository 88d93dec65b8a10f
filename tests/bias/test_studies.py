"""What the audits of people promise as studies: order of work, early refusals, nobody in a call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from study.making import MAKE, make
from typer.testing import CliRunner

from attacks.bias import audit_bias
from attacks.bias.gap import explain_gap
from attacks.bias.mitigation import mitigate_bias
from clipprobe.cli import app
from clipprobe.errors import ConfigError, DataError
from clipprobe.runs import Run
from clipprobe.study import rerun
from clipprobe.testing.cases import at_pass, contents, stop

KINDS = [kind for kind in MAKE if kind.startswith("bias") and MAKE[kind].images]
FEW: dict[str, Any] = {"n_boot": 100, "n_permutations": 100}


@pytest.fixture(scope="module")
def folder(people: Callable[..., Path]) -> Path:
    return people(80, gender=["man", "woman"] * 40)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_decoded_or_encoded_before_the_run_is_open(
    kind: str, clip: Any, people: Callable[..., Path], tmp_path: Path
) -> None:
    broken = people(80, gender=["man", "woman"] * 40)
    for file in broken.glob("*.png"):
        file.write_bytes(b"not an image")
    with pytest.MonkeyPatch.context() as patch, at_pass(0, stop) as seen:
        patch.setattr(Run, "open", lambda *_, **__: stop())
        with pytest.raises(KeyboardInterrupt):
            make(kind, clip, broken, tmp_path / "run")
    assert not seen


def test_what_is_not_there_is_refused_before_a_pass(
    clip: Any, folder: Path, tmp_path: Path
) -> None:
    unlabelled = tmp_path / "unlabelled"
    unlabelled.mkdir()
    (unlabelled / "0.png").write_bytes((folder / "000.png").read_bytes())
    out = tmp_path / "run"
    gap: dict[str, Any] = {"column": "gender", "word": "judge", "group": "man", "out": out}
    mitigation: dict[str, Any] = {"column": "gender", "out": out}
    wrong: list[tuple[Callable[..., Any], dict[str, Any], type[Exception], str]] = [
        (explain_gap, gap | {"word": "mayor"}, DataError, "'mayor' is not in the list"),
        (explain_gap, gap | {"group": "child"}, DataError, "'child' is not a group of 'gender'"),
        (explain_gap, gap | {"clusters": "person"}, DataError, "no cluster column 'person'"),
        (mitigate_bias, mitigation | {"group_prompts": {"child": "a child"}}, ConfigError,
         "prompt was given for 'child', but the groups of 'gender' are man, woman"),
        (mitigate_bias, mitigation | {"utility": unlabelled}, DataError, "No image of"),
        (mitigate_bias, mitigation | {"methods": []}, ConfigError, "No mitigation was named"),
        (audit_bias, {"groups": "gender", "out": out, "k": 41}, ConfigError, "Skew@41 was asked"),
    ]  # fmt: skip
    for ask, settings, error, said in wrong:
        with at_pass(0, stop) as seen, pytest.raises(error, match=said):
            ask(clip, folder, **settings)
        assert not seen and not out.exists(), said


def test_a_call_names_columns_and_nobody(clip: Any, folder: Path, tmp_path: Path) -> None:
    groups = {f"{i:03d}.png": ("even", "odd")[i % 2] for i in range(70)}
    run = audit_bias(clip, folder, groups, out=tmp_path / "people", words=["judge"], **FEW)
    call = json.loads((run.path / "call.json").read_text(encoding="utf-8"))
    assert call["give_again"] == ["groups"] and "groups" not in call["settings"]
    for path in run.path.iterdir():
        assert b"000.png" not in path.read_bytes(), path.name
    with pytest.raises(ConfigError, match=r"no file holds \(groups\): give it"):
        rerun(run.path, tmp_path / "again")
    again = rerun(run.path, tmp_path / "again", groups=groups)
    assert contents(again.path) == contents(run.path)
    named = audit_bias(clip, folder, "gender", out=tmp_path / "named", words=["judge"], **FEW)
    call = json.loads((named.path / "call.json").read_text(encoding="utf-8"))
    assert call["settings"]["groups"] == "gender" and call["give_again"] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["bias", "--groups", "g", "--probe", "weat"], "There is no bias probe 'weat'"),
        (["bias", "--groups", "g", "--labels", "no.csv"], "--labels 'no.csv' does not exist"),
        (["bias", "--groups", "g", "--card", "no.yaml"], "There is no card 'no.yaml'"),
        (["bias", "--groups", "g", "--k", "9"], "--k 9 is too few"),
        (["bias", "--groups", "g", "--template", "none"], "has no {}"),
        (["bias", "--groups", "g", "--score-kind", "cosin"], "did you mean 'cosine'?"),
        (["written", "--groups", "g"], "needs a word to write"),
        (["written", "--groups", "g", "--word", "x", "--watch", "theif"], "nearest is 'thief'"),
        (["gap", "--groups", "g", "--word", "w", "--group", "a", "--out", "r", "--kind", "nerve"],
         "--kind 'nerve' is unknown"),
        (["mitigate", "--groups", "g", "--out", "r", "--group-prompt", "woman"],
         "--group-prompt 'woman' is not GROUP=TEXT"),
        (["mitigate", "--groups", "g", "--out", "r", "--utility", "nowhere"],
         "no images at 'nowhere'"),
    ],
)  # fmt: skip
def test_it_is_said_before_a_model_is_loaded(
    given: list[str], said: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["audit", given[0], "--images", str(folder), *given[1:]]
    done = CliRunner().invoke(app, asked, env={"CLIPPROBE_MODEL": str(tmp_path / "no-model")})
    assert done.exit_code == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_file_sets_what_flags_set(
    checkpoint: Callable[[str], Path], folder: Path, tmp_path: Path
) -> None:
    config = tmp_path / "gap.yaml"
    config.write_text(
        f"images: {folder}\ncolumn: gender\nword: judge\ngroup: man\nn_random: 20\nn_boot: 100\n"
        f"words: {tmp_path / 'words.txt'}\nkinds: head\n"
    )
    (tmp_path / "words.txt").write_text("judge\npilot\nartist\n")
    asked = ["audit", "gap", "--config", str(config), "--word", "pilot", "--json"]
    done = CliRunner().invoke(
        app, [*asked, "--model", str(checkpoint("clip")), "--out", str(tmp_path / "run")]
    )
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["word"] == "pilot" and summary["words"] == ["judge", "pilot", "artist"]
    assert {one["kind"] for one in summary["removals"]} == {"head"}
