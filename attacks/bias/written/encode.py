"""Every image clean, with every word and with its controls; each distinct one is encoded once.

Drawing and encoding are those of the typographic audit, so the pixels of a word and its controls
are the same here and there. Parts of the run hold vectors, closest labels and margins only until
the run is complete: a report about groups needs none of a single person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.bias.core import cosines
from attacks.bias.measures.draws import Floats
from attacks.bias.people import People
from attacks.bias.written.question import Question
from attacks.bias.written.settings import WrittenAudit
from attacks.typographic.attack.controls import nonsense_word
from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.encodings import Encodings
from attacks.typographic.rendering.render import Encoder, Problem, Renderer, SizedImage, attempt
from clipprobe.data import Failure, ImageRecord, require_readable
from clipprobe.data.stream import ahead
from clipprobe.errors import ConfigError, DataError, RunFolderError
from clipprobe.runs import Run

CONDITIONS = ("clean", "blank", "nonsense", "word")  # as they are reported
RENDERED = ("attack", "blank", "nonsense")  # as they are drawn, for each word
BATCHES_PER_CHUNK = 8
Choices = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The closest label of each image under each condition, and how far it is ahead.

    ``ids``: those that take part. ``clean``: ``(n,)``; ``written``: ``(n, n_words, 3)`` in the
    order of :data:`RENDERED`. ``margins``: ``(n, n_outcomes, 4)``, in cosine: clean, then with the
    outcome's own word in that order. ``failed``: unreadable; ``skipped``: could not be written on.
    """

    ids: tuple[str, ...]
    clean: Choices
    written: Choices
    margins: NDArray[np.float32]
    failed: tuple[Failure, ...]
    skipped: tuple[Failure, ...]

    def under(self, condition: str, word: int) -> Choices:
        """``(n,)``: the closest labels under a condition of :data:`CONDITIONS`."""
        if condition == "clean":
            return self.clean
        return self.written[:, word, _place(condition)]

    def margin(self, condition: str, outcome: int) -> Floats:
        """``(n,)``: an outcome's margins under a condition of :data:`CONDITIONS`."""
        place = 0 if condition == "clean" else 1 + _place(condition)
        return self.margins[:, outcome, place].astype(np.float64)


def _place(condition: str) -> int:
    return RENDERED.index("attack" if condition == "word" else condition)


def check_drawing(renderer: Renderer, question: Question) -> None:
    """Refuse, before anything is written, what would fail at the first image.

    Raises:
        ConfigError: a word has no nonsense twin. GlyphError: the font lacks a letter.
    """
    renderer.check()
    for word in question.words:
        renderer.attack.with_word(word)
        if nonsense_word(word, known=renderer.known, key=(renderer.seed, "check")) is None:
            raise ConfigError(
                f"No nonsense word can be made of {word!r}, so it would have no control: write a "
                "word of Latin, Greek or Cyrillic letters or of digits."
            )


