"""Two records, and a verb of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import typer
from annotated_types import Ge, Gt, Lt
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from clipprobe.cli import verbs
from clipprobe.settings import HOW, PRIVATE, Existing, Flag, Settings, Texts, lines_if_path
from clipprobe.settings.shared import Images, Inference, Model, Output, Progress, Random, Terminal


@dataclass(frozen=True)
class Toy(Progress, Random, Inference, Output, Images):
    """Count things [really].

    More about
    it.
    """

    panel: ClassVar[str] = "Toy"
    images: Any = None
    probes: Annotated[Texts, Flag(name="probe")] = ("jobs", "moods")
    """Question to ask; repeat for more."""
    _: KW_ONLY
    out: Annotated[str | Path, HOW] = "runs/toy"
    kind: Literal["cosine", "logit"] = "cosine"
    """What scores are."""
    alpha: Annotated[float, Gt(0), Lt(1)] = 0.05
    """False discovery rate."""
    levels: Annotated[Sequence[Annotated[float, Gt(0), Lt(1)]] | None, Flag(name="level")] = None
    """Of probability; repeat for more."""
    words: Annotated[
        Texts | None, BeforeValidator(lines_if_path("word")), Flag(takes=Path, many=False)
    ] = None
    """A file of words, one per line."""
    labels: Annotated[Path | None, Existing] = None
    """A table."""
    people: Annotated[Mapping[str, str] | None, PRIVATE, Flag(where="file")] = None
    """Group of each person."""


@dataclass(frozen=True)
class Needy(Settings):
    """Need a number."""

    number: Annotated[int, Ge(1), Flag(argument=True)]
    """How many."""
    size: float
    """How large."""


@dataclass(frozen=True, kw_only=True)
class Several(Settings):
    """Take several."""

    files: Annotated[Sequence[Path], Flag(argument=True)]
    """What is read."""
    mask_out: Annotated[Path | None, Flag(also="mask")] = None
    """What is written."""


def run(audit: Toy, model: Model, terminal: Terminal) -> None:
    typer.echo(f"{audit.alpha} {audit.probes} {audit.overwrite} {audit.seed} {model.model}")
    typer.echo(f"{terminal.as_json} {audit.words}")


def run_needy(needy: Needy) -> None:
    typer.echo(f"{needy.number} {needy.size}")


def run_several(several: Several) -> None:
    typer.echo(f"{[str(path) for path in several.files]} {several.mask_out}")


@dataclass(frozen=True, kw_only=True)
class Levelled(Settings):
    """Take a level."""

    level: Annotated[str | None, Flag(argument=True, env="TOY_LEVEL", default="low")] = None
    """How much."""


def run_levelled(levelled: Levelled) -> None:
    typer.echo(str(levelled.level))


TOY = verbs.Verb(run, (Toy, Model, Terminal))
NEEDY = verbs.Verb(run_needy, (Needy,))
SEVERAL = verbs.Verb(run_several, (Several,))
LEVELLED = verbs.Verb(run_levelled, (Levelled,))
