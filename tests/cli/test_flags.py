"""A flag means the same in every verb: of one name, it has one type, default and help."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, NamedTuple

import pytest
import typer
from pydantic.dataclasses import dataclass
from settings.toys import Toy
from typer.testing import CliRunner

from clipprobe.cli import app, verbs
from clipprobe.settings import Setting, Settings, settings_of


class Apart(NamedTuple):
    """Flags that are not the same in every verb: in what, and why."""

    flags: set[str]
    what: set[str]
    why: str


#: At most ten; each is needed.
APART = [
    Apart(
        {"limit", "top", "neurons", "batch-size"},
        {"shown", "help", "limits", "type"},
        "how many images, units or parts of a score a verb takes; evaluate counts neurons or not",
    ),
    Apart(
        {"out"}, {"shown", "help", "required"}, "a run, a sheet, a map: each verb writes its own"
    ),
    Apart(
        {"sites", "pool"},
        {"shown", "help"},
        "what is read is taken whole; of texts one token is read",
    ),
    Apart({"workers"}, {"shown", "help", "limits"}, "pretraining needs a process of its own"),
    Apart(
        {"against", "control", "method", "set", "steps", "threshold"},
        {"shown", "help", "many", "choices", "source", "limits"},
        "of an explanation, an optimizer, a unit, a group: the field has one word for them",
    ),
    Apart(
        {"word", "words", "classes", "label", "template"},
        {"shown", "help", "many", "required", "choices", "type"},
        "words to write, to ask about or to show a unit; labels, and each audit's own sentences",
    ),
    Apart(
        {"groups", "images", "image-root", "labels", "task"},
        {"shown", "help", "many", "required"},
        "tables can stand for images, and a known data set names its groups; some take one column, "
        "or one task; of people a table holds groups, of captions it names the images",
    ),
    Apart(
        {"size", "sizes", "font", "fonts", "ground", "places"},
        {"shown", "help", "many", "limits", "type", "also"},
        "an attack has one of each, cards and grids have several, a search has several with commas",
    ),
    Apart(
        {"target", "unit"},
        {"shown", "help", "many", "required"},
        "one is explained or aimed at, several are probed",
    ),
    Apart(
        {
            "alpha",
            "baseline",
            "concepts",
            "controls",
            "fail-over",
            "fail-under",
            "k",
            "random",
            "task",
            "texts",
            "top-k",
            "twin",
        },
        {"type", "shown", "help", "limits"},
        "each method has the letters and words of its paper; texts have labels, or need none; "
        "a baseline is an image or a run; a twin is part of a study or a scan of its own",
    ),
]
ALIKE = ("type", "many", "choices", "source", "shown", "help", "required", "limits", "env", "also")
FEWEST = 500  # options of the whole command line
Values = dict[tuple[str, str], dict[Any, set[str]]]


def of_records(name: str) -> tuple[Any, ...] | None:
    """The records of a verb; None where it is not made from records yet."""
    thing = verbs.load(verbs.VERBS[name].place)
    return thing.records if isinstance(thing, verbs.Verb) else None


COMMANDS = [name for name, entry in verbs.VERBS.items() if entry.place]
RECORDS = [(name, record) for name in COMMANDS for record in of_records(name) or ()]


def flags(record: Any) -> list[Setting]:
    return [
        one
        for one in settings_of(record)
        if one.where in ("anywhere", "flag", "terminal") and not one.argument
    ]


def disagreeing(found: list[tuple[str, Any]]) -> Values:
    seen: Values = defaultdict(lambda: defaultdict(set))
    for verb, record in found:
        for one in flags(record):
            for what in ALIKE:
                seen[one.flag, what][getattr(one, what)].add(verb)
    return {key: dict(values) for key, values in seen.items() if len(values) > 1}


def test_flags_of_one_name_agree() -> None:
    apart = disagreeing(RECORDS)
    listed = {(flag, what) for one in APART for flag in one.flags for what in one.what}
    assert {key: values for key, values in apart.items() if key not in listed} == {}
    for one in APART:  # what agrees needs no reason
        assert all({(flag, what) for what in one.what} & set(apart) for flag in one.flags), one
        assert all({(flag, what) for flag in one.flags} & set(apart) for what in one.what), one
    assert len(APART) <= 10 and all(one.why for one in APART)


def test_the_comparison_can_fail() -> None:
    @dataclass(frozen=True)
    class Other(Settings):
        seed: int = 1
        """Another seed."""

    apart = disagreeing([("toy", Toy), ("other", Other)])
    assert set(apart) == {("seed", "shown"), ("seed", "help"), ("seed", "limits")}


def rendered(verb: str) -> dict[str, str]:
    """Flag -> its line of the help as people see it, without the space between columns."""
    done = CliRunner().invoke(app, [*verb.split(), "--help"])
    assert done.exit_code == 0
    lines = [" ".join(line.strip("│ ").split()) for line in done.output.splitlines()]
    found = {}
    for line in lines:
        if match := re.match(r"(?:\* )?--([a-z-]+)(?:,--[a-z-]+)* (.*)", line):
            found[match[1]] = match[2]
    return found


def options(verb: str) -> set[str]:
    """The first name of every option that Typer knows of a verb."""
    command: Any = typer.main.get_command(app)
    for part in verb.split():
        command = command.get_command(None, part)
    given = [one for one in command.params if one.param_type_name == "option"]
    return {one.opts[0].removeprefix("--") for one in given}


def test_rendered_help_of_one_flag_is_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    seen: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    total = 0
    for verb in COMMANDS:
        shown = rendered(verb)
        assert set(shown) == options(verb) | {"help"}, verb
        total += len(options(verb))
        for flag, text in shown.items():
            seen[flag][text].add(verb)
    assert total >= FEWEST
    apart = {flag: dict(texts) for flag, texts in seen.items() if len(texts) > 1}
    listed = set().union(*(one.flags for one in APART))
    assert {flag: texts for flag, texts in apart.items() if flag not in listed} == {}
    assert all(set(seen) >= {one.flag for one in flags(record)} for _, record in RECORDS)


@pytest.mark.parametrize(("verb", "record"), [*RECORDS, ("toy", Toy)])
def test_defaults_spelled_out_make_the_record(verb: str, record: Any) -> None:
    needed: dict[str, Any] = {
        one.name: ["1"] if one.many else "1" for one in settings_of(record) if one.required
    }
    if "studies" in needed:  # names of the table
        needed["studies"] = ["limits"]
    spelled = {one.name: one.default for one in settings_of(record) if not one.required}
    assert record(**spelled, **needed) == record(**needed)


def test_no_verb_has_two_flags_of_one_name() -> None:
    names: dict[str, list[str]] = defaultdict(list)
    for verb, record in RECORDS:
        names[verb] += [name for one in flags(record) for name in (one.flag, one.also) if name]
    assert names and all(len(of_verb) == len(set(of_verb)) for of_verb in names.values())
