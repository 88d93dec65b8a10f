"""One table of verbs, as text: what it says is true, and looking at it imports no command."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from clipprobe.cli import app, verbs
from clipprobe.cli.lazy import built

COMMANDS = [name for name, entry in verbs.VERBS.items() if entry.place]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_line_leads_to_a_command_with_that_help(name: str) -> None:
    command = built(name, verbs.VERBS[name])
    first = inspect.cleandoc(command.help).split("\n\n")[0]
    assert " ".join(first.split()) == verbs.VERBS[name].help
    assert command.name == name.split(" ")[-1]


def test_every_verb_has_its_group_before_it() -> None:
    names = list(verbs.VERBS)
    for name in names:
        for end in range(1, name.count(" ") + 1):
            above = " ".join(name.split(" ")[:end])
            assert names.index(above) < names.index(name) and not verbs.VERBS[above].place


def loaded_by(*arguments: str) -> set[str]:
    script = (
        "import sys; from clipprobe.cli import app\n"
        "try: app(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["audit", "--help"], ["audit", "nope"]])
def test_listing_imports_no_command(arguments: list[str]) -> None:
    places = {entry.place.partition(":")[0] for entry in verbs.VERBS.values() if entry.place}
    loaded = loaded_by(*arguments)
    assert not loaded & places and "attacks" not in loaded
    assert "clipprobe.models.verbs" in loaded_by("models", "--help")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["audit", "biass"], "There is no audit command 'biass': did you mean 'bias'?"),
        (["modells"], "There is no command 'modells': did you mean 'models'?"),
        (["models", "--jsn"], "No such option: --jsn: did you mean '--json'?"),
        (["--versoin"], "No such option: --versoin: did you mean '--version'?"),
    ],
)
def test_what_is_near_is_named(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and result.stderr == f"clipprobe: {said}\n"


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "other_package.py").write_text(
        "def register(app):\n    @app.command('shout')\n    def shout() -> None:\n"
        "        'Say it loud.'\n        print('LOUD')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = EntryPoints(
        [
            EntryPoint("shout", "other_package:register", verbs.GROUP),
            EntryPoint("models", "other_package:register", verbs.GROUP),
        ]
    )
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found.select(group=group))
    verbs.all_verbs.cache_clear()
    yield
    verbs.all_verbs.cache_clear()


@pytest.mark.usefixtures("outside")
def test_another_package_adds_a_verb_and_takes_none_of_ours() -> None:
    assert " shout " in CliRunner().invoke(app, ["--help"]).stdout
    assert CliRunner().invoke(app, ["shout"]).stdout == "LOUD\n"
    assert verbs.all_verbs()["models"] == verbs.VERBS["models"]


def test_walking_the_app_finds_every_command() -> None:
    def walk(group: Any, path: str) -> set[str]:
        found = set()
        for name in group.list_commands(None):
            command = group.get_command(None, name)
            inner = f"{path} {name}".strip()
            found |= walk(command, inner) if hasattr(command, "list_commands") else {inner}
        return found

    assert walk(typer.main.get_command(app), "") == set(COMMANDS)


@pytest.mark.parametrize(("former", "present"), verbs.ALIASES.items())
def test_a_former_name_still_works_and_no_help_shows_it(former: str, present: str) -> None:
    group, _, name = former.rpartition(" ")
    helps = [
        CliRunner().invoke(app, [*words.split(" "), "--help"]).output for words in (former, present)
    ]
    assert former not in verbs.VERBS and "--images" in helps[1]
    assert helps[0].replace(former, present).split() == helps[1].split()
    assert f" {name} " not in CliRunner().invoke(app, [group, "--help"]).output
    refused = CliRunner().invoke(app, [group, f"{name}-not"])
    assert refused.exit_code == 2
