"""How good is this model's zero-shot classifier, and what does that depend on?

:func:`audit_zeroshot` measures top-1, top-5 and the mean per class, the confusions, the calibration
of the shares, and what each template and class name does to the accuracy, each with its interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clipprobe.errors import ConfigError
from clipprobe.models.prefixed import encode_groups
from clipprobe.people import in_sentences, withheld_because
from clipprobe.runs import Run, RunView
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out
from clipprobe.thresholds import check_thresholds, hold
from clipprobe.zeroshot.accuracy.calibration import best_shares, calibration
from clipprobe.zeroshot.accuracy.diagnostics import (
    PromptExperiment,
    check_other_names,
    name_effects,
    template_effects,
)
from clipprobe.zeroshot.accuracy.measures import measure
from clipprobe.zeroshot.accuracy.report import build_page
from clipprobe.zeroshot.accuracy.summary import HIGHER, LOWER, summarise
from clipprobe.zeroshot.embedded import embed_in_parts, label_rows
from clipprobe.zeroshot.prompts import fill
from clipprobe.zeroshot.question import Question, question
from clipprobe.zeroshot.settings import ZeroShotAudit

if TYPE_CHECKING:
    from clipprobe.models import Clip

Floats = npt.NDArray[np.float32]
RESULTS, CLASSES, EFFECTS, CONFUSION = (
    "results.parquet", "classes.csv", "text_effects.csv", "confusion.csv",
)  # fmt: skip


@takes(ZeroShotAudit)
def audit_zeroshot(clip: Clip, settings: ZeroShotAudit) -> RunView:
    """Measure the zero-shot classifier of a model on labelled images.

    The same arguments give the same bytes, and an interrupted audit goes on where it stopped.
    Where the classes name groups of people, totals alone are written.

    Returns:
        The finished run; ``results.parquet`` holds every answer, ``text_effects.csv`` what each
        template and name does, ``confusion.csv`` every confusion that occurs.
    Raises:
        ThresholdCrossedError: a ``fail_under`` or ``fail_over`` was crossed; the run is complete.
        DataError, ConfigError, RunFolderError: see the message.
    """
    run = carry_out(ZEROSHOT, settings, clip).run
    hold(settings, run.summary)
    return run


def inputs_of(settings: ZeroShotAudit) -> Question:
    """The images that are of the classes, and what they are asked; needs no model.

    Raises:
        DataError, ConfigError: they do not match, or no figure has such a threshold.
    """
    listed = f"{', '.join(HIGHER)}, which are better when higher"
    check_thresholds(settings.fail_under, HIGHER, listed=listed)
    check_thresholds(settings.fail_over, LOWER, over=True)
    return question(settings, settings.dataset())


def prepare_audit(settings: ZeroShotAudit, clip: Clip) -> Plan[None]:
    """Read the inputs, refuse what does not match, and plan the measurement."""
    task = inputs_of(settings)
    others = check_other_names(settings.other_names or {}, task.classes)
    if settings.averaging == "raw-mean-unit":
        raise ConfigError(
            "The diagnostics of templates average unit vectors: choose unit-mean-unit or unit-mean."
        )
    work = _Work(clip=clip, settings=settings, question=task, others=others)
    return Plan.of(work, task.dataset.describe())


@dataclass(frozen=True, kw_only=True)
class _Work:
    clip: Clip
    settings: ZeroShotAudit
    question: Question
    others: Mapping[str, tuple[str, ...]]

    def config(self) -> dict[str, Any]:
        """Everything that changes the result."""
        return {
            "model": self.clip.provenance()["model"],
            "dataset": self.question.dataset.describe(),
            "classes": list(self.question.classes),
            "templates": list(self.question.templates),
            "label_text": self.question.source,
            "averaging": self.settings.averaging,
            "other_names": {name: list(new) for name, new in self.others.items()},
            "batch_size": self.settings.batch_size,
            "seed": self.settings.seed,
        }

    def passes(self) -> Workload:
        """Every image, and every sentence of every name."""
        names = len(self.question.classes) + sum(map(len, self.others.values()))
        texts = names * len(self.question.templates)
        return Workload(images=len(self.question.dataset), texts=texts)

    def execute(self, run: Run) -> Outcome[None]:
        """Encode, classify, and say what came out."""
        settings, seed = self.settings, self.settings.seed
        dataset = self.question.dataset
        step = settings.counter(len(dataset))
        embedded = embed_in_parts(
            run, self.clip, dataset, batch_size=settings.batch_size, progress=step
        )
        classes, labels = label_rows(embedded.records, self.question.classes)
        sentences, renamed = self._sentences()
        experiment = PromptExperiment(
            images=embedded.vectors,
            labels=labels,
            classes=classes,
            templates=self.question.templates,
            sentences=sentences,
            averaging=settings.averaging,
            clip=self.clip,
        )
        logits = self.clip.logits(embedded.vectors, experiment.vectors(sentences))
        names = [*classes, *(name for new in self.others.values() for name in new)]
        withheld = withheld_because(in_sentences(names, self.question.templates))
        accuracy = measure(logits, labels, seed=seed)
        effects = template_effects(experiment, seed=seed) + name_effects(
            experiment, renamed, seed=seed
        )
        summary = summarise(
            accuracy,
            calibration(logits, labels, seed=seed),
            effects,
            classes=classes,
            templates=self.question.templates,
            hold=withheld,
        )
        tables = {
            CLASSES: [
                {"class": name, "recall": one.value, "low": one.low, "high": one.high, "n": one.n}
                for name, one in zip(classes, accuracy.recalls, strict=True)
            ],
            EFFECTS: [
                {"change": one.change, "text": one.text, "new": one.new,
                 "difference": one.difference.value, "low": one.difference.low,
                 "high": one.difference.high, "n": one.difference.n}
                for one in effects
            ],
            CONFUSION: [
                {"label": classes[a], "answer": classes[b], "n": int(accuracy.confusion[a, b])}
                for a, b in np.argwhere(accuracy.confusion)
            ],
        }  # fmt: skip
        share, right = best_shares(logits, labels)
        rows = {
            "id": [record.id for record in embedded.records],
            "label": [classes[label] for label in labels],
            "answer": [classes[best] for best in logits.argmax(axis=1)],
            "right": right.tolist(),
            "share": share.tolist(),
        }
        return Outcome(
            value=None,
            files=[] if withheld else [(RESULTS, rows), *tables.items()],
            summary=lambda: summary,
            page=lambda run: build_page(run, self.clip.provenance()),
            used=len(embedded.records),
            failed=len(embedded.failures),
            failures=embedded.failures,
        )

    def _sentences(self) -> tuple[Floats, dict[str, dict[str, Floats]]]:
        """Vectors of the classes' sentences ``(k, templates, d)``, and of those of other names."""
        vectors = self._filled(self.question.classes)
        renamed = {
            name: dict(zip(new, self._filled(new), strict=True))
            for name, new in self.others.items()
            if new
        }
        return vectors, renamed

    def _filled(self, names: tuple[str, ...]) -> Floats:
        rows = [fill(self.question.templates, name) for name in names]
        return np.stack(encode_groups(self.clip, list(zip(*rows, strict=True))), axis=1)


ZEROSHOT = Study(kind="zeroshot", settings=ZeroShotAudit, prepare=prepare_audit, enforce=hold)
