"""Two studies that make runs of one kind, and a value that reads from its run when it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic.dataclasses import dataclass as record

from clipprobe.report import Page
from clipprobe.runs import Run, RunView
from clipprobe.settings import HOW
from clipprobe.settings.shared import Output
from clipprobe.study import STUDIES, Outcome, Plan, Study, carry_out, rerun


@record(frozen=True)
class Count(Output):
    """Count up to a number."""

    panel: ClassVar[str] = "Count"
    number: int
    """The last number."""
    _: KW_ONLY
    out: Annotated[str | Path | None, HOW] = None
    """The run folder to write."""


@record(frozen=True)
class Words(Output):
    """Count words."""

    panel: ClassVar[str] = "Words"
    words: str
    """The words."""
    _: KW_ONLY
    out: Annotated[str | Path | None, HOW] = None
    """The run folder to write."""


@dataclass(frozen=True)
class Lazy:
    """Numbers that are read when they are asked for."""

    place: Any
    name: str

    def numbers(self) -> list[int]:
        found: list[int] = self.place.read_json(self.name)
        return found


def planned(numbers: list[int], config: dict[str, Any]) -> Plan[Lazy]:
    def execute(run: Run) -> Outcome[Lazy]:
        run.write_json("parts/numbers.json", numbers)
        return Outcome(
            value=Lazy(run, "parts/numbers.json"),
            files=[("numbers.json", numbers)],
            summary=lambda: {"kind": "counted", "headline": []},
            page=lambda run: Page(title="Numbers"),
            used=len(numbers),
        )

    return Plan(config=config, execute=execute)


def load(view: RunView) -> Lazy:
    return Lazy(view, "numbers.json")


COUNT = Study(
    kind="counted",
    settings=Count,
    prepare=lambda settings, clip: planned(list(range(settings.number)), {"n": settings.number}),
    load=load,
)
WORDS = Study(
    kind="counted",
    name="counted-words",
    settings=Words,
    prepare=lambda settings, clip: planned(
        list(range(len(settings.words.split()))), {"n": len(settings.words.split())}
    ),
    load=load,
)


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    for study in (COUNT, WORDS):
        STUDIES.add(study.known_as, study)
    yield
    for study in (COUNT, WORDS):
        STUDIES._loaded.pop(study.known_as)


def test_a_run_is_made_again_by_the_study_that_made_it(tmp_path: Path) -> None:
    one = carry_out(COUNT, Count(3, out=tmp_path / "a"), None).run
    other = carry_out(WORDS, Words("a b c", out=tmp_path / "b"), None).run
    assert one.kind == other.kind == "counted"
    for view in (one, other):
        again = rerun(view.path, tmp_path / f"{view.path.name}-again")
        for name in view.manifest["files"]:
            assert again.file(name).read_bytes() == view.file(name).read_bytes()
        assert again.read_json("call.json") == view.read_json("call.json")
    # One recognises the run of the other: what decides the result is the same.
    assert carry_out(WORDS, Words("x y z", out=tmp_path / "a"), None).run.manifest == one.manifest


def test_the_value_of_a_run_reads_the_run_and_not_its_parts(tmp_path: Path) -> None:
    made = carry_out(COUNT, Count(3, out=tmp_path / "a"), None)
    again = carry_out(COUNT, Count(3, out=tmp_path / "a"), None)
    assert made.value.numbers() == again.value.numbers() == [0, 1, 2]
