"""The words of everything that makes a run: a study, its plan of one model, and the outcome.

A *study* ties a kind of run to the record of its settings and to the function that prepares it. It
*prepares* a plan: what decides the result, and the function that gets it. Preparing refuses and
resolves, but writes nothing and encodes nothing. The *execution* writes parts only, and hands
files, summary and page to the driver (:func:`clipprobe.study.carry_out`), which alone opens, locks,
resumes, verifies, finishes and reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

from clipprobe.study.workload import Workload

if TYPE_CHECKING:
    from clipprobe.data import Failure
    from clipprobe.report import Page
    from clipprobe.runs import Run, RunView


class RunSettings(Protocol):
    """What the driver reads of every record of settings: where the run is written."""

    @property
    def out(self) -> Any: ...

    @property
    def overwrite(self) -> bool: ...


S = TypeVar("S", bound=RunSettings)
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[R]):
    """What an execution hands to the driver, which writes it."""

    value: R
    """What the public function gives in memory; None where the run is the result."""
    files: Iterable[tuple[str, Any]]
    """Name -> table, arrays, JSON, text or bytes, told by the suffix; may be made one at a time."""
    summary: Callable[[], Mapping[str, Any]]
    """Of ``summary.json``; called when the files are on disk, never for a result in memory."""
    page: Callable[[Run], Page]
    """The report; called when the summary is on disk, never for a result in memory."""
    used: int
    skipped: int = 0
    failed: int = 0
    failures: Sequence[Failure] = ()
    """What could not be used and why; skipped ones too."""
    page_name: str = "report"
    """Of the report's files, without the suffix."""
    dataset: Mapping[str, Any] | None = None
    """For the manifest, where only the execution can describe the data set."""


@dataclass(frozen=True, kw_only=True)
class Plan(Generic[R]):
    """A study of one model, checked and resolved; nothing is written and nothing encoded yet."""

    config: Mapping[str, Any]
    """Everything that changes the result, and nothing else: the identity of the run."""
    execute: Callable[[Run], Outcome[R]]
    """Gets the result. What it writes are parts, which a killed run finds again. A ``DataError``
    means that the same inputs can never be used: then the run is removed."""
    seed: int = 0
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """``Clip.provenance()``, or less where no model is used; for the manifest."""
    dataset: Mapping[str, Any] | None = None
    """``Dataset.describe()``, for the manifest."""
    workload: Callable[[], Workload] = Workload
    """How many images and texts go through the towers; asked by a dry run alone."""

    @classmethod
    def of(cls, work: Work[R], dataset: Mapping[str, Any] | None = None) -> Plan[R]:
        """The plan of a work that has settings and a model."""
        return cls(
            config=work.config(),
            execute=work.execute,
            seed=work.settings.seed,
            provenance=work.clip.provenance(),
            dataset=dataset,
            workload=work.passes,
        )


class Work(Protocol[R]):
    """What a study of one model does, resolved; see :meth:`Plan.of`."""

    @property
    def clip(self) -> Any:
        """The model."""

    @property
    def settings(self) -> Any:
        """With the seed of everything random."""

    def config(self) -> Mapping[str, Any]:
        """Everything that changes the result."""

    def passes(self) -> Workload:
        """How many images and texts go through the towers."""

    def execute(self, run: Run) -> Outcome[R]:
        """Gets the result."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One figure of two compared runs, as a suite holds it to a baseline."""

    name: str
    difference: Mapping[str, Any]
    """The estimate of B minus A, in JSON types."""
    better: Literal["higher", "lower"]


@dataclass(frozen=True, kw_only=True)
class Study(Generic[S, R]):
    """One kind of run: what can be set, and how a run of it is prepared.

    Example:
        >>> from clipprobe.study import STUDIES
        >>> STUDIES["typographic"].kind
        'typographic'
    """

    kind: str
    """Of the runs that it makes."""
    settings: type[S]
    """The record of settings: its fields are the arguments, the flags, and the keys of a file."""
    prepare: Callable[[S, Any], Plan[R]]
    """Refuses what cannot work, before anything is written, and resolves the rest. Takes the
    settings and the model (None for a study that needs none)."""
    load: Callable[[RunView], R] | None = None
    """Reads the value of a finished run; None where the run is the result. A run in a folder has
    this value from the first time on, so an execution's own value is for memory alone."""
    name: str = ""
    """In the table of studies, where several studies make runs of one kind; else the kind."""
    headline: str = ""
    """Which figure of the summary's headline stands on a scorecard; the first where it is empty."""
    enforce: Callable[[S, Mapping[str, Any]], bool] | None = None
    """Hold a summary to the thresholds of the settings; False where there are none. Raises
    ``ThresholdCrossedError``."""
    text: Callable[[Mapping[str, Any]], str] | None = None
    """Of a comparison: its summary as lines for the terminal."""
    changes: Callable[[Mapping[str, Any]], Iterable[Change]] | None = None
    """Of a comparison: the figures of its summary that can get better or worse."""

    @property
    def known_as(self) -> str:
        """Its name in the table of studies."""
        return self.name or self.kind


@dataclass(frozen=True, kw_only=True)
class StudyResult(Generic[R]):
    """A study that was carried out."""

    view: RunView | None
    """The run; None where no folder was given."""
    value: R
    """What the study gives in memory; None where the run is the result."""

    @property
    def run(self) -> RunView:
        """The run of a study that was written to a folder."""
        assert self.view is not None
        return self.view
