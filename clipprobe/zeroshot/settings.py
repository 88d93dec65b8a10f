"""Settings of the audits of zero-shot and few-shot classification."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Lt
from pydantic import AfterValidator, BeforeValidator
from pydantic.dataclasses import dataclass

from clipprobe.errors import ConfigError
from clipprobe.settings import HOW, Existing, Flag, Settings, Texts
from clipprobe.settings.shared import Batches, Images, Output, Progress, Random
from clipprobe.thresholds import threshold_reader
from clipprobe.tracing.sizes import BAND
from clipprobe.yamltext import parse_yaml
from clipprobe.zeroshot.prompts import TEMPLATES
from clipprobe.zeroshot.text_bank import Averaging

if TYPE_CHECKING:
    from clipprobe.settings.shared import ImagesLike
else:
    ImagesLike = Any

TASKS = "clipprobe.zeroshot.limits.tasks:TASKS"
Tasks = Flag(name="task", takes=str, choices=TASKS)
Names = Annotated[
    Sequence[str] | str | Path | None,
    Flag(takes=Path, many=False, default="the labels, sorted"),
]


def _other_names(value: Any) -> Any:
    """A YAML file of class names and lists of other names; a mapping is left as it is."""
    if not isinstance(value, str | Path):
        return value
    try:
        mapping = parse_yaml(Path(value).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        mapping = None
    if not isinstance(mapping, dict) or not all(isinstance(v, list) for v in mapping.values()):
        raise ConfigError(
            f"{value} is not a YAML mapping of class names to lists of names: write for example "
            "'crane: [construction crane, crane bird]'."
        )
    return {str(name): [str(other) for other in others] for name, others in mapping.items()}


def _shots(value: Any) -> Any:
    """Shot numbers from texts; ``all`` stays."""
    if value is None:
        return None
    if isinstance(value, str | int):
        value = [value]
    try:
        return tuple(one if one == "all" else int(one) for one in value)
    except (TypeError, ValueError):
        raise ConfigError(f"Shots are positive numbers or 'all', not {value!r}.") from None


Shots = Annotated[
    Sequence[int | str] | None,
    BeforeValidator(_shots),
    Flag(takes=str, default="1, 2, 4, 8, 16 and all, as far as every class has the images"),
]


@dataclass(frozen=True, kw_only=True)
class Labels(Settings):
    """What the classes are called, and the sentences around their names."""

    panel: ClassVar[str] = "Classes"
    classes: Names = None
    """Class names: a text file, one per line; a folder with classes.txt and templates.txt; a JSON
    file; or OpenAI's prompts.md. Images of other labels are left out."""
    label_set: str | None = None
    """Which data set of such a file, where it holds several: CIFAR10."""
    templates: Annotated[Texts, Flag(name="template")] = TEMPLATES
    """A text with {} for the class name; repeat to average over several."""
    averaging: Averaging = "unit-mean-unit"
    """Which vectors have unit length before and after the mean over templates; the first is that
    of the CLIP paper."""


@dataclass(frozen=True, kw_only=True)
class Thresholds(Settings):
    """What makes the command end with 1."""

    panel: ClassVar[str] = "Run"
    fail_under: Annotated[
        Mapping[str, float] | None,
        BeforeValidator(threshold_reader("--fail-under", "zero_shot=0.6")),
    ] = None
    """NAME=NUMBER: exit with 1 when the lower end of that headline figure is under the number;
    repeat for more."""


@dataclass(frozen=True)
class ZeroShotAudit(Thresholds, Progress, Labels, Random, Batches, Output, Images):
    """How good the zero-shot classifier is, how sure its shares are, what its texts do to it."""

    panel: ClassVar[str] = "Zero-shot audit"
    images: ImagesLike
    """A folder (one sub-folder for each class), a metadata table, a WebDataset .tar, or a Hugging
    Face dataset, with labels."""
    _: KW_ONLY
    other_names: Annotated[
        Mapping[str, Sequence[str]] | None,
        BeforeValidator(_other_names),
        Flag(takes=Path, many=False),
    ] = None
    """A YAML file with other names of classes: how far each would move the accuracy."""
    fail_over: Annotated[
        Mapping[str, float] | None,
        BeforeValidator(threshold_reader("--fail-over", "calibration_error=0.1")),
    ] = None
    """calibration_error=NUMBER: exit with 1 when the upper end of its interval is over the
    number."""


