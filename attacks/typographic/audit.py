"""How far does this model follow what is written over what is shown?

:func:`audit_typographic` writes words on labelled pictures (or takes photographs that carry words
already), asks a model with its zero-shot classifier, and compares every attack with its controls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import PIL

from attacks.typographic.attack import TypographicAttack
from attacks.typographic.cases import Case, read_cases
from attacks.typographic.classes import Classes, key
from attacks.typographic.engine import Engine
from attacks.typographic.pipeline import DrawAt, Encoder, Renderer
from attacks.typographic.report import write_report
from attacks.typographic.scoring import class_vectors
from attacks.typographic.settings import (
    checked_draw_at,
    prototype,
    whole,
)
from attacks.typographic.summary import check_thresholds, enforce, summarise
from attacks.typographic.words import Words, parse_words, possible_words, read_list
from clipprobe.data import Dataset, Failure, as_dataset, require_readable
from clipprobe.errors import DataError
from clipprobe.runs import Run, RunView, load_run
from clipprobe.zeroshot import TEMPLATES
from clipprobe.zeroshot.prompts import check_templates

KIND = "typographic"
RESULTS = "results.parquet"
Progress = Callable[[int, int], None]


def audit_typographic(
    clip: Encoder,
    images: Dataset | str | Path | Iterable[Any],
    classes: Sequence[str] | str | Path,
    *,
    out: str | Path,
    words: str | Path | Sequence[str] = "random",
    words_per_image: int = 1,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    name_pattern: str | None = None,
    word_column: str | None = None,
    templates: Sequence[str] = TEMPLATES,
    draw_at: DrawAt = "model",
    seed: int = 0,
    batch_size: int = 32,
    workers: int = 2,
    limit: int | None = None,
    fail_under: Mapping[str, float] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **knobs: Any,
) -> RunView:
    """Audit a model with typographic attacks and their controls.

    Each picture is encoded clean, with an attack word, and with four controls in the same place:
    a blank label, a nonsense word, the word's letters scrambled, and the true word. Pictures that
    carry words already are encoded as they are. The same arguments give the same bytes, whatever
    the number of workers; an interrupted audit goes on where it stopped.

    Args:
        clip: A loaded model.
        images: What :func:`clipprobe.data.as_dataset` takes: a data set, its path or images. Labels
            come from its folders or metadata, or from ``name_pattern``.
        classes: The candidate classes, or the path of a file with one a line; every label must be
            among them.
        out: The run folder.
        words: ``random``, ``runner-up``, ``most-similar``, ``least-similar``, a list of words, or
            a ``Path`` to a file with one a line.
        words_per_image: How many different words each picture gets.
        synonyms: Other names of classes; an answer of either counts for both.
        name_pattern: For labels, or for labels and photographed words, in file names:
            ``{label}-{word}``.
        word_column: The metadata column with the photographed word.
        templates: Texts with ``{}`` for the class name; their vectors are averaged.
        draw_at: ``model`` draws on the picture as the model sees it, so that the text keeps its
            size and is never cropped away; ``image`` draws at the picture's own resolution.
        seed: Decides words, places and controls.
        batch_size: Pictures in one forward pass.
        workers: Threads that decode and draw beside the model.
        limit: Use so many pictures, spread over the data set; only where ``images`` is a path.
        fail_under: For numbers of the headline, the least value that the lower end of the
            interval may have.
        overwrite: Empty a folder that holds another run.
        progress: Called with the number of pictures that are finished, and of all.
        **knobs: Fields of :class:`TypographicAttack` other than ``word`` and ``seed``, and
            ``preset``, the name of a preset (``attacks.typographic.PRESETS``) that they change.
    Returns:
        The finished run; ``run.summary`` holds the numbers, ``results.parquet`` every answer.
    Raises:
        ThresholdCrossedError: a ``fail_under`` was crossed; the run is complete.
        NoReadableImagesError: not one picture could be used.
        DataError, ConfigError, GlyphError, RunFolderError: see the message.
    """
    thresholds = check_thresholds(fail_under or {})
    dataset = as_dataset(images, limit=limit)
    if isinstance(classes, str):
        classes = Path(classes)
    names = read_list(classes, "class") if isinstance(classes, Path) else list(classes)
    known = Classes(names, synonyms)
    cases, skipped = read_cases(dataset, known, name_pattern=name_pattern, word_column=word_column)
    audit = _Audit(
        clip=clip,
        dataset=dataset,
        classes=known,
        cases=cases,
        words=parse_words(words),
        words_per_image=whole(words_per_image, "words_per_image", least=1),
        attack=prototype(knobs, seed),
        templates=check_templates(templates),
        name_pattern=name_pattern,
        word_column=word_column,
        draw_at=checked_draw_at(draw_at),
        seed=whole(seed, "seed"),
        batch_size=whole(batch_size, "batch_size", least=1),
        workers=whole(workers, "workers"),
        progress=progress or (lambda done, total: None),
    )
    audit.check()
    run = Run.open(out, kind=KIND, config=audit.config(), overwrite=overwrite)
    if not run.complete:
        audit.execute(run, skipped)
    view = load_run(run.path)
    enforce(thresholds, view.summary)
    return view


@dataclass(frozen=True, kw_only=True)
class _Audit:
    clip: Encoder
    dataset: Dataset
    classes: Classes
    cases: list[Case]
    words: Words
    words_per_image: int
    attack: TypographicAttack
    templates: tuple[str, ...]
    name_pattern: str | None
    word_column: str | None
    draw_at: DrawAt
    seed: int
    batch_size: int
    workers: int
    progress: Progress

    @property
    def natural(self) -> bool:
        """Whether the pictures carry their words already."""
        return self.cases[0].word is not None

    def config(self) -> dict[str, Any]:
        """Everything that changes the result; the batch size does, in the last bits."""
        shared = {
            "model": self.clip.provenance()["model"],
            "dataset": self.dataset.describe(),
            "classes": self.classes.names,
            "synonyms": self.classes.synonyms,
            "templates": list(self.templates),
            "name_pattern": self.name_pattern,
            "word_column": self.word_column,
            "batch_size": self.batch_size,
            "seed": self.seed,
        }
        if self.natural:
            return {**shared, "words": "in the pictures"}
        # The pixels of the text are those of this Pillow and these fonts.
        shared["pillow"] = PIL.__version__
        attack = self.attack.to_json()
        del attack["word"]
        return {
            **shared,
            "words": {"strategy": self.words.strategy, "listed": list(self.words.listed)},
            "words_per_image": self.words_per_image,
            "attack": attack,
            "draw_at": self.draw_at,
        }

    def check(self) -> None:
        """Refuse, before anything is written, what would fail at the first picture."""
        if not self.natural:
            for word in possible_words(self.words, self.classes):
                self.attack.with_word(word)
            self.renderer().check()

    def renderer(self) -> Renderer:
        """What draws the pictures of this audit."""
        taken = {key(word) for word in possible_words(self.words, self.classes)}
        return Renderer(
            clip=self.clip,
            classes=self.classes,
            attack=self.attack,
            known=lambda word: key(word) in taken or self.classes.known(word),
            seed=self.seed,
            draw_at="model" if self.natural else self.draw_at,
        )

    def execute(self, run: Run, skipped: Sequence[Failure]) -> None:
        """Score what is not scored yet, then write table, summary, report and manifest."""
        renderer = self.renderer()
        engine = Engine(
            clip=self.clip,
            classes=self.classes,
            classifier=class_vectors(self.clip, self.classes, self.templates),
            renderer=renderer,
            words=self.words,
            words_per_image=self.words_per_image,
            seed=self.seed,
            batch_size=self.batch_size,
            workers=self.workers,
        )
        n = len(self.cases)
        table, failed, left_out = engine.run(
            run, self.cases, advance=lambda done: self.progress(done, n)
        )
        left_out = [*skipped, *left_out]
        if not table.num_rows:
            run.abandon()
            require_readable(0 if failed and not left_out else 1, failed, self.dataset.name)
            raise DataError(
                f"No image of {self.dataset.name!r} could be attacked "
                f"({left_out[0].id!r}: {left_out[0].reason}): change the words or the images."
            )
        run.write_table(RESULTS, table)
        summary = summarise(table, self.classes, natural=self.natural, seed=self.seed)
        used = summary["n"]["images"]
        summary["n"].update(failed=len(failed), skipped=len(left_out))
        run.write_json("summary.json", summary)
        provenance = self.clip.provenance()
        write_report(run, renderer, self.cases, provenance)
        run.finish(
            provenance=provenance,
            counts={"used": used, "skipped": len(left_out), "failed": len(failed)},
            failures=[item.to_json() for item in [*failed, *left_out]],
            seed=self.seed,
            dataset=self.dataset.describe(),
        )
