"""What a strategy measures once, before the first image is attacked, and what it then says."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from PIL import Image

from attacks.typographic.choosing.brute import brute_force, split
from attacks.typographic.choosing.scores import Floats, WordScores, word_texts
from attacks.typographic.choosing.units import unit_words
from attacks.typographic.rendering.unwritten import Unwritten, left_out, require_some, unwritten
from attacks.typographic.task import Task
from attacks.typographic.words.guards import check_some_word, collisions
from attacks.typographic.words.strategies import vocabulary
from clipprobe.errors import DataError
from clipprobe.runs import Run
from clipprobe.runs.jsonio import plain

CHOICE = "words.json"
_PART = f"parts/{CHOICE}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """The words of a task, ready to be chosen from."""

    task: Task
    """With the words that the engine chooses from, and the images that are reported on: all of
    them, unless some chose the words."""
    scores: WordScores = field(default_factory=WordScores)
    """What ranks the words."""
    choice: dict[str, Any] = field(default_factory=dict)
    """How the words were found, for the summary."""
    warnings: tuple[str, ...] = ()
    """What the reader must know, as sentences."""


def check_task(task: Task) -> Unwritten:
    """Refuse, before anything is written, what would fail at the first image.

    Returns:
        The words, and the labels, that cannot be written, each with the reason. Where text is drawn
        on the images, whose sizes differ, whether a word fits is told by each image.
    Raises:
        GlyphError, TextFitError: fewer than two classes, or no word of a list, can be written.
        DataError: a label is forbidden, no word of a list can be written on any image, or the
            images are to carry their words already and none does.
    """
    if task.natural:
        if not any(case.word for case in task.cases):
            raise DataError(
                f"No image of {task.dataset.name!r} has a word, so there is no attack to "
                "measure: fill in the words, or give plain labelled images to have words "
                "written on them."
            )
        return {}
    words, classes, renderer = task.words, task.classes, task.renderer
    renderer.check()
    labels = [classes.names[case.label] for case in task.cases]
    words.guard.check_labels(labels)
    if words.listed:
        check_some_word(words.listed, classes, labels)
    planned = [case.planned for case in task.cases if case.planned]
    return cannot_write(task, planned or vocabulary(words, classes), labels)


def cannot_write(task: Task, names: Sequence[str], labels: Sequence[str]) -> Unwritten:
    """Which attack words and labels cannot be written on any image, each with the reason.

    Raises:
        GlyphError, TextFitError: fewer than two classes, or no word of a list, can be written.
    """
    blank = task.clip.preprocess.to_grid(Image.new("RGB", (96, 96)))
    size = blank.size if task.draw_at == "model" else None
    why = unwritten(task.attack, [*names, *labels], size)
    require_some(names, why, least=1 if task.words.listed else 2)
    return why


def prepare(task: Task, classifier: Floats, run: Run, unfit: Unwritten) -> Prepared:
    """Measure what the strategy needs; what took queries is kept in the run and not done again.

    Args:
        unfit: What :func:`check_task` gave.
    """
    words = dataclasses.replace(task.words, unfit=frozenset(unfit))
    task = dataclasses.replace(task, words=words)
    warnings = [*(collisions(task.classes, words.listed) if words.listed else [])]
    warnings += left_out(unfit)
    scores = WordScores(texts=word_texts(task, classifier))
    choice: dict[str, Any] = {}
    if words.strategy == "brute-force":
        choosing, others = split(task.cases, task.seed)
        if not run.has(_PART):
            measured = brute_force(task, choosing, classifier)
            run.write_json(_PART, {"strategy": words.strategy, **plain(measured)})
        choice = run.read_json(_PART)
        winners = tuple(choice["words"])
        words = dataclasses.replace(words, strategy="ranked", listed=winners)
        task = dataclasses.replace(task, words=words, cases=others)
        warnings.append(
            f"The words were chosen by brute force with {choice['queries']} queries on "
            f"{len(choosing)} images; every number here is of the other {len(others)}."
        )
    elif words.strategy in ("neuron", "head"):
        derived = unit_words(
            cast("Any", task.clip),
            vocabulary(words, task.classes),
            classifier,
            kind=words.strategy,
            attack=task.attack,
            batch_size=task.batch_size,
        )
        choice = {
            "strategy": words.strategy,
            "units": list(derived.units),
            "sensitivity": derived.sensitivity.tolist(),
        }
        scores = WordScores(shifts=np.nan_to_num(derived.shifts, nan=-np.inf))
    return Prepared(task=task, scores=scores, choice=choice, warnings=tuple(warnings))
