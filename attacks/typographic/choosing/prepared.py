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
from attacks.typographic.task import Task
from attacks.typographic.words.guards import check_some_word, collisions
from attacks.typographic.words.strategies import possible_words, vocabulary
from clipprobe.errors import DataError, TextFitError
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


def check_task(task: Task) -> tuple[str, ...]:
    """Refuse, before anything is written, what would fail at the first image.

    Returns:
        The words of the vocabulary that do not fit on the model's input. Empty where text is drawn
        on the images, whose sizes differ: there each image tells.
    Raises:
        GlyphError: the font lacks a glyph of a word or a class.
        DataError: a label is forbidden, no word of a list can be written on any image, or the
            images are to carry their words already and none does.
        TextFitError: no word fits.
    """
    if task.natural:
        if not any(case.word for case in task.cases):
            raise DataError(
                f"No image of {task.dataset.name!r} has a word, so there is no attack to "
                "measure: fill in the words, or give plain labelled images to have words "
                "written on them."
            )
        return ()
    words, classes, renderer = task.words, task.classes, task.renderer
    for case in task.cases:
        if case.planned:
            task.attack.with_word(case.planned)
    renderer.check()
    for word in possible_words(words, classes):
        task.attack.with_word(word)
    labels = [classes.names[case.label] for case in task.cases]
    words.guard.check_labels(labels)
    if words.listed:
        check_some_word(words.listed, classes, labels)
    if task.draw_at != "model":
        return ()
    blank = task.clip.preprocess.to_grid(Image.new("RGB", (96, 96)))
    unfit, reason = [], ""
    names = list(dict.fromkeys(vocabulary(words, classes)))
    for word in names:
        try:
            task.attack.with_word(word).check_fit(blank.size)
        except TextFitError as error:
            unfit.append(word)
            reason = reason or str(error)
    if len(unfit) == len(names):
        raise TextFitError(f"None of the {len(names)} attack words can be written. {reason}")
    return tuple(unfit)


def prepare(task: Task, classifier: Floats, run: Run, unfit: Sequence[str]) -> Prepared:
    """Measure what the strategy needs; what took queries is kept in the run and not done again.

    Args:
        unfit: What :func:`check_task` gave.
    """
    words = dataclasses.replace(task.words, unfit=frozenset(unfit))
    task = dataclasses.replace(task, words=words)
    warnings = [*(collisions(task.classes, words.listed) if words.listed else [])]
    if unfit:
        warnings.append(
            f"{len(unfit)} attack word(s) do not fit on the model's input at this size "
            f"({', '.join(map(repr, unfit[:3]))}): they were written on no image."
        )
    scores = WordScores(texts=word_texts(task, classifier))
    choice: dict[str, Any] = {}
    if words.strategy == "brute-force":
        choosing, others = split(task.cases, task.seed)
        if not run.has(_PART):
            measured = brute_force(task, choosing, classifier)
            run.write_json(_PART, {"strategy": words.strategy, **plain(measured)})
        choice = run.read_json(_PART)
        winners = tuple(choice["words"])
        words = dataclasses.replace(words, strategy="ranked", listed=winners, unfit=frozenset())
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
