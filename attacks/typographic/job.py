"""Carrying an audit out: what makes the run what it is, what is refused early, every answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import PIL

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.datasets.pictures import AttackSet
from attacks.typographic.engine import Engine
from attacks.typographic.protocols.record import Protocol
from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.encodings import Encodings, Tally
from attacks.typographic.rendering.render import DrawAt, Encoder, Renderer
from attacks.typographic.report.page import build_page
from attacks.typographic.report.rescoring import rescore
from attacks.typographic.report.summary import summarise
from attacks.typographic.scoring.rows import class_vectors
from attacks.typographic.words import Words, possible_words
from attacks.typographic.words.prepared import CHOICE, check_words, prepare
from attacks.typographic.words.scores import WordScores
from clipprobe.data import Dataset, Failure, require_readable
from clipprobe.errors import DataError
from clipprobe.runs import Run
from clipprobe.study import Outcome
from clipprobe.zeroshot.classes import Classes, key
from clipprobe.zeroshot.text_bank import TextBank

RESULTS = "results.parquet"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One audit, checked and resolved; everything that decides its numbers is in its fields."""

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
    ) -> Outcome[None]:
        """Score what is not scored yet, and say what the run holds.

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
        if hold is not None:
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
        return Outcome(
            value=None,
            files=[
                *([(CHOICE, choice)] if choice else []),
                *([] if hold is not None else [(RESULTS, table)]),
            ],
            summary=lambda: summary,
            page=lambda run: build_page(run, renderer, self.cases, self.clip.provenance()),
            used=used,
            skipped=len(left_out),
            failed=len(failed),
            failures=[*failed, *left_out],
        )
