"""How many labelled images does a linear probe need to overtake zero-shot?

:func:`audit_few_shot` draws the curves of the CLIP paper's figure 6 for any model and any labelled
images, with intervals over draws and classes, and says where each crosses zero-shot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipprobe.data import Dataset, Failure, as_dataset
from clipprobe.errors import ConfigError
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.runs import Run, RunView
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out
from clipprobe.study.workload import nothing
from clipprobe.thresholds import check_thresholds, enforce, headline_figures
from clipprobe.zeroshot.classifier import build_classifier
from clipprobe.zeroshot.embedded import EmbeddedImages, label_rows
from clipprobe.zeroshot.few_shot.concepts import concept_images
from clipprobe.zeroshot.few_shot.draws import Shots, Split, check_shots, mean_shots, split_rows
from clipprobe.zeroshot.few_shot.report import build_page
from clipprobe.zeroshot.few_shot.summary import Measured, draw_rows, figures, summarise
from clipprobe.zeroshot.few_shot.sweep import Cell, LabelledVectors, run_cell
from clipprobe.zeroshot.question import Question, question
from clipprobe.zeroshot.settings import FewShotAudit
from clipprobe.zeroshot.stored import embed_in_parts

if TYPE_CHECKING:
    from clipprobe.models import Clip

DRAWS = "draws.csv"


@takes(FewShotAudit)
def audit_few_shot(clip: Clip, settings: FewShotAudit) -> RunView:
    """Measure the few-shot curves of a model on labelled images.

    The probe is the CLIP paper's: logistic regression on the vectors before the projection, the
    strength of its ridge searched on validation images. LP++ stands beside it. The same arguments
    give the same bytes, and an interrupted audit goes on where it stopped.

    Returns:
        The finished run; ``run.summary`` holds curves and crossings, ``draws.csv`` every draw.
    Raises:
        ThresholdCrossedError: a ``fail_under`` was crossed; the run is complete.
        DataError, ConfigError, RunFolderError: see the message.
    """
    run = carry_out(FEW_SHOT, settings, clip).run
    enforce(headline_figures(run.summary), settings.fail_under)
    return run


def refuse_unasked(settings: FewShotAudit) -> None:
    """Refuse, before a model is loaded, images without classes and thresholds without a figure.

    Raises:
        DataError: the classes do not match the images.
        ConfigError: there is no such figure, or the number is not a share.
    """
    if settings.images is not None and not settings.never_seen:
        question(settings, as_dataset(settings.images, limit=settings.limit))
    names = ["seen", "never seen"] if settings.never_seen else ["images"]
    if settings.shifted is not None:
        names += ["transferred", "shifted"]
    check_thresholds(settings.fail_under, figures(names))


def prepare_audit(settings: FewShotAudit, clip: Clip) -> Plan[None]:
    """Read the inputs, refuse what cannot be fitted, and plan the curves."""
    refuse_unasked(settings)
    datasets = _datasets(settings, clip)
    shifted = None if settings.shifted is None else as_dataset(settings.shifted)
    tasks = {name: question(settings, dataset) for name, dataset in datasets.items()}
    datasets = {name: task.dataset for name, task in tasks.items()}
    for one in tasks.values():
        refuse_person_groups(in_sentences(one.classes, one.templates), "a probe")
    first = next(iter(tasks.values()))
    sets = [(dataset, tasks[name].classes) for name, dataset in datasets.items()]
    if shifted is not None:
        sets.append((shifted, first.classes))
    cells = 0
    for dataset, classes in sets:
        _, labels = label_rows(dataset.records, classes)
        split = split_rows(labels, classes, test_share=settings.test_share, seed=settings.seed)
        cells += len(check_shots(settings.shots, split, classes))
    work = _Work(
        clip=clip,
        settings=settings,
        datasets=datasets,
        shifted=shifted,
        questions=tasks,
        cells=cells,
    )
    return Plan.of(work, next(iter(datasets.values())).describe())


def _datasets(settings: FewShotAudit, clip: Clip) -> dict[str, Dataset]:
    if settings.never_seen:
        if settings.images is not None or settings.shifted is not None or settings.classes:
            raise ConfigError(
                "--never-seen renders its own images and names: leave images, --shifted and "
                "--classes out."
            )
        return concept_images(seed=settings.seed, image_size=clip.image_size)
    if settings.images is None:
        raise ConfigError("The audit needs labelled images: give a folder, or --never-seen.")
    return {"images": settings.dataset()}


@dataclass(frozen=True, kw_only=True)
class _Work:
    clip: Clip
    settings: FewShotAudit
    datasets: Mapping[str, Dataset]
    shifted: Dataset | None
    questions: Mapping[str, Question]
    cells: int
    """Shot numbers of all curves together."""

    def config(self) -> dict[str, Any]:
        """Everything that changes the result."""
        settings = self.settings
        return {
            "model": self.clip.provenance()["model"],
            "datasets": {name: data.describe() for name, data in self.datasets.items()},
            "shifted": None if self.shifted is None else self.shifted.describe(),
            "classes": {name: list(one.classes) for name, one in self.questions.items()},
            "templates": list(next(iter(self.questions.values())).templates),
            "label_text": next(iter(self.questions.values())).source,
            "averaging": settings.averaging,
            "shots": None if settings.shots is None else list(settings.shots),
            "draws": settings.draws,
            "test_share": settings.test_share,
            "lp_iterations": settings.iterations,
            "batch_size": settings.batch_size,
            "seed": settings.seed,
        }

    def passes(self) -> Workload:
        """Every image once, and the sentences of its classes; shifted images have the same."""
        total = nothing()
        for name, dataset in self.datasets.items():
            texts = len(self.questions[name].classes) * len(self.questions[name].templates)
            for images in (dataset, *([] if self.shifted is None else [self.shifted])):
                total += Workload(images=len(images), texts=texts)
        return total

    def execute(self, run: Run) -> Outcome[None]:
        """Encode, fit, and say what came out."""
        counter = _Progress(self)
        measured: list[Measured] = []
        used = 0
        failures: list[Failure] = []
        for name, dataset in self.datasets.items():
            embedded = self._embedded(run, dataset, name, counter.step)
            data, split = self._labelled(embedded, self.questions[name])
            shots = check_shots(self.settings.shots, split, data.names)
            other = None
            if self.shifted is not None:
                moved = self._embedded(run, self.shifted, "shifted", counter.step)
                other, _ = self._labelled(moved, self.questions[name], needs_split=False)
                failures += moved.failures
                used += len(moved.records)
            measured.append(self._curve(run, name, data, split, shots, other, counter.step))
            used += len(embedded.records)
            failures += embedded.failures
            if other is not None:
                own = split_rows(
                    other.labels, other.names, test_share=self.settings.test_share,
                    seed=self.settings.seed,
                )  # fmt: skip
                shots = check_shots(self.settings.shots, own, other.names)
                measured.append(self._curve(run, "shifted", other, own, shots, None, counter.step))
        summary = summarise(measured, settings=self.settings)
        return Outcome(
            value=None,
            files=[(DRAWS, draw_rows(measured))],
            summary=lambda: summary,
            page=lambda run: build_page(run, self.clip.provenance()),
            used=used,
            failed=len(failures),
            failures=failures,
        )

    def _embedded(
        self, run: Run, dataset: Dataset, name: str, step: Callable[[int], None]
    ) -> EmbeddedImages:
        stem = name.replace(" ", "-")
        size = self.settings.batch_size
        return embed_in_parts(run, self.clip, dataset, batch_size=size, name=stem, progress=step)

    def _labelled(
        self, images: EmbeddedImages, question: Question, *, needs_split: bool = True
    ) -> tuple[LabelledVectors, Split]:
        settings = self.settings
        names, labels = label_rows(images.records, question.classes)
        texts = build_classifier(self.clip, names, question.templates, averaging=settings.averaging)
        data = LabelledVectors(
            names=names, labels=labels, pooled=images.pooled, vectors=images.vectors, texts=texts
        )
        if not needs_split:
            return data, Split(test=labels[:0], pool=())
        split = split_rows(labels, names, test_share=settings.test_share, seed=settings.seed)
        return data, split

    def _curve(
        self,
        run: Run,
        name: str,
        data: LabelledVectors,
        split: Split,
        shots: tuple[Shots, ...],
        shifted: LabelledVectors | None,
        step: Callable[[int], None],
    ) -> Measured:
        cells: dict[Shots, Cell] = {}
        for k in shots:
            part = f"parts/cell-{name.replace(' ', '-')}-{k}.safetensors"
            if not run.has(part):
                cell = run_cell(
                    data, split, k, draws=self.settings.draws, seed=self.settings.seed,
                    scale=self.clip.scale, iterations=self.settings.iterations, shifted=shifted,
                )  # fmt: skip
                run.write_arrays(part, cell.arrays())
            cells[k] = Cell.from_arrays(run.read_arrays(part))
            step(self.settings.draws)
        return Measured(
            name=name,
            data=data,
            split=split,
            positions=[mean_shots(split, k) for k in shots],
            cells=cells,
            shifted=shifted,
        )


class _Progress:
    """Images encoded and draws fitted, of all."""

    def __init__(self, work: _Work) -> None:
        self._tell = work.settings.progress
        self._total = sum(self._sizes(work)) + work.cells * work.settings.draws
        self._done = 0

    @staticmethod
    def _sizes(work: _Work) -> Iterator[int]:
        yield from (len(dataset) for dataset in work.datasets.values())
        if work.shifted is not None:
            yield len(work.shifted)

    def step(self, n: int) -> None:
        """``n`` more are done."""
        self._done += n
        if self._tell is not None:
            self._tell(self._done, self._total)


FEW_SHOT = Study(
    kind="few-shot",
    settings=FewShotAudit,
    prepare=prepare_audit,
    enforce=lambda settings, summary: enforce(headline_figures(summary), settings.fail_under),
)
