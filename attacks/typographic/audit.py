"""How far does this model follow what is written over what is shown?

:func:`audit_typographic` writes words on labelled pictures (or takes photographs that carry words
already), asks a model with its zero-shot classifier, and compares every attack with its controls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import PIL

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.attack.controls import CONDITIONS
from attacks.typographic.datasets.inputs import attack_set, class_names
from attacks.typographic.datasets.pictures import AttackSet
from attacks.typographic.engine import Engine
from attacks.typographic.protocols.catalogue import protocol as find_protocol
from attacks.typographic.protocols.record import Protocol
from attacks.typographic.rendering.cases import Case, cases_of, read_cases
from attacks.typographic.rendering.encodings import Encodings, Tally
from attacks.typographic.rendering.render import DrawAt, Encoder, Renderer
from attacks.typographic.rendering.settings import (
    checked_draw_at,
    prototype,
    whole,
)
from attacks.typographic.report.page import write_report
from attacks.typographic.report.rescoring import rescore
from attacks.typographic.report.summary import summarise
from attacks.typographic.scoring.rows import class_vectors
from attacks.typographic.scoring.thresholds import check_thresholds, enforce
from attacks.typographic.withholding import asked_of, withheld
from attacks.typographic.words import Guard, Words, parse_words, possible_words
from attacks.typographic.words.prepared import check_words, prepare
from attacks.typographic.words.scores import WordScores
from clipprobe.data import Dataset, Failure, as_dataset, require_readable
from clipprobe.errors import DataError
from clipprobe.memory import fitting_batch
from clipprobe.runs import Run, RunView, load_run
from clipprobe.zeroshot import TEMPLATES
from clipprobe.zeroshot.classes import Classes, key
from clipprobe.zeroshot.prompts import check_templates
from clipprobe.zeroshot.text_bank import TextBank

KIND = "typographic"
RESULTS = "results.parquet"
Progress = Callable[[int, int], None]


def audit_typographic(
    clip: Encoder,
    images: AttackSet | Dataset | str | Path | Iterable[Any],
    classes: Sequence[str] | str | Path | None = None,
    *,
    out: str | Path,
    words: str | Path | Sequence[str] | Words | Mapping[str, Any] = "random",
    words_per_image: int = 1,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    forbidden: Sequence[str] = (),
    allowed: Sequence[str] = (),
    name_pattern: str | None = None,
    word_column: str | None = None,
    layout: str | None = None,
    templates: Sequence[str] = TEMPLATES,
    protocol: str | None = None,
    draw_at: DrawAt = "model",
    seed: int = 0,
    batch_size: int = 32,
    workers: int = 2,
    limit: int | None = None,
    fail_under: Mapping[str, float] | None = None,
    fail_over: Mapping[str, float] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **knobs: Any,
) -> RunView:
    """Audit a model with typographic attacks and their controls.

    Each picture is encoded clean, with an attack word, and with four controls in the same place:
    a blank label, a nonsense word, the word's letters scrambled, and the true word. Pictures that
    carry words already are encoded as they are. The same arguments give the same bytes, whatever
    the number of workers; an interrupted audit goes on where it stopped. Where classes or words
    name groups of people, totals alone are written: no row, example or picture of an answer.

    Args:
        clip: A loaded model.
        images: What :func:`clipprobe.data.as_dataset` takes: a data set, its path or images. Labels
            come from its folders or metadata, or from ``name_pattern``. Or an attack data set of
            :func:`attacks.typographic.datasets.load_attacks`, with its own labels, words and twins.
        classes: The candidate classes, or the path of a file with one a line; every label must be
            among them. Without, an attack data set is audited with the union of its labels and
            words.
        out: The run folder.
        words: A strategy (:data:`attacks.typographic.words.STRATEGIES`), a list of words, a
            ``Path`` to a file with one word a line or lines ``image.jpg,word``, or a mapping
            ``{"strategy": ..., "listed": [...], "budget": n}`` that joins strategy and list.
        words_per_image: How many different words each picture gets.
        synonyms: Other names of classes; an answer of either counts for both.
        forbidden: Words that may never be written, neither as attack nor as control.
        allowed: Words to let through although the built-in filter of slurs knows them.
        name_pattern: For labels, or for labels and photographed words, in file names:
            ``{label}-{word}``.
        word_column: The metadata column with the photographed word.
        layout: Read the path ``images`` as this attack data set (``rta-100``, ``scam``, ...), or
            ``auto``; see :func:`attacks.typographic.datasets.layouts`.
        templates: Texts with ``{}`` for the class name; their vectors are averaged.
        protocol: A published way to score (:data:`attacks.typographic.protocols.PROTOCOLS`), whose
            number is given beside the audit's own and the row published for the model.
        draw_at: ``model`` draws on the picture as the model sees it, so that the text keeps its
            size and is never cropped away; ``image`` draws at the picture's own resolution.
        seed: Decides words, places and controls.
        batch_size: Pictures in one forward pass.
        workers: Threads that decode and draw beside the model.
        limit: Use so many pictures, spread over the data set; only where ``images`` is a path.
        fail_under: For numbers of the headline, the least value that the lower end of the
            interval may have; also for a list of candidates: ``union.attacked_accuracy``.
        fail_over: The same for numbers that are better when lower (``targeted_success``,
            ``untargeted_success``, ``reading_effect``): the largest upper end.
        overwrite: Empty a folder that holds another run.
        progress: Called after each batch with the number of pictures that this call has encoded,
            and of all that it has to encode; the second can shrink, never grow.
        **knobs: Fields of :class:`TypographicAttack` other than ``word`` and ``seed``, and
            ``preset``, the name of a preset (``attacks.typographic.PRESETS``) that they change.
    Returns:
        The finished run; ``run.summary`` holds the numbers, ``results.parquet`` every answer
        (absent where classes or words name groups of people).
    Raises:
        ThresholdCrossedError: a ``fail_under`` or ``fail_over`` was crossed; the run is complete.
        UnknownMethodError: no protocol has that name.
        NoReadableImagesError: not one picture could be used.
        DataError, ConfigError, GlyphError, RunFolderError: see the message.
    """
    least, most = check_thresholds(fail_under or {}), check_thresholds(fail_over or {}, over=True)
    chosen = None if protocol is None else find_protocol(protocol)
    attacks = attack_set(
        images, layout, name_pattern=name_pattern, word_column=word_column, limit=limit
    )
    dataset = attacks.dataset if attacks else as_dataset(cast("Any", images), limit=limit)
    names = class_names(classes, attacks)
    known = Classes(names, attacks.with_synonyms(synonyms) if attacks else synonyms)
    if attacks:
        cases, skipped = cases_of(attacks, known)
    else:
        cases, skipped = read_cases(
            dataset, known, name_pattern=name_pattern, word_column=word_column
        )
    audit = _Audit(
        clip=clip,
        dataset=dataset,
        classes=known,
        cases=cases,
        words=parse_words(words, guard=Guard(forbidden=tuple(forbidden), allowed=tuple(allowed))),
        words_per_image=whole(words_per_image, "words_per_image", least=1),
        attack=prototype(knobs, seed),
        templates=check_templates(templates),
        protocol=chosen,
        name_pattern=name_pattern,
        word_column=word_column,
        draw_at=checked_draw_at(draw_at),
        seed=whole(seed, "seed"),
        batch_size=whole(batch_size, "batch_size", least=1),
        workers=whole(workers, "workers"),
        progress=progress or (lambda done, total: None),
        attacks=attacks,
    )
    hold = withheld(asked_of(known, audit.templates, audit.written_words()), len(cases))
    fitting_batch(clip, audit.batch_size, len(cases) * (1 + len(CONDITIONS) * words_per_image))
    unfit = audit.check()
    with Run.open(out, kind=KIND, config=audit.config(), overwrite=overwrite) as run:
        if not run.complete:
            audit.execute(run, skipped, unfit, hold)
    view = load_run(run.path)
    enforce(least, view.summary, most)
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
    protocol: Protocol | None
    name_pattern: str | None
    word_column: str | None
    draw_at: DrawAt
    seed: int
    batch_size: int
    workers: int
    progress: Progress
    attacks: AttackSet | None = None

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
            "protocol": None if self.protocol is None else self.protocol.name,
            "name_pattern": self.name_pattern,
            "word_column": self.word_column,
            "batch_size": self.batch_size,
            "seed": self.seed,
        }
        if self.attacks:
            shared["layout"] = self.attacks.layout.name
        if self.natural:
            return {**shared, "words": "in the pictures"}
        # The pixels of the text are those of this Pillow and these fonts.
        shared["pillow"] = PIL.__version__
        attack = self.attack.to_json()
        del attack["word"]
        return {
            **shared,
            "words": "planned by the data set" if self.attacks else self.words.to_json(),
            "words_per_image": self.words_per_image,
            "attack": attack,
            "draw_at": self.draw_at,
        }

    def check(self) -> tuple[str, ...]:
        """Refuse, before anything is written, what would fail at the first picture.

        Returns:
            The words that do not fit on the model's input.
        Raises:
            DataError: the pictures are to carry their words already, and none does.
        """
        if self.natural:
            if not any(case.word for case in self.cases):
                raise DataError(
                    f"No image of {self.dataset.name!r} has a word, so there is no attack to "
                    "measure: fill in the words, or give plain labelled images to have words "
                    "written on them."
                )
            return ()
        for case in self.cases:
            if case.planned:
                self.attack.with_word(case.planned)
        renderer = self.renderer()
        renderer.check()
        return check_words(self.words, self.classes, self.cases, renderer)

    def possible_words(self) -> list[str]:
        """Every word that this audit may write, planned ones included."""
        planned = [case.planned for case in self.cases if case.planned]
        return list(dict.fromkeys([*planned, *possible_words(self.words, self.classes)]))

    def written_words(self) -> list[str]:
        """Every word that stands on a picture of this audit, or may be written on one."""
        if self.natural:
            return list(dict.fromkeys(case.word for case in self.cases if case.word))
        return self.possible_words()

    def renderer(self) -> Renderer:
        """What draws the pictures of this audit."""
        taken = {key(word) for word in self.possible_words()}
        return Renderer(
            clip=self.clip,
            classes=self.classes,
            attack=self.attack,
            known=lambda word: key(word) in taken or self.classes.known(word),
            seed=self.seed,
            draw_at="model" if self.natural else self.draw_at,
        )

    def execute(
        self, run: Run, skipped: Sequence[Failure], unfit: Sequence[str], hold: str | None
    ) -> None:
        """Score what is not scored yet, then write table, summary, report and manifest.

        Args:
            hold: Why answers of single images are not written; None where they are.
        """
        renderer = self.renderer()
        again = set(self.protocol.templates if self.protocol else ()) & set(self.templates)
        if self.protocol and not self.protocol.templates:
            again = set(self.templates)
        bank = TextBank(self.clip, sorted(again))
        classifier = class_vectors(bank, self.classes, self.templates)
        words, scores, cases = self.words, WordScores(), self.cases
        choice: dict[str, Any] = {}
        warned: tuple[str, ...] = ()
        if not self.natural:
            prepared = prepare(
                words,
                clip=self.clip,
                classes=self.classes,
                classifier=classifier,
                templates=self.templates,
                renderer=renderer,
                cases=cases,
                run=run,
                seed=self.seed,
                batch_size=self.batch_size,
                unfit=unfit,
            )
            words, scores, cases = prepared.words, prepared.scores, prepared.cases
            choice, warned = prepared.choice, prepared.warnings
        engine = Engine(
            clip=self.clip,
            classes=self.classes,
            classifier=classifier,
            renderer=renderer,
            words=words,
            words_per_image=self.words_per_image,
            seed=self.seed,
            batch_size=self.batch_size,
            workers=self.workers,
            word_scores=scores,
        )
        planned = engine.planned(cases[0]) * engine.unscored(run, cases)
        tally = Tally(total=planned, tell=self.progress)
        table, failed, left_out = engine.run(
            run, cases, encodings=Encodings(self.clip, self.batch_size, tally)
        )
        left_out = [*skipped, *left_out]
        if not table.num_rows:
            run.abandon()
            require_readable(0 if failed and not left_out else 1, failed, self.dataset.name)
            raise DataError(
                f"No image of {self.dataset.name!r} could be attacked "
                f"({left_out[0].id!r}: {left_out[0].reason}): change the words or the images."
            )
        summary = summarise(table, self.classes, natural=self.natural, seed=self.seed)
        table = rescore(
            run,
            table,
            summary,
            clip=self.clip,
            bank=bank,
            classes=self.classes,
            classifier=classifier,
            templates=self.templates,
            protocol=self.protocol,
            natural=self.natural,
            seed=self.seed,
        )
        if hold is None:
            run.write_table(RESULTS, table)
        else:
            summary["worst"] = []
            summary["warnings"].insert(0, hold)
        summary["warnings"] += warned
        if choice:
            summary["word_choice"] = choice
        used = summary["n"]["images"]
        summary["n"].update(failed=len(failed), skipped=len(left_out))
        if self.attacks:
            summary["source"] = self.attacks.describe()
            at = 0 if hold is None else 1  # what is withheld stands first
            summary["warnings"][at:at] = self.attacks.notices()
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
