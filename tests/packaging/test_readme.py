"""What the README says to type can be typed, and prints what stands below it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

from clipprobe.cli import app
from clipprobe.models.checkpoints.bundled import bundled_folder
from docs import examples

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHOSEN = json.loads((bundled_folder() / "evaluation.json").read_text(encoding="utf-8"))["examples"]
STORED = json.loads(examples.STORED.read_text(encoding="utf-8"))
#: Seconds of one core up to which an example is typed here too.
SHORT = 12


def commands(page: str) -> Iterator[list[str]]:
    """Every ``clipprobe`` line of a page's shell blocks, in order, as arguments."""
    inside = False
    for line in page.splitlines():
        if line.startswith("```"):
            inside = line in ("```bash", "```") and not inside
        elif inside and line.startswith("clipprobe "):
            yield shlex.split(line, comments=True)[1:]


def masked(lines: list[str]) -> list[str]:
    """The words of an output: its numbers differ in their last digits between machines."""
    number = r"[-−+]?\d[\d,.]*(?:e[-+]?\d+)?"
    return [" ".join(re.sub(number, "#", line).split()) for line in lines]


def test_every_example_was_typed_and_found_something() -> None:
    named = {field.name for field in fields(examples.Example)}
    kept = [examples.Example(**{k: one[k] for k in named}) for one in STORED]
    assert kept == [one for several in examples.examples(CHOSEN).values() for one in several]
    for one in STORED:
        assert one["output"], one["command"]
        assert not re.search(r"undefined|nothing", one["output"][0]), one["command"]
        assert one["command"] in README
        if one["seconds"] > 60:
            said = re.search(re.escape(one["command"]) + r"   # (\d+) minutes", README)
            assert said and 60 * int(said[1]) >= one["seconds"], "a wait that is not announced"


@pytest.mark.parametrize("line", [*commands(README)], ids=lambda line: " ".join(line[:3]))
def test_every_line_is_a_command_with_these_options(line: list[str]) -> None:
    """The whole line is parsed by the verb itself, without running it."""
    command: Any = typer.main.get_command(app)
    words = line
    parent: Any = None  # the names of the help option come from above, and a command keeps them
    while hasattr(command, "get_command"):
        parent = typer.Context(command, parent=parent, **command.context_settings)
        found = command.get_command(parent, words[0])
        assert found is not None, f"there is no {words[0]}"
        command, words = found, words[1:]
    context = command.make_context(line[0], list(words), parent=parent, resilient_parsing=False)
    assert not context.args


def test_the_short_examples_print_what_the_readme_shows(tmp_path: Path) -> None:
    demo = examples.typed(examples.Example(command="clipprobe demo --out runs/demo"), tmp_path)
    assert demo["status"] == 0, demo["error"]
    short = [one for one in STORED if one["seconds"] <= SHORT]
    assert len(short) >= 5
    for one in short:
        example = examples.Example(
            **{field.name: one[field.name] for field in fields(examples.Example)}
        )
        found = examples.typed(example, tmp_path)
        assert found["status"] == example.exit, found["error"]
        assert masked(found["output"]) == masked(one["output"]), example.command


def test_it_links_only_to_what_is_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", README)
    assert targets
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).exists(), target