@dataclass(frozen=True)
class FewShotAudit(Thresholds, Progress, Labels, Random, Batches, Output, Images):
    """How many labelled images a linear probe needs to overtake zero-shot."""

    panel: ClassVar[str] = "Few-shot audit"
    images: Annotated[ImagesLike | None, Flag(place=True)] = None
    """Labelled images, as for zero-shot; not with --never-seen."""
    _: KW_ONLY
    shifted: Annotated[ImagesLike | None, Flag(takes=Path, place=True)] = None
    """Other images of the same classes, such as another style or an attacked copy: a curve of their
    own, and the probes of the first images scored on them."""
    never_seen: bool = False
    """Render things that the bundled model was never shown, and as many that it was: two curves."""
    shots: Shots = None
    """Labelled images of each class; all takes every one that is not for testing."""
    draws: Annotated[int, Ge(2)] = 5
    """Random choices of the shots."""
    test_share: Annotated[float, Gt(0), Lt(1)] = 0.5
    """Share of each class that only tests."""
    iterations: Annotated[int, Ge(1)] = 100
    """Steps of LP++, which has no other end where the shots can be separated."""


def _tasks(value: Any) -> Any:
    """Names of tasks as a tuple; each must be known."""
    names = (value,) if isinstance(value, str) else tuple(value)
    return tuple(_task(name, ", or none for all") for name in names)


def _task(name: Any, otherwise: str = "") -> Any:
    """The name of a task, which must be known."""
    from clipprobe.zeroshot.limits.tasks import TASKS

    if name is not None and name not in TASKS:
        raise ConfigError(f"There is no task {name!r}: choose among {', '.join(TASKS)}{otherwise}.")
    return name


@dataclass(frozen=True)
class LimitsAudit(Thresholds, Progress, Random, Batches, Output):
    """On which kinds of task zero-shot fails, and in which tower what it needs is missing."""

    panel: ClassVar[str] = "Limits audit"
    _: KW_ONLY
    tasks: Annotated[Sequence[str], BeforeValidator(_tasks), Tasks] = ()
    """A task to ask; repeat for several. All of them by default, none beside --foils."""
    foils: Annotated[Path | None, Flag(takes=Path)] = None
    """A CSV table of your own with the columns image, caption and foil; or the folder or a table of
    SugarCrepe, Winoground or NegBench."""
    image_root: Annotated[str | Path | None, Existing, Flag(default="the folder of --foils")] = None
    """The folder that the images of --foils are relative to."""
    scenes: Annotated[int, Ge(1)] = 4
    """Images of each pair of things; fewer than 4 leave most answers undecided."""
    twin: bool = True
    """Ask the same network with random weights too: what it can do comes from the images alone."""


@dataclass(frozen=True)
class CarriersAudit(Thresholds, Labels, Random, Batches, Output, Images):
    """Which heads and neurons carry a class, a count, a relation, beside random sets of units."""

    panel: ClassVar[str] = "Carriers audit"
    images: Annotated[ImagesLike | None, Flag(place=True)] = None
    """Labelled images, as for zero-shot; not with --task."""
    _: KW_ONLY
    name: Annotated[str | None, Flag(argument=True)] = None
    """The class; with --task what the task's images show, such as three or red. A task of two
    options needs no name."""
    task: Annotated[str | None, AfterValidator(_task), Flag(choices=TASKS)] = None
    """A task of the audit of limits, whose images are rendered: counting, left or right."""
    scenes: Annotated[int, Ge(1)] = 4
    """Images of each pair of things; fewer than 4 leave most answers undecided."""
    kinds: Annotated[Sequence[Literal["neuron", "head"]], Flag(name="kind")] = ("neuron", "head")
    """Kind of unit; those that a model lacks are left out, with the reason. Repeat for more."""
    listed: Annotated[int, Ge(1)] = 10
    """Units of each kind that are taken out one by one."""
    n_random: Annotated[int, Ge(BAND)] = 100
    """Random sets of units, the control, at the size that the ranking half chooses."""
    limit: Annotated[int | None, Ge(1), Flag()] = 1000
    progress: Annotated[Callable[[int], None] | None, HOW, Flag(where="python")] = None
    """Called with the number of images that went through the model."""
