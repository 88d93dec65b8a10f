"""Which heads and neurons carry a class, a count, a relation? A customer of tracing.

:func:`audit_carriers` ranks the units of the image tower on one half of the images by what they add
to the score, and measures on the other half what is left without them, beside random sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipprobe.data import Failure, decode_image, require_readable
from clipprobe.errors import ConfigError, DataError, UnreadableImageError
from clipprobe.memory import fitting_batch
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.runs import Run, RunView
from clipprobe.settings import takes
from clipprobe.stimuli import PILLOW
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out
from clipprobe.thresholds import check_thresholds, hold
from clipprobe.tracing import Score, trace
from clipprobe.tracing.report import unit_rows
from clipprobe.tracing.sizes import LEAST
from clipprobe.tracing.tracer import kept_in, passes_of
from clipprobe.zeroshot.carriers.claim import about, claim_score
from clipprobe.zeroshot.carriers.report import build_page, flat, summarise
from clipprobe.zeroshot.class_score import check_class, class_score
from clipprobe.zeroshot.limits.questions import ImageQuestion, image_of
from clipprobe.zeroshot.limits.tasks import TASKS, questions
from clipprobe.zeroshot.question import Question, question
from clipprobe.zeroshot.settings import CarriersAudit

if TYPE_CHECKING:
    from clipprobe.models import Clip

UNITS, LISTED = "units.csv", "listed.csv"
_LEAST_SHARE = 0.05


@takes(CarriersAudit)
def audit_carriers(clip: Clip, settings: CarriersAudit) -> RunView:
    """Trace the score of a class of labelled images, or of a claim about controlled ones.

    The same arguments give the same bytes, and an interrupted audit goes on where it stopped.

    Returns:
        The finished run; ``units.csv`` holds every unit's contribution, ``listed.csv`` the
        strongest, each taken out by itself, ``run.summary`` the curves.
    Raises:
        ThresholdCrossedError: a ``fail_under`` was crossed; the run is complete.
        DataError, ConfigError, RunFolderError: see the message.
    """
    run = carry_out(CARRIERS, settings, clip).run
    hold(settings, run.summary)
    return run


def inputs_of(settings: CarriersAudit) -> Question | None:
    """The images and what they are asked, without a model; None where a task renders them.

    Raises:
        ConfigError: there are neither images nor a task, or both, or no class is named, or no
            figure has such a threshold.
        DataError: the images have no such class, or too few of it or of the others.
    """
    check_thresholds(settings.fail_under, [f"removed_by_{kind}s" for kind in settings.kinds])
    if (settings.images is None) == (settings.task is None):
        raise ConfigError(
            "Give labelled images (--images) or a task whose images are rendered (--task), one of "
            "the two."
        )
    if settings.images is None:
        return None
    if settings.name is None:
        raise ConfigError("No class was named: say whose units are sought, as in `dog`.")
    inputs = question(settings, settings.dataset())
    check_class(inputs.classes, settings.name)
    n = sum(record.label == settings.name for record in inputs.dataset.records)
    if min(n, len(inputs.dataset) - n) < 2 * LEAST:
        raise DataError(
            f"{n} of the images show {settings.name!r} and {len(inputs.dataset) - n} do not: units "
            "are ranked on one half of them and measured on the other, so there must be at least "
            f"{2 * LEAST} of each."
        )
    refuse_person_groups(in_sentences(inputs.classes, inputs.templates), "audit carriers")
    return inputs


def prepare_audit(settings: CarriersAudit, clip: Clip) -> Plan[None]:
    """Read the images or render the task's, and refuse what has no score."""
    inputs = inputs_of(settings)
    if inputs is not None:
        labelled = _Labelled(clip=clip, settings=settings, question=inputs)
        return Plan.of(labelled, inputs.dataset.describe())
    asked_of = questions(
        str(settings.task), scenes=settings.scenes, seed=settings.seed, size_px=clip.image_size
    )
    listed, claim = about(asked_of, settings.name)
    return Plan.of(_Rendered(clip=clip, settings=settings, listed=listed, claim=claim))


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What both sources of images share."""

    clip: Clip
    settings: CarriersAudit

    def shared(self) -> dict[str, Any]:
        """Settings that change the result."""
        settings = self.settings
        return {
            "model": self.clip.provenance()["model"],
            "name": settings.name,
            "kinds": list(settings.kinds),
            "listed": settings.listed,
            "n_random": settings.n_random,
            "batch_size": settings.batch_size,
            "seed": settings.seed,
        }

    def passes_with(self, n_images: int, texts: int) -> Workload:
        """Of a trace of ``n`` images; the score takes the texts."""
        settings = self.settings
        traced = passes_of(
            self.clip, n_images, settings.kinds, n_random=settings.n_random, listed=settings.listed
        )
        return traced + Workload(images=0, texts=texts)

    def outcome(
        self,
        run: Run,
        images: Sequence[Any],
        score: Score,
        text: str,
        *,
        clusters: Sequence[str] | None = None,
        failures: Sequence[Failure] = (),
    ) -> Outcome[None]:
        """Trace, and say what came out."""
        settings, clip = self.settings, self.clip
        fitting_batch(clip, settings.batch_size, len(images), grad=True)
        tracing = trace(
            clip, images, score, kinds=settings.kinds, k=settings.listed, clusters=clusters,
            least_share=_LEAST_SHARE, n_random=settings.n_random, seed=settings.seed,
            batch_size=settings.batch_size, once=kept_in(run), progress=settings.progress,
        )  # fmt: skip
        summary = summarise(tracing, text=text, n_images=len(images), n_failed=len(failures))
        return Outcome(
            value=None,
            files=[(UNITS, unit_rows(tracing.ranked)), (LISTED, flat(summary["listed"]))],
            summary=lambda: summary,
            page=lambda run: build_page(run, clip.provenance()),
            used=len(images),
            failed=len(failures),
            failures=failures,
        )


@dataclass(frozen=True, kw_only=True)
class _Labelled(_Work):
    """A class of the user's images."""

    question: Question

    def config(self) -> dict[str, Any]:
        """Everything that changes the result."""
        return self.shared() | {
            "dataset": self.question.dataset.describe(),
            "classes": list(self.question.classes),
            "templates": list(self.question.templates),
            "label_text": self.question.source,
        }

    def passes(self) -> Workload:
        """Of the images, and of the sentences of the classes."""
        texts = len(self.question.classes) * len(self.question.templates)
        return self.passes_with(len(self.question.dataset), texts)

    def execute(self, run: Run) -> Outcome[None]:
        """Decode the images once, and trace the score of the class."""
        images, labels, failures = [], [], []
        dataset = self.question.dataset
        for record in dataset.records:
            try:
                images.append(self.clip.preprocess.to_grid(decode_image(record)))
                labels.append(str(record.label))
            except UnreadableImageError as error:
                failures.append(Failure(record.id, str(error)))
        require_readable(len(images), failures, dataset.name)
        name = str(self.settings.name)
        score = class_score(self.clip, self.question.classes, name, labels, self.question.templates)
        return self.outcome(
            run, images, score,
            f"what makes images labelled {name!r} more like its texts than all other images",
            failures=failures,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Rendered(_Work):
    """A claim about the controlled images of a task."""

    listed: list[ImageQuestion]
    claim: str

    def config(self) -> dict[str, Any]:
        """Everything that changes the result."""
        settings = self.settings
        return self.shared() | {"task": settings.task, "scenes": settings.scenes, **PILLOW}

    def passes(self) -> Workload:
        """Of the rendered images, and of their options."""
        texts = {option for one in self.listed for option in one.options}
        return self.passes_with(len(self.listed), len(texts))

    def execute(self, run: Run) -> Outcome[None]:
        """Render the images, and trace the score of the claim."""
        text = TASKS[str(self.settings.task)].question
        return self.outcome(
            run,
            [image_of(one) for one in self.listed],
            claim_score(self.clip, self.listed, self.settings.name, self.claim),
            f"{text} Here: {self.claim}",
            clusters=[one.group for one in self.listed],
        )


CARRIERS = Study(kind="carriers", settings=CarriersAudit, prepare=prepare_audit, enforce=hold)
