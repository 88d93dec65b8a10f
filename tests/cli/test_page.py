"""docs/command-line.md says what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clipprobe import errors
from clipprobe.cli import app, boundary, verbs
from clipprobe.cli.adapter import records_of
from clipprobe.cli.boundary import kind_of
from clipprobe.cli.progress import FIRST, MOST
from clipprobe.cli.verbs import Verb
from clipprobe.settings import settings_of

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")


def test_every_option_of_the_page_is_one() -> None:
    made = [verbs.load(entry.place) for entry in verbs.VERBS.values() if entry.place]
    records = [r for verb in made if isinstance(verb, Verb) for r in records_of(verb)]
    flags = {one.flag for record in records for one in settings_of(record)}
    named = set(re.findall(r"`--([a-z-]+[a-z])[` ]", PAGE)) | set(re.findall(r" --([a-z-]+)", PAGE))
    assert len(named) > 15 and named - flags <= {"help", "fail-", "install-completion"}
    assert "--install-completion" in CliRunner().invoke(app, ["--help"]).output


def test_the_error_of_the_page_is_printed() -> None:
    said = CliRunner().invoke(app, ["audit", "limits", "--seed", "x", "--out", "r", "--json"])
    [shown] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert json.loads(said.stdout) == json.loads(shown) and said.exit_code == 2


@pytest.mark.parametrize("name", ["config", "data", "run-folder", "unknown-model"])
def test_kinds_are_those_of_the_exceptions(name: str) -> None:
    kinds = {
        kind_of(error("")): error.exit_code
        for error in vars(errors).values()
        if isinstance(error, type)
        and issubclass(error, errors.ClipprobeError)
        and error is not errors.MissingExtraError
    }
    assert kinds[name] == 2 and f"`{name}`" in PAGE


def test_numbers_of_the_page() -> None:
    assert f"after {FIRST:.0f} seconds" in PAGE
    assert f"never more than {MOST:.0f} seconds apart" in PAGE
    codes = {boundary.INTERNAL_ERROR, boundary.INTERRUPTED, boundary.TERMINATED, 0, 1, 2}
    listed = re.findall(r"^\| ([0-9, ]+) \|", PAGE, re.MULTILINE)
    assert {int(code) for row in listed for code in row.split(",")} == codes
