"""Idioms that readers stumbled over stay out of code, messages and docs, and names are nouns."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_THING = "image|line|unit|word|figure|column|label|cell|card|hook point|head|site|class|sentence"
_ENTRY = "row|word|object|entry|line|name|number|class|column|section|test|part"
#: Idiom -> files and folders that may hold it.
IDIOMS: dict[str, tuple[str, ...]] = {
    # "there is no X" and "no longer", "no more" are English; "X is no Y" is not how one says it
    r"(?<!there )(?<!There )\b(?:is|are|was|were) no "
    r"(?!longer|more|other|such|less|untouched|draws)\w+(?! (?:is|are)\b)": (
        "clipprobe/pretraining/evaluation/other_hand/inks.py",  # wordings of the model card
        "clipprobe/pretraining/evaluation/planted.py",
        "clipprobe/pretraining/evaluation/reading.py",
        "clipprobe/pretraining/templates/card.md.j2",
        "docs/emoji-clip.md",
    ),
    rf"\b[Oo]ne (?:{_ENTRY}) an? (?:{_THING})\b": (),
    r"\b(?:at most|after|by) so many\b": (),
    r"\bleave (?:\w+ ){1,3}away\b": (),
    r"\bwords fire\b|\bmakes? (?:it|a unit|each vision unit) fire\b": (),
    r"\b(?:labels|hits|words) (?:are |is )?dealt\b": (),
    r"\ba road (?:of|to)\b": (),
}
#: Participles that say nothing of what a name holds.
PARTICIPLES = frozenset(
    "asked chosen dealt found given held kept made said shown told wanted".split()
)
#: Files and folders, and the participle that a parameter there may have.
NAMES = (
    ("attacks/bias/mitigation/transforms.py", "kept"),  # a keyword of a public function
    ("clipprobe/study/rerun.py", "given"),  # the keywords of a public function
)


@cache
def texts() -> dict[str, str]:
    """Files of the product and its docs by path; the dashboard is not read."""
    files = [
        path
        for folder in ("attacks", "clipprobe", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".j2"} and "assets" not in path.parts
    ]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}


def joined(text: str) -> str:
    """A text as one line, so that an idiom shows across the end of a line of prose."""
    return re.sub(r' *"?\n *(?:f?")?', " ", text)


@cache
def lines() -> dict[str, str]:
    return {name: joined(text) for name, text in texts().items()}


def holders(pattern: str) -> list[str]:
    """The files that hold an idiom and may not."""
    search, allowed = re.compile(pattern).search, IDIOMS[pattern]
    return [n for n, text in lines().items() if not n.startswith(allowed) and search(text)]


def parameters(text: str) -> set[str]:
    """The names of all parameters of a module's functions."""
    functions = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.arguments))
    return {one.arg for n in functions for one in (*n.posonlyargs, *n.args, *n.kwonlyargs)}


@pytest.mark.parametrize("pattern", IDIOMS)
def test_the_idiom_is_gone(pattern: str) -> None:
    assert len(lines()) > 900
    assert not holders(pattern)


def test_parameters_are_named_by_what_they_are() -> None:
    participles = {
        (name, one)
        for name, text in texts().items()
        if name.endswith(".py") and not name.startswith("docs/")
        for one in parameters(text) & PARTICIPLES
    }
    assert participles  # those of NAMES: the search sees them
    allowed = {
        (name, one)
        for name, one in participles
        for place, word in NAMES
        if name.startswith(place) and word == one
    }
    assert participles == allowed


@pytest.mark.parametrize(
    ("sentence", "idiom"),
    [
        ("units that are no part of the model", 0),
        ("There is no table, and the file is no\n    Parquet file", 0),
        ('"give one row "\n    "an image"', 1),
        ("an answer after so many queries", 2),
        ("leave the output folder away", 3),
        ("which words make it fire?", 4),
        ("labels are dealt to images", 5),
        ("a road to the answer", 6),
    ],
)
def test_each_idiom_would_be_noticed(sentence: str, idiom: int) -> None:
    assert re.search(list(IDIOMS)[idiom], joined(sentence))


def test_english_is_not_an_idiom() -> None:
    fine = "There is no table. It is no longer there; one row per image; so many things."
    assert not any(re.search(pattern, fine) for pattern in IDIOMS)
