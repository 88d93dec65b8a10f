"""How many labelled images does a linear probe need to overtake zero-shot?

:func:`audit_few_shot` draws the curves of the CLIP paper's figure 6 for any model and any labelled
images, with intervals over draws and classes, and says where each crosses zero-shot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipprobe.data import Dataset, as_dataset
from clipprobe.data.labelling import without_stray_files
from clipprobe.errors import ConfigError
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.runs import Run, RunView
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out
from clipprobe.study.workload import nothing
from clipprobe.thresholds import check_thresholds, hold
from clipprobe.zeroshot.classifier import build_classifier
from clipprobe.zeroshot.embedded import EmbeddedImages, embed_in_parts, label_rows
from clipprobe.zeroshot.few_shot.concepts import concept_images
from clipprobe.zeroshot.few_shot.draws import Shots, check_shots, mean_shots, split_rows
from clipprobe.zeroshot.few_shot.report import build_page
from clipprobe.zeroshot.few_shot.summary import Measured, draw_rows, figures, summarise
from clipprobe.zeroshot.few_shot.sweep import Cell, LabelledVectors, run_cell
from clipprobe.zeroshot.question import Question, question
from clipprobe.zeroshot.settings import FewShotAudit

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
    hold(settings, run.summary)
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
    shifted = (
        None if settings.shifted is None else without_stray_files(as_dataset(settings.shifted))
    )
    tasks = {name: question(settings, dataset) for name, dataset in datasets.items()}
    for one in tasks.values():
        refuse_person_groups(in_sentences(one.classes, one.templates), "a probe")
    first = next(iter(tasks.values()))
    sets = [(task.dataset, task.classes) for task in tasks.values()]
    if shifted is not None:
        sets.append((shifted, first.classes))
    cells = 0
    for dataset, classes in sets:
        _, labels = label_rows(dataset.records, classes)
        split = split_rows(labels, classes, test_share=settings.test_share, seed=settings.seed)
        cells += len(check_shots(settings.shots, split, classes))
    work = _Work(clip=clip, settings=settings, tasks=tasks, shifted=shifted, cells=cells)
    return Plan.of(work, first.dataset.describe())


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
    tasks: Mapping[str, Question]
    shifted: Dataset | None
    cells: int
    """Shot numbers of all curves together."""

    def config(self) -> dict[str, Any]:
        """Everything that changes the result."""
        settings, first = self.settings, next(iter(self.tasks.values()))
        return {
            "model": self.clip.provenance()["model"],
            "datasets": {name: task.dataset.describe() for name, task in self.tasks.items()},
            "shifted": None if self.shifted is None else self.shifted.describe(),
            "classes": {name: list(task.classes) for name, task in self.tasks.items()},
            "templates": list(first.templates),
            "label_text": first.source,
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
        for task in self.tasks.values():
            texts = len(task.classes) * len(task.templates)
            for images in (task.dataset, *([] if self.shifted is None else [self.shifted])):
                total += Workload(images=len(images), texts=texts)
        return total

    def execute(self, run: Run) -> Outcome[None]:
        """Encode, fit, and say what came out."""
        n_images = sum(len(task.dataset) for task in self.tasks.values()) + len(self.shifted or ())
        step = self.settings.counter(n_images + self.cells * self.settings.draws)
        measured: list[Measured] = []
        sources: list[EmbeddedImages] = []
        for name, task in self.tasks.items():
            images = self._embedded(run, task.dataset, name, step)
            other = None
            if self.shifted is not None:
                moved = self._embedded(run, self.shifted, "shifted", step)
                other = self._labelled(moved, task)
                sources.append(moved)
            sources.append(images)
            measured.append(self._curve(run, name, self._labelled(images, task), other, step))
            if other is not None:
                measured.append(self._curve(run, "shifted", other, None, step))
        summary = summarise(measured, settings=self.settings, n_shared=self._shared())
        failures = [failure for one in sources for failure in one.failures]
        return Outcome(
            value=None,
            files=[(DRAWS, draw_rows(measured))],
            summary=lambda: summary,
            page=lambda run: build_page(run, self.clip.provenance()),
            used=sum(len(one.records) for one in sources),
            failed=len(failures),
            failures=failures,
        )

    def _shared(self) -> int:
        """How many shifted images are among the others too, byte by byte."""
        if self.shifted is None:
            return 0
        first = next(iter(self.tasks.values())).dataset
        known = {one for one in first.contents if not one.startswith("unreadable")}
        return sum(one in known for one in self.shifted.contents)

    def _embedded(
        self, run: Run, dataset: Dataset, name: str, step: Callable[[int], None]
    ) -> EmbeddedImages:
        stem = name.replace(" ", "-")
        size = self.settings.batch_size
        return embed_in_parts(run, self.clip, dataset, batch_size=size, name=stem, progress=step)

    def _labelled(self, images: EmbeddedImages, task: Question) -> LabelledVectors:
        names, labels = label_rows(images.records, task.classes)
        averaging = self.settings.averaging
        texts = build_classifier(self.clip, names, task.templates, averaging=averaging)
        return LabelledVectors(
            names=names, labels=labels, pooled=images.pooled, vectors=images.vectors, texts=texts
        )

    def _curve(
        self,
        run: Run,
        name: str,
        data: LabelledVectors,
        shifted: LabelledVectors | None,
        step: Callable[[int], None],
    ) -> Measured:
        share, seed, draws = self.settings.test_share, self.settings.seed, self.settings.draws
        split = split_rows(data.labels, data.names, test_share=share, seed=seed)
        cells: dict[Shots, Cell] = {}
        for k in check_shots(self.settings.shots, split, data.names):
            part = f"parts/cell-{name.replace(' ', '-')}-{k}.safetensors"
            if not run.has(part):
                cell = run_cell(
                    data, split, k, draws=draws, seed=seed, scale=self.clip.scale,
                    iterations=self.settings.iterations, shifted=shifted,
                )  # fmt: skip
                run.write_arrays(part, cell.arrays())
            cells[k] = Cell.from_arrays(run.read_arrays(part))
            step(draws)
        positions = [mean_shots(split, k) for k in cells]
        return Measured(
            name=name, data=data, split=split, positions=positions, cells=cells, shifted=shifted
        )


FEW_SHOT = Study(kind="few-shot", settings=FewShotAudit, prepare=prepare_audit, enforce=hold)
