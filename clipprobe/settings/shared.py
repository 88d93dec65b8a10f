"""Settings that mean the same everywhere: each flag and its help stand here once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, cast

from annotated_types import Ge
from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from clipprobe.errors import ConfigError
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
    stands_in: ClassVar[Mapping[str, str]] = {"images": "image_root"}
    chosen_by: ClassVar[tuple[str, ...]] = (
        "limit", "labels", "label_column", "id_column", "image_root", "label_names", "sample",
        "per_class",
    )  # fmt: skip
    """The fields that say which of the images take part, and where their labels stand."""
    images: Annotated[ImagesLike | None, Flag(place=True)]
    """A folder, a metadata table, a WebDataset .tar, or a Hugging Face dataset."""
    limit: Annotated[int | None, Ge(1), Flag(default="all")] = None
    """Use at most N images, spread over the data set."""
    labels: Annotated[str | Path | None, Existing, Flag(default="those of the images")] = None
    """A table (.csv, .tsv, .jsonl, .parquet) with the label of each image; it may lie anywhere."""
    label_column: Annotated[str | None, Flag(default="label, class or the only one")] = None
    """The column that holds the labels."""
    id_column: Annotated[str | None, Flag(default="detected")] = None
    """The column that identifies an image."""
    image_root: Annotated[str | Path | None, Existing, Flag(default="--images")] = None
    """The folder that the names in a table are relative to; stands in for --images too."""
    label_names: Annotated[str | Path | None, Existing, Flag(default="the labels")] = None
    """Names for labels that are codes, such as ImageNet's LOC_synset_mapping.txt."""
    sample: Annotated[int | None, Ge(1), Flag(default="all")] = None
    """Use N images that the seed chooses, each by its own name: images that are added later change
    the sample as little as they can."""
    per_class: bool = False
    """Take --sample images of each class."""

    def choice(self) -> dict[str, Any]:
        """Which of the images take part, as :func:`clipprobe.data.open_dataset` takes it."""
        fields = {name: getattr(self, name) for name in self.chosen_by}
        return {**fields, "seed": getattr(self, "seed", 0) if self.sample else 0}

    def dataset(self) -> Dataset:
        """The images that take part, with their labels.

        Raises:
            DataError: the images, or the table of their labels, cannot be used.
            ConfigError: a root without a table.
        """
        from clipprobe.data import as_dataset
        from clipprobe.data.suffixes import TABLE_SUFFIXES

        images, root = self.images, self.image_root
        if root is not None and self.labels is None and isinstance(images, str | Path):
            table = Path(images).suffix.lower() in TABLE_SUFFIXES
            if not table and Path(images) != Path(root):
                raise ConfigError(
                    "--image-root says where the names of a table begin, and there is no table: "
                    "give --labels TABLE, or a table as --images."
                )
        return as_dataset(cast("Any", images), **self.choice())

    def opened(self, *, whole: bool = False, dataset: Dataset | None = None) -> Self:
        """The same settings with the data set in the place of what names it.

        Args:
            whole: Leave the sample for later.
            dataset: What the same settings were opened as before.
        """
        if whole:
            sample: dict[str, Any] = {
                name: getattr(self, name) for name in ("limit", "sample", "per_class")
            }
            every = replace(self, limit=None, sample=None, per_class=False)
            return replace(every.opened(), **sample)
        return replace(self.unchosen(), images=dataset or self.dataset())

    def unchosen(self) -> Self:
        """The same settings with all that their images hold."""
        nothing: dict[str, Any] = dict.fromkeys(self.chosen_by)
        return replace(self, **{**nothing, "per_class": False})


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

    def counter(self, total: int) -> Callable[[int], None]:
        """Takes the number of items that are done more, and tells how many of all are."""
        done = 0

        def step(n: int) -> None:
            nonlocal done
            done += n
            if self.progress is not None:
                self.progress(done, total)

        return step


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
