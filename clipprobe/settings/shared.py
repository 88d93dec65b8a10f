"""Settings that mean the same everywhere: each flag and its help stand here once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge
from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from clipprobe.settings.marks import HOW, Flag
from clipprobe.settings.record import Settings
from clipprobe.settings.values import Existing, Spoken, Texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clipprobe.data import Dataset

    ImagesLike = Dataset | str | Path | Iterable[Any]
    Tell = Callable[[int, int], None]
else:
    ImagesLike = Tell = Any


@dataclass(frozen=True, kw_only=True)
class Images(Settings):
    """Which images, and how many of them; a study that can do without gives a default."""

    panel: ClassVar[str] = "Images"
    images: Annotated[ImagesLike | None, Flag(place=True)]
    """A folder, a metadata table, a WebDataset .tar, or a Hugging Face dataset."""
    limit: Annotated[int | None, Ge(1), Flag(default="all")] = None
    """Use at most N images, spread over the data set."""


@dataclass(frozen=True, kw_only=True)
class ModelName(Settings):
    """Which model, by its name."""

    panel: ClassVar[str] = "Model"
    model: Annotated[str | None, Flag(default="the bundled model", env="CLIPPROBE_MODEL")] = None
    """A checkpoint folder, a Hugging Face id, or open_clip:NAME/TAG."""
    edit: Annotated[
        Sequence[Annotated[Path, Existing]], AfterValidator(tuple), Flag(default="none")
    ] = ()
    """An edit of the model, as Edit.save wrote it; repeat for more, which apply in order."""


@dataclass(frozen=True, kw_only=True)
class Device(Settings):
    """Where a model runs."""

    panel: ClassVar[str] = "Model"
    device: Annotated[str, HOW] = "auto"
    """auto, cpu, cuda, cuda:N or mps."""


@dataclass(frozen=True, kw_only=True)
class Model(Device, ModelName):
    """Which model; only the command line loads one by its name."""

    revision: Annotated[str | None, Flag(default="the main branch")] = None
    """Branch, tag or commit of a Hugging Face id."""


@dataclass(frozen=True, kw_only=True)
class Output(Settings):
    """Where a run is written; a study gives ``out`` a default of its own, or needs it."""

    panel: ClassVar[str] = "Run"
    out: Annotated[str | Path, HOW]
    """The run folder to write."""
    overwrite: Annotated[bool, HOW] = False
    """Remove the run that is in the folder; other files stay."""


@dataclass(frozen=True, kw_only=True)
class Random(Settings):
    """What is random, made repeatable."""

    panel: ClassVar[str] = "Run"
    seed: Annotated[int, Ge(0)] = 0
    """The same seed, the same bytes."""


@dataclass(frozen=True, kw_only=True)
class TwoRuns(Random, Output):
    """Which two runs a study compares; its result may stay in memory."""

    panel: ClassVar[str] = "Comparison"
    a: Annotated[str | Path, Flag(argument=True)]
    """A complete run folder."""
    b: Annotated[str | Path, Flag(argument=True)]
    """Another of the same kind."""
    out: Annotated[str | Path | None, HOW] = None  # type: ignore[assignment]  # None, too
    """A folder for the report of the comparison."""


@dataclass(frozen=True, kw_only=True)
class Batches(Settings):
    """How many images go through the model at once."""

    panel: ClassVar[str] = "Run"
    batch_size: Annotated[int, Ge(1)] = 32
    """Images in one forward pass."""


@dataclass(frozen=True, kw_only=True)
class Inference(Batches):
    """How images go through the model."""

    workers: Annotated[int, Ge(0), HOW] = 2
    """Threads that decode or draw beside the model."""


@dataclass(frozen=True, kw_only=True)
class Sites(Settings):
    """Which hook points; a verb says which it takes when none is given."""

    panel: ClassVar[str] = "Units"
    sites: Annotated[
        Texts | None,
        Flag(choices="clipprobe.hooks.names:USUAL", default="the neurons of every block"),
    ] = None
    """Hook points, as names or globs; repeat for more."""


@dataclass(frozen=True, kw_only=True)
class Pool(Settings):
    """How the tokens of one image or text become one number for each unit."""

    panel: ClassVar[str] = "Units"
    pool: Annotated[str, Flag(choices="clipprobe.hooks.pooling:POOLS")] = "max"
    """How tokens become one number: cls, mean, max or eos."""


@dataclass(frozen=True, kw_only=True)
class Compared(Settings):
    """Texts whose scores with images are measured."""

    panel: ClassVar[str] = "Texts"
    texts: Annotated[Texts, Spoken, Flag(name="text")]
    """A text; repeat for more."""


@dataclass(frozen=True, kw_only=True)
class Progress(Settings):
    """Who is told how far the work is; only in Python."""

    panel: ClassVar[str] = "Run"
    progress: Annotated[Tell | None, HOW, Flag(where="python")] = None
    """Called with the number of items that are done, and of all; the second may shrink."""


@dataclass(frozen=True, kw_only=True)
class ConfigFile(Settings):
    """A file that stands in for flags."""

    panel: ClassVar[str] = "Command line"
    config: Annotated[Path | None, Flag(where="terminal")] = None
    """A YAML file with settings; flags win over it."""


@dataclass(frozen=True, kw_only=True)
class Printing(Settings):
    """How a result is printed."""

    panel: ClassVar[str] = "Command line"
    as_json: Annotated[bool, Flag(name="json", where="terminal")] = False
    """Print the result, or the error, as JSON on stdout, words on stderr."""
    quiet: Annotated[bool, Flag(where="terminal")] = False
    """Print the result and errors alone, without notes and progress."""


@dataclass(frozen=True, kw_only=True)
class DryRun(Settings):
    """Whether a run is made at all; every verb that makes one has it."""

    panel: ClassVar[str] = "Command line"
    dry_run: Annotated[bool, Flag(where="terminal")] = False
    """Say what would be done, how many images and texts would be encoded, and about how long that
    takes; write nothing."""


@dataclass(frozen=True, kw_only=True)
class Terminal(Printing, ConfigFile):
    """What only a command line has."""
