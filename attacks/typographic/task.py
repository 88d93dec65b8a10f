"""What is written on which images, and what a model is asked about them: prepared once.

Every audit over labelled images begins with a :class:`Task`, so the same settings give the same
pixels, controls and answers in each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy.typing as npt

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.attack.controls import CONDITIONS
from attacks.typographic.datasets.attack_set import AttackSet
from attacks.typographic.rendering.cases import Case, cases_of, read_cases
from attacks.typographic.rendering.encodings import Encodings, Tally
from attacks.typographic.rendering.render import Bases, DrawAt, Encoder, Renderer
from attacks.typographic.settings import OnImages
from attacks.typographic.withholding import asked_of, withheld
from attacks.typographic.words import Words, choose, possible_words
from clipprobe.data import Dataset, Failure
from clipprobe.stimuli import PILLOW
from clipprobe.stimuli.text import font_info
from clipprobe.stimuli.text.shaping import needs_shaping, shaped_by
from clipprobe.zeroshot.classes import Classes


@dataclass(frozen=True, kw_only=True)
class Task:
    """Images, classes, words and lettering, checked; they decide every pixel and every answer."""

    clip: Encoder
    dataset: Dataset
    classes: Classes
    templates: tuple[str, ...]
    cases: list[Case]
    """The images that can be asked about."""
    skipped: list[Failure] = field(default_factory=list)
    """The images that cannot, with the reason."""
    words: Words
    words_per_image: int = 1
    attack: TypographicAttack
    """How a word is written; its own word is a placeholder."""
    draw_at: DrawAt = "model"
    seed: int = 0
    name_pattern: str | None = None
    batch_size: int = 32
    workers: int = 0
    kinds: Collection[str] = CONDITIONS
    """Which of the attack and its controls are drawn."""
    bases: Bases = field(default_factory=Bases)
    attacks: AttackSet | None = None
    """The attack data set that the images come from, where they do."""
    possible: tuple[str, ...] = ()
    """Every word that stands on an image or may be written on one, the true words too; stays when
    a strategy narrows the words down."""

    def __post_init__(self) -> None:
        if not self.possible:
            object.__setattr__(self, "possible", tuple(dict.fromkeys(self._possible())))

    def _possible(self) -> list[str]:
        if self.natural:
            return [case.word for case in self.cases if case.word]
        planned = [case.planned for case in self.cases if case.planned]
        return [*planned, *possible_words(self.words, self.classes)]

    @classmethod
    def of(
        cls,
        settings: OnImages,
        clip: Encoder,
        *,
        classes: Classes,
        templates: tuple[str, ...],
        words: Words,
        attack: TypographicAttack,
        attacks: AttackSet | None = None,
        word_column: str | None = None,
        kinds: Collection[str] = CONDITIONS,
        bases: Bases | None = None,
    ) -> Task:
        """The task of an audit's settings; nothing is decoded yet.

        Raises:
            DataError: no image has a label, or one that is not among the classes.
            ConfigError: the name pattern cannot be used.
        """
        if attacks:
            dataset = attacks.dataset
            cases, skipped = cases_of(attacks, classes)
        else:
            dataset = settings.dataset()
            cases, skipped = read_cases(
                dataset, classes, name_pattern=settings.name_pattern, word_column=word_column
            )
        return cls(
            clip=clip,
            dataset=dataset,
            classes=classes,
            templates=templates,
            cases=cases,
            skipped=skipped,
            words=words,
            words_per_image=settings.words_per_image,
            attack=attack,
            draw_at=settings.draw_at,
            seed=settings.seed,
            name_pattern=settings.name_pattern,
            batch_size=settings.batch_size,
            workers=settings.workers,
            kinds=kinds,
            bases=bases or Bases(),
            attacks=attacks,
        )

    @property
    def natural(self) -> bool:
        """Whether the images carry their words already."""
        return self.cases[0].word is not None

    @cached_property
    def renderer(self) -> Renderer:
        """What draws the images, as they are and with words on them."""
        return Renderer(
            clip=self.clip,
            classes=self.classes,
            attack=self.attack,
            words=self.possible,
            seed=self.seed,
            draw_at="model" if self.natural else self.draw_at,
            kinds=self.kinds,
            bases=self.bases,
            unwritten=self.words.unfit,
        )

    def encodings(self, progress: Callable[[int, int], None] | None, total: int = 0) -> Encodings:
        """What encodes the images, told how many are to come."""
        tally = Tally(total=total) if progress is None else Tally(total=total, tell=progress)
        return Encodings(self.clip, self.batch_size, tally)

    def words_of(self, case: Case, scores: npt.NDArray[Any] | None) -> list[str]:
        """The attack words of an image, by what ranks them; see :func:`choose`."""
        return choose(
            self.words,
            self.classes,
            case.label,
            image_id=case.record.id,
            seed=self.seed,
            count=self.words_per_image,
            scores=scores,
        )

    def hold(self) -> str | None:
        """Why answers of single images are not written; None where they are.

        Raises:
            ConfigError: classes or words name groups of people, and there is one image.
        """
        texts = asked_of(self.classes, self.templates, self.possible)
        return withheld(texts, len(self.cases))

    def question(self) -> dict[str, Any]:
        """What is asked of which model; the batch size changes the last bits."""
        return {
            "model": self.clip.provenance()["model"],
            "classes": self.classes.names,
            "synonyms": self.classes.synonyms,
            "templates": list(self.templates),
            "batch_size": self.batch_size,
            "seed": self.seed,
        }

    def config(self) -> dict[str, Any]:
        """Everything that changes pixels and answers."""
        shared = {
            **self.question(),
            "dataset": self.dataset.describe(),
            "name_pattern": self.name_pattern,
        }
        if self.natural:
            return {**shared, "words": "in the images"}
        return {
            **shared,
            **PILLOW,
            **self._shaped(),
            "words": "planned by the data set" if self.attacks else self.words.to_json(),
            "words_per_image": self.words_per_image,
            "attack": self.attack.lettering(),
            "draw_at": self.draw_at,
        }

    def _shaped(self) -> dict[str, Any]:
        """What decides the pixels of letters that join, where the user's font has some."""
        own = font_info(self.attack.font).path is not None
        return {"shaped_by": shaped_by()} if own and any(map(needs_shaping, self.possible)) else {}
