"""What a strategy measures once, before the first picture is attacked, and what it then says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from attacks.typographic.rendering.cases import Case
from attacks.typographic.words.brute import brute_force, split
from attacks.typographic.words.derived import unit_words
from attacks.typographic.words.guards import check_some_word, collisions
from attacks.typographic.words.scores import Floats, WordScores, word_texts
from attacks.typographic.words.strategies import Words, possible_words, vocabulary
from clipprobe.errors import TextFitError
from clipprobe.zeroshot.classes import Classes

if TYPE_CHECKING:
    from attacks.typographic.rendering.render import Encoder, Renderer
    from clipprobe.runs import Run

CHOICE = "words.json"
_PART = f"parts/{CHOICE}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """The words of an audit, ready to be chosen from.

    ``words``: what the engine chooses from.
    ``scores``: what ranks them.
    ``cases``: the pictures that are reported on: all of them, unless some chose the words.
    ``choice``: how the words were found, for the summary.
    ``warnings``: what the reader must know, as sentences.
    """

    words: Words
    scores: WordScores
    cases: list[Case]
    choice: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def check_words(
    words: Words, classes: Classes, cases: Sequence[Case], renderer: Renderer
) -> tuple[str, ...]:
    """Refuse what cannot or may not be written, before anything is encoded.

    Returns:
        The words of the vocabulary that do not fit on the model's input. Empty where text is drawn
        on the pictures, whose sizes differ: there each picture tells.
    Raises:
        GlyphError: the font lacks a glyph of a word or a class.
        DataError: a label is forbidden, or no word of a list can be written on any picture.
        TextFitError: no word fits.
    """
    for word in possible_words(words, classes):
        renderer.attack.with_word(word)
    labels = [classes.names[case.label] for case in cases]
    words.guard.check_labels(labels)
    if words.listed:
        check_some_word(words.listed, classes, labels)
    if renderer.draw_at != "model":
        return ()
    blank = renderer.clip.preprocess.to_grid(Image.new("RGB", (96, 96)))
    unfit, reason = [], ""
    names = list(dict.fromkeys(vocabulary(words, classes)))
    for word in names:
        try:
            renderer.attack.with_word(word).check_fit(blank.size)
        except TextFitError as error:
            unfit.append(word)
            reason = reason or str(error)
    if len(unfit) == len(names):
        raise TextFitError(f"None of the {len(names)} attack words can be written. {reason}")
    return tuple(unfit)


def prepare(
    words: Words,
    *,
    clip: Encoder,
    classes: Classes,
    classifier: Floats,
    templates: Sequence[str],
    renderer: Renderer,
    cases: list[Case],
    run: Run,
    seed: int,
    batch_size: int,
    unfit: Sequence[str],
    advance: Callable[[int], None] = lambda n: None,
) -> Prepared:
    """Measure what the strategy needs; what took queries is kept in the run and not done again.

    Args:
        unfit: What :func:`check_words` gave.
    """
    words = dataclasses.replace(words, unfit=frozenset(unfit))
    warnings = [*(collisions(classes, words.listed) if words.listed else [])]
    if unfit:
        warnings.append(
            f"{len(unfit)} attack word(s) do not fit on the model's input at this size "
            f"({', '.join(map(repr, unfit[:3]))}): they were written on no picture."
        )
    scores = WordScores(texts=word_texts(clip, words, classes, classifier, templates))
    choice: dict[str, Any] = {}
    if words.strategy == "brute-force":
        choosing, cases = split(cases, seed)
        if not run.has(_PART):
            found = brute_force(
                words,
                choosing,
                clip=clip,
                classes=classes,
                classifier=classifier,
                renderer=renderer,
                seed=seed,
                batch_size=batch_size,
                advance=advance,
            )
            run.write_json(_PART, {"strategy": words.strategy, **found.to_json()})
        choice = run.read_json(_PART)
        winners = tuple(choice["words"])
        words = dataclasses.replace(words, strategy="ranked", listed=winners, unfit=frozenset())
        warnings.append(
            f"The words were chosen by brute force with {choice['queries']} queries on "
            f"{len(choosing)} pictures; every number here is of the other {len(cases)}."
        )
    elif words.strategy in ("neuron", "head"):
        names = vocabulary(words, classes)
        derived = unit_words(
            cast("Any", clip),
            names,
            classifier,
            kind=words.strategy,
            attack=renderer.attack,
            batch_size=batch_size,
        )
        choice = {"strategy": words.strategy, **derived.to_json()}
        scores = WordScores(shifts=np.nan_to_num(derived.shifts, nan=-np.inf))
    return Prepared(
        words=words, scores=scores, cases=cases, choice=choice, warnings=tuple(warnings)
    )
