"""Carrying an audit out: every answer, and what the run holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from attacks.typographic.choosing.prepared import CHOICE, Prepared, prepare
from attacks.typographic.engine import Engine, nothing_attacked
from attacks.typographic.protocols.record import Protocol
from attacks.typographic.rendering.unwritten import Unwritten
from attacks.typographic.report.comparison import IMAGES
from attacks.typographic.report.page import build_page
from attacks.typographic.report.rescoring import rescore
from attacks.typographic.report.summary import summarise
from attacks.typographic.task import Task
from clipprobe.runs import Run
from clipprobe.study import Outcome, Workload
from clipprobe.zeroshot.classifier import class_vectors
from clipprobe.zeroshot.text_bank import TextBank

RESULTS = "results.parquet"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One audit, checked and resolved."""

    task: Task
    protocol: Protocol | None
    hold: str | None
    """Why answers of single images are not written; None where they are."""
    unfit: Unwritten
    """Words that cannot be written, and why."""
    progress: Callable[[int, int], None] | None

    def passes(self) -> Workload:
        """Each image clean and under each condition, and the sentences of classes and words."""
        task, words = self.task, self.task.words
        with_words = 0 if task.natural else task.words_per_image * len(task.kinds)
        trials = words.budget if words.strategy == "brute-force" else 0
        if words.strategy in ("neuron", "head"):
            return Workload(reason=f"the strategy {words.strategy!r} reads words in the units")
        names = {*task.classes.names, *task.possible}
        sentences = {*task.templates, *(self.protocol.templates if self.protocol else ())}
        listed = len(task.possible) * len(task.templates) if words.listed else 0
        bare = len(task.possible) if words.strategy == "image-similar" else 0
        return Workload(
            images=len(task.cases) * (1 + with_words) + trials,
            texts=len(names) * len(sentences) + listed + bare,
            at_most=True,
            reason="equal images are encoded once",
        )

    def execute(self, run: Run) -> Outcome[None]:
        """Score what is not scored yet, and say what the run holds."""
        hold = self.hold
        words = replace(self.task.words, unfit=frozenset(self.unfit))
        task = replace(self.task, words=words)
        again = set(self.protocol.templates if self.protocol else ()) & set(task.templates)
        if self.protocol and not self.protocol.templates:
            again = set(task.templates)
        bank = TextBank(task.clip, sorted(again))
        classifier = class_vectors(bank, task.classes.names, task.templates)
        prepared = Prepared(task=task)
        if not task.natural:
            prepared = prepare(task, classifier, run, self.unfit)
        cases, choice = prepared.task.cases, prepared.choice
        engine = Engine(task=prepared.task, classifier=classifier, word_scores=prepared.scores)
        planned = engine.planned(cases[0]) * engine.unscored(run, cases)
        encodings = task.encodings(self.progress, planned)
        table, failed, left_out = engine.run(run, cases, encodings=encodings)
        left_out = [*task.skipped, *left_out]
        if not table.num_rows:
            raise nothing_attacked(task, failed, left_out)
        summary = summarise(table, task.classes, natural=task.natural, seed=task.seed)
        table = rescore(run, table, summary, task, bank, classifier, self.protocol)
        if hold is not None:
            summary["worst"] = []
            summary["warnings"].insert(0, hold)
        summary["warnings"] += prepared.warnings
        if choice:
            summary["word_choice"] = choice
        used = summary["n"]["images"]
        summary["n"].update(failed=len(failed), skipped=len(left_out))
        if task.attacks:
            summary["source"] = task.attacks.describe()
            at = 0 if hold is None else 1  # what is withheld stands first
            summary["warnings"][at:at] = task.attacks.notices()
        return Outcome(
            value=None,
            files=[
                *([(CHOICE, choice)] if choice else []),
                *([] if hold is not None else [(RESULTS, table), (IMAGES, images_of(task))]),
            ],
            summary=lambda: summary,
            page=lambda run: build_page(run, task),
            used=used,
            skipped=len(left_out),
            failed=len(failed),
            failures=[*failed, *left_out],
        )


def images_of(task: Task) -> dict[str, list[str]]:
    """Id and content of every image of the data set."""
    return {
        "image": [record.id for record in task.dataset.records],
        "sha256": list(task.dataset.contents),
    }
