"""Flags, files, Python: one reading; and the command that is cut from records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest
from settings.toys import Toy
from typer.testing import CliRunner

from clipprobe.cli import app, verbs
from clipprobe.errors import ConfigError


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """The toy verb, as another package would add it."""
    found = EntryPoints(
        EntryPoint(name, f"settings.toys:{name.upper()}", verbs.GROUP)
        for name in ("toy", "needy", "several", "levelled")
    )
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found.select(group=group))
    monkeypatch.setenv("COLUMNS", "200")
    verbs.all_verbs.cache_clear()
    yield lambda *given, **env: CliRunner().invoke(app, [*map(str, given)], env=env)
    verbs.all_verbs.cache_clear()


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a\nb\n")
    config = {
        "seed": 3, "alpha": 0.1, "probes": "one", "levels": 0.5, "words": ["c"], "overwrite": True,
    }  # fmt: skip
    given = {"seed": "4", "levels": ["0.2", "0.3"], "words": str(tmp_path / "words.txt")}
    made = Toy.from_texts({**given, "overwrite": False}, config, "run.yaml")
    assert made == Toy(
        seed=4, alpha=0.1, probes=["one"], levels=[0.2, 0.3], words=["a", "b"], overwrite=False
    )
    from_file = Toy.from_texts({}, config, "run.yaml")
    assert from_file.words == ("c",) and from_file.overwrite and from_file.levels == [0.5]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("seed", "many", "In run.yaml the setting 'seed' (--seed) 'many' is not a whole number"),
        ("seed", True, "In run.yaml the setting 'seed' (--seed) True is not a whole number"),
        ("overwrite", "yes", "In run.yaml the setting 'overwrite' (--overwrite) 'yes' is not true"),
        ("alpha", 2, "In run.yaml the setting 'alpha' (--alpha) 2 is out of range"),
        ("kind", "cosin", "In run.yaml the setting 'kind' (--kind) 'cosin' is unknown"),
        ("probes", {"a": 1}, "In run.yaml the setting 'probes' (--probe) {'a': 1} is not a list"),
        ("people", 3, "In run.yaml the setting 'people' (not repeated here) is not"),
    ],
)
def test_what_a_file_gives_is_named_by_its_key(key: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Toy.from_texts({}, {key: value}, "run.yaml")
    assert str(caught.value).startswith(said)


def test_a_command_is_cut_from_records(invoke: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("alpha: 0.2\nprobes: [x]\noverwrite: true\nmodel: there\n")
    assert invoke("toy").stdout == "0.05 ('jobs', 'moods') False 0 None\nFalse None\n"
    done = invoke("toy", "--config", file, "--probe", "y", "--probe", "z", "--json")
    assert done.stdout == "0.2 ('y', 'z') True 0 there\nTrue None\n", done.stderr
    assert " False 0 mine" in invoke(
        "toy", "--config", file, "--no-overwrite", CLIPPROBE_MODEL="mine"
    ).stdout  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--seed", "many"], "--seed 'many' is not a whole number (at least 0)."),
        (["--limit", "0"], "--limit 0 is out of range: give a whole number (at least 1)."),
        (["--kind", "cosin"], "--kind 'cosin' is unknown: did you mean 'cosine'?"),
        (["--labels", "no.csv"], "--labels 'no.csv' does not exist: give the path of a file."),
        (["--limmit", "1"], "No such option: --limmit: did you mean '--limit'?"),
        (["--peoples", "x"], "No such option: --peoples: did you mean '--probe'"),
        (["--config", "no.yaml"], "The config file no.yaml could not be read"),
    ],
)
def test_wrong_flags(invoke: Callable[..., Any], given: list[str], said: str) -> None:
    result = invoke("toy", *given)
    assert result.exit_code == 2 and result.stdout == "" and result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"clipprobe: {said}")


def test_wrong_files(invoke: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    for text, said in [
        ("sed: 1", "has the unknown setting 'sed': did you mean 'seed'?"),
        ("as_json: true", "has the unknown setting 'as_json'"),
        ("progress: 1", "has the unknown setting 'progress'"),
        ("[1]", "holds a list"),
        ("a: [", "is not valid YAML"),
    ]:
        file.write_text(text)
        result = invoke("toy", "--config", file)
        assert result.exit_code == 2 and said in result.stderr
    file.write_text("")
    assert invoke("toy", "--config", file).exit_code == 0


def test_help_shows_every_default(invoke: Callable[..., Any]) -> None:
    shown = " ".join(invoke("toy", "--help").stdout.replace("│", " ").split())
    assert "Count things [really]. More about it." in shown
    for part in (
        "<whole> Use at most N images, spread over the data set. [at least 1; default: all]",
        "<text> What scores are. [cosine or logit; default: cosine]",
        "<number> False discovery rate. [above 0, below 1; default: 0.05]",
        "Question to ask; repeat for more. [default: jobs, moods]",
        "--out <path> The run folder to write. [default: runs/toy]",
        "--overwrite --no-overwrite",
        "[default: the bundled model]",
        "CLIPPROBE_MODEL",
    ):
        assert part in shown, part
    assert "--progress" not in shown and "--people" not in shown
    for panel in ("Images", "Run", "Toy", "Model", "Command line"):
        assert f"─ {panel} ─" in shown
    assert "[required]" in invoke("needy", "--help").stdout


def test_arguments_by_place(invoke: Callable[..., Any]) -> None:
    assert invoke("needy", "3", "--size", "2").stdout == "3 2.0\n"
    result = invoke("needy", "0", "--size", "2")
    assert result.stderr == (
        "clipprobe: NUMBER 0 is out of range: give a whole number (at least 1).\n"
    )
    assert invoke("needy", "3").stderr.startswith("clipprobe: Settings needs --size")
    assert invoke("needy", "--size", "1").exit_code == 2


def test_an_argument_may_repeat_and_a_flag_have_two_names(invoke: Callable[..., Any]) -> None:
    assert invoke("several", "a", "b", "--mask", "m").stdout == "['a', 'b'] m\n"
    assert invoke("several", "a", "--mask-out", "m").stdout == "['a'] m\n"
    shown = " ".join(invoke("several", "--help").stdout.replace("│", " ").split())
    assert "several [OPTIONS] FILES... " in shown and "What is read. [required]" in shown
    assert "--mask-out,--mask <path> What is written." in shown
    assert invoke("several").stderr == (
        "clipprobe: Settings needs FILES: give it, or write it into the --config.\n"
    )


def test_an_argument_may_come_from_the_environment(invoke: Callable[..., Any]) -> None:
    assert invoke("levelled").stdout == "None\n"
    assert invoke("levelled", TOY_LEVEL="high").stdout == "high\n"
    assert invoke("levelled", "mid", TOY_LEVEL="high").stdout == "mid\n"
    shown = " ".join(invoke("levelled", "--help").stdout.replace("│", " ").split())
    assert "levelled [OPTIONS] [LEVEL] " in shown
    assert "How much. [default: low]" in shown and "TOY_LEVEL" in shown
