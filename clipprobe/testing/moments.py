"""Runs that several promises look at, made once for a case: stopped late, or made otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clipprobe.errors import RunFolderError
from clipprobe.runs import Run
from clipprobe.settings import HOW, marked
from clipprobe.testing.cases import Case, at_pass, contents, stop


@dataclass(frozen=True)
class Moment:
    """What happened to a run that was stopped when all but its manifest was there."""

    refused: list[str]
    """What a second writer was told meanwhile, without and with overwrite."""
    left: list[str]
    """The parts that were there."""
    first: int
    """Passes until it was stopped."""
    second: int
    """Passes from then to its end."""
    contents: dict[str, bytes]
    """Of the finished run."""


@dataclass(frozen=True)
class Otherwise:
    """A run with every setting changed that only says how, and what its progress told."""

    path: Path
    told: list[tuple[Any, ...]]


def last_moment(case: Case) -> Moment:
    """A run stopped at its last moment and gone on with; made once for a case."""
    if "moment" not in case.cache:
        case.cache["moment"] = _stopped_late(case, case.place / "moment")
    moment: Moment = case.cache["moment"]
    return moment


def _stopped_late(case: Case, out: Path) -> Moment:
    finish, refused = Run.finish, list[str]()

    def stopped(run: Run, **fields: Any) -> None:
        if run.path != out:  # an inner one
            return finish(run, **fields)
        for overwrite in (False, True):
            with pytest.raises(RunFolderError) as error:
                case.make(out, overwrite=overwrite)
            refused.append(str(error.value))
        stop()

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Run, "finish", stopped)
        with at_pass(0, stop) as first:
            case.make(out)
    parts = out / "parts"
    remaining = [path.name for path in parts.iterdir()] if parts.is_dir() else []
    with at_pass(0, stop) as second:
        case.make(out)
    return Moment(refused, remaining, len(first), len(second), contents(out))


def otherwise(case: Case) -> Otherwise:
    """The run made in another way, once for a case."""
    if "otherwise" not in case.cache:
        calls: list[tuple[Any, ...]] = []
        others: Mapping[str, Any] = {
            "workers": 0,
            "checkpoint_seconds": 0.0,
            "progress": lambda *numbers: calls.append(numbers),
        }
        how = marked(case.study.settings, HOW)
        case.make(case.place / "otherwise", **{k: v for k, v in others.items() if k in how})
        case.cache["otherwise"] = Otherwise(case.place / "otherwise", calls)
    cached: Otherwise = case.cache["otherwise"]
    return cached
