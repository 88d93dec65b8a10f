"""Asking the model: each point once, in batches, within the budget, kept so that it can go on.

The search is deterministic, so a resumed one asks the same questions in the same order; those that
a former run has answered are read from its parts and cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image

from attacks.typographic.attack.result import AttackedImage
from attacks.typographic.rendering.render import Encoder, Floats
from attacks.typographic.search.space import Point, SearchSpace
from clipprobe.errors import TextFitError
from clipprobe.runs import Run
from clipprobe.zeroshot.classes import Classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What counts as a flip.

    ``label``: number of the true class. ``target``: of the wanted class, None for any wrong one.
    """

    classes: Classes
    label: int
    target: int | None

    def judge(self, logits: Floats) -> tuple[int, bool, float]:
        """Answer, whether it is a flip, and the margin, from one row of logits.

        The margin is the logit of the target (else the best wrong class) minus the best other
        meaning (else the label): positive where it flips.
        """
        group = self.classes.group
        answer = int(self.classes.pick(logits[None])[0])
        best = self.classes.grouped(logits[None])[0]
        own = group == group[self.label if self.target is None else self.target]
        margin = float(best[own].max() - best[~own].max())
        return (answer, not own[answer], -margin) if self.target is None else (
            answer, bool(own[answer]), margin,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One query.

    ``query``: its number, from 1. ``ink``: share of pixels inked. ``visibility``: ink times
    opacity. ``answer``: number of the answered class. ``flip``, ``margin``: see :class:`Goal`.
    """

    point: Point
    query: int
    stage: str
    ink: float
    visibility: float
    answer: int
    flip: bool
    margin: float

    @property
    def rank(self) -> tuple[bool, float, int]:
        """Sorts the best first: flips by visibility, else the nearest to one."""
        return (not self.flip, self.visibility if self.flip else -self.margin, self.query)


@dataclass(slots=True, kw_only=True)
class Oracle:
    """Answers points of one arm of a search: the words themselves, or nonsense in their place."""

    clip: Encoder
    base: Image.Image
    classifier: Floats
    goal: Goal
    space: SearchSpace
    budget: int
    max_area: float
    batch_size: int
    run: Run
    arm: str
    written: Mapping[str, str] = field(default_factory=dict)
    """Word -> what is written for it; itself where it is absent."""
    advance: Callable[[int], None] = lambda n: None
    answers: dict[Point, Answer] = field(default_factory=dict)
    _areas: dict[Point, float] = field(default_factory=dict)
    _batches: int = 0

    @property
    def left(self) -> int:
        """Queries that may still be asked."""
        return self.budget - len(self.answers)

    def draw(self, point: Point) -> AttackedImage:
        """The attacked image at a point.

        Raises:
            TextFitError: it does not fit.
        """
        word = self.space.words[point[0]]
        return self.space.attack(point, word=self.written.get(word, word))(self.base)

    def area(self, point: Point) -> float:
        """Share of pixels that the ink covers; infinite where the text does not fit. No query."""
        # Place, colour and opacity change no area: a label that stands out is moved inside.
        opaque = (point[0], 0, 0, 0, *point[4:-1], len(self.space.opacities) - 1)
        if opaque not in self._areas:
            try:
                self._areas[opaque] = float(self.draw(opaque).mask.mean())
            except TextFitError:
                self._areas[opaque] = float("inf")
        return self._areas[opaque]

    def allowed(self, point: Point) -> bool:
        """Whether the text fits and inks no more than it may."""
        return self.area(point) <= self.max_area

    def visibility(self, point: Point) -> float:
        """Ink times opacity."""
        return self.area(point) * float(self.space.opacities[point[-1]])

    def ask(self, points: Iterable[Point], stage: str) -> list[Answer]:
        """Answers to those points that are new, allowed and within the budget, in order."""
        answers: list[Answer] = []
        fresh = (p for p in dict.fromkeys(points) if p not in self.answers and self.allowed(p))
        while batch := list(islice(fresh, min(self.batch_size, self.left))):
            rows = self._answers(batch, stage)
            self.answers.update((row.point, row) for row in rows)
            answers += rows
        return answers

    def _answers(self, batch: Sequence[Point], stage: str) -> list[Answer]:
        name = f"parts/{self.arm}-{self._batches:06d}.json"
        self._batches += 1
        if not self.run.has(name):
            images = [self.draw(point).image for point in batch]
            vectors = self.clip.encode_images(images, batch_size=self.batch_size)
            logits = self.clip.logits(vectors, self.classifier)
            judgements = [self.goal.judge(row) for row in logits]
            # Floats of JSON read back to the same bits, so a resumed search decides alike.
            self.run.write_json(name, [[a, f, float(np.float64(m))] for a, f, m in judgements])
            self.advance(len(batch))
        rows: list[Any] = self.run.read_json(name)
        first = len(self.answers) + 1
        return [
            Answer(
                point=point,
                query=first + i,
                stage=stage,
                ink=self.area(point),
                visibility=self.visibility(point),
                answer=int(answer),
                flip=bool(flip),
                margin=float(margin),
            )
            for i, (point, (answer, flip, margin)) in enumerate(zip(batch, rows, strict=True))
        ]