def answer_all(
    clip: Encoder,
    people: People,
    run: Run,
    question: Question,
    renderer: Renderer,
    settings: WrittenAudit,
) -> Answers:
    """Draw, encode and answer, part by part; parts that an earlier try left are read back.

    Raises:
        NoReadableImagesError, DataError: not one image could be used.
    """
    texts = question.label_set.vectors(clip.encode_texts, clip)
    advance = settings.progress or (lambda n: None)
    encodings = Encodings(clip, settings.batch_size)
    size = BATCHES_PER_CHUNK * settings.batch_size
    records, name = people.records, people.data.dataset.name
    used: list[str] = []
    failed: list[Failure] = []
    skipped: list[Failure] = []
    choices: list[Choices] = []
    margins: list[NDArray[np.float32]] = []
    for start in range(0, len(records), size):
        part = records[start : start + size]
        stem = f"parts/written-{start // size:06d}"
        if not run.has(f"{stem}-vectors.safetensors", f"{stem}.safetensors", f"{stem}.json"):
            places, ahead_by, problems = _answer(
                encodings, part, texts, question, renderer, settings.workers, advance
            )
            lost = {p.failure.id for p in problems}
            encodings.save(run, f"{stem}-vectors.safetensors")
            run.write_arrays(f"{stem}.safetensors", {"choices": places, "margins": ahead_by})
            run.write_json(
                f"{stem}.json",
                {
                    "ids": [record.id for record in part if record.id not in lost],
                    "failed": [p.failure for p in problems if p.unreadable],
                    "skipped": [p.failure for p in problems if not p.unreadable],
                },
            )
        else:
            encodings.load(run, f"{stem}-vectors.safetensors")
            advance(len(part))
        listed = run.read_json(f"{stem}.json")
        used += listed["ids"]
        failed += [Failure(**one) for one in listed["failed"]]
        skipped += [Failure(**one) for one in listed["skipped"]]
        arrays = run.read_arrays(f"{stem}.safetensors")
        choices.append(arrays["choices"])
        margins.append(arrays["margins"])
    if not used:
        require_readable(0 if not skipped else 1, failed, name)
        raise DataError(
            f"On no image of {name!r} could the words be written ({skipped[0].id!r}: "
            f"{skipped[0].reason}): change the words, their size, or the images."
        )
    table = np.concatenate(choices)
    if not len(table) == len(used) == sum(map(len, margins)):
        raise RunFolderError(
            f"The parts of the run {run.path} hold answers for {len(table)} images of "
            f"{len(used)}: start it anew with --overwrite."
        )
    return Answers(
        ids=tuple(used),
        clean=table[:, 0],
        written=table[:, 1:].reshape(len(table), len(question.words), len(RENDERED)),
        margins=np.concatenate(margins),
        failed=tuple(failed),
        skipped=tuple(skipped),
    )


def _answer(
    encodings: Encodings,
    records: Sequence[ImageRecord],
    texts: Floats,
    question: Question,
    renderer: Renderer,
    workers: int,
    advance: Callable[[int], None],
) -> tuple[Choices, NDArray[np.float32], list[Problem]]:
    """Closest labels ``(n, 1 + 3 n_words)``, margins ``(n, k, 4)``, and images without any."""
    each = 1 + len(RENDERED) * len(question.words)
    problems: list[Problem] = []

    def draw(case: Case) -> list[SizedImage] | Problem:
        images = attempt(lambda one: renderer.written(one, question.words, clean=True), case)
        if isinstance(images, list) and len(images) != each:
            return Problem(Failure(case.record.id, "no nonsense word was found for a word"), False)
        return images

    # The case's class is never used: no true word is written, and none is compared with.
    cases = [Case(record=record, label=0, cluster=record.id) for record in records]
    rendered = ahead(draw, cases, workers=workers, window=encodings.batch_size + workers)

    def shots() -> Iterator[SizedImage]:
        for outcome in rendered:
            if isinstance(outcome, Problem):
                problems.append(outcome)
                continue
            yield from outcome

    parts: list[Choices] = []
    leads: list[Floats] = []
    done = counted = 0
    with closing(rendered):
        for _, vectors in encodings(shots()):
            scores = cosines(vectors, texts)
            parts.append(question.classes.group[scores.argmax(axis=1)].astype(np.int32))
            leads.append(question.margins(scores))
            done += len(vectors)
            finished = min(done // each + len(problems), len(records))
            advance(finished - counted)
            counted = finished
    advance(len(records) - counted)
    n, k = done // each, len(question.outcomes)
    flat = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    lead = np.concatenate(leads) if leads else np.zeros((0, k))
    lead = lead.reshape(n, each, k)
    outcomes = np.empty((n, k, 1 + len(RENDERED)), np.float32)  # of each outcome, its own word only
    for j, outcome in enumerate(question.outcomes):
        start = 1 + len(RENDERED) * question.words.index(outcome.word)
        outcomes[:, j] = lead[:, [0, *range(start, start + len(RENDERED))], j]
    return flat.reshape(n, each), outcomes, problems
