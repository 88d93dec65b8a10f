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
    """A file of words, one a line."""
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


def run(audit: Toy, model: Model, terminal: Terminal) -> None:
    typer.echo(f"{audit.alpha} {audit.probes} {audit.overwrite} {audit.seed} {model.model}")
    typer.echo(f"{terminal.as_json} {audit.words}")


def run_needy(needy: Needy) -> None:
    typer.echo(f"{needy.number} {needy.size}")


TOY = verbs.Verb(run, (Toy, Model, Terminal))
NEEDY = verbs.Verb(run_needy, (Needy,))
