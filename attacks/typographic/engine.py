"""Running an audit: chunks of pictures through drawing, encoding and scoring, with parts on disk.

A chunk is written in one piece when all of it is scored, so a killed audit loses at most one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from attacks.typographic.cases import Case
from attacks.typographic.classes import Classes
from attacks.typographic.pipeline import (
    Encoder,
    Floats,
    Problem,
    Renderer,
    Shot,
    ahead,
    attempt,
    encode_in_batches,
)
from attacks.typographic.scoring import Scored, case_rows, natural_row, score, to_table
from attacks.typographic.words import Words, choose
from clipprobe.data import Failure
from clipprobe.runs import Run

#: Pictures in a chunk, in batches; with one word each makes six times as many encodings.
BATCHES_PER_CHUNK = 4
Tick = Callable[[int], None]


def _silent(done: int) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Scores cases; everything that decides the numbers is in its fields."""

    clip: Encoder
    classes: Classes
    classifier: Floats
    """Unit text vectors, ``(n_classes, d)``."""
    renderer: Renderer
    words: Words
    words_per_image: int
    seed: int
    batch_size: int
    workers: int

    def run(
        self, run: Run, cases: Sequence[Case], *, advance: Callable[[int], None]
    ) -> tuple[Any, list[Failure], list[Failure]]:
        """Score all cases, chunk by chunk, skipping the chunks that a former run left.

        Args:
            advance: Called with the number of cases done so far.
        Returns:
            The result table, the unreadable pictures, and those left out for another reason.
        """
        import pyarrow as pa

        size = BATCHES_PER_CHUNK * self.batch_size
        tables, failed, skipped = [], [], []
        for start in range(0, len(cases), size):
            chunk = cases[start : start + size]
            name = f"parts/{start // size:07d}"
            if not run.has(f"{name}.parquet"):

                def tick(done: int, start: int = start) -> None:
                    advance(start + done)

                rows, problems = self.score_cases(chunk, tick=tick)
                lists = {
                    "failed": [p.failure.to_json() for p in problems if p.unreadable],
                    "skipped": [p.failure.to_json() for p in problems if not p.unreadable],
                }
                run.write_json(f"{name}.json", lists)  # the table goes last: it marks the chunk
                run.write_table(f"{name}.parquet", to_table(rows))
            lists = run.read_json(f"{name}.json")
            failed += [Failure(**item) for item in lists["failed"]]
            skipped += [Failure(**item) for item in lists["skipped"]]
            tables.append(run.read_table(f"{name}.parquet"))
            advance(start + len(chunk))
        return pa.concat_tables(tables), failed, skipped

    def score_cases(
        self, cases: Sequence[Case], *, tick: Tick = _silent
    ) -> tuple[list[dict[str, Any]], list[Problem]]:
        """The rows of some cases in order, and the problems of those without rows.

        Args:
            tick: Called after each batch with the number of these cases that are done.
        """
        if cases[0].word is not None:
            scored, problems = self._encode(cases, self.renderer.clean, tick)
            return [
                natural_row(case, scored[i][0], self.classes)
                for i, case in enumerate(cases)
                if i in scored
            ], problems
        if self.words.needs_clean_scores:
            return self._after_clean(cases, tick)
        words = [self._words(case, None) for case in cases]
        return self._with_words(cases, words, {}, tick)

    def _after_clean(
        self, cases: Sequence[Case], tick: Tick
    ) -> tuple[list[dict[str, Any]], list[Problem]]:
        clean, problems = self._encode(cases, self.renderer.clean, _silent)
        kept = [case for i, case in enumerate(cases) if i in clean]
        answers = [clean[i] for i in sorted(clean)]
        words = [self._words(c, a[0].logits) for c, a in zip(kept, answers, strict=True)]
        rows, more = self._with_words(kept, words, dict(enumerate(answers)), tick)
        order = {case.record.id: i for i, case in enumerate(cases)}
        return rows, sorted([*problems, *more], key=lambda p: order[p.failure.id])

    def _with_words(
        self,
        cases: Sequence[Case],
        words: Sequence[Sequence[str]],
        clean: dict[int, list[Scored]],
        tick: Tick,
    ) -> tuple[list[dict[str, Any]], list[Problem]]:
        """Rows of cases whose words are known; ``clean`` holds answers that are there already."""
        without = "every attack word means its true label"
        problems = [
            Problem(Failure(case.record.id, without), False)
            for case, chosen in zip(cases, words, strict=True)
            if not chosen
        ]
        rows_of = [i for i, chosen in enumerate(words) if chosen]
        place = {cases[i].record.id: i for i in rows_of}

        def render(case: Case) -> list[Shot]:
            i = place[case.record.id]
            return self.renderer.written(case, words[i], clean=i not in clean)

        scored, more = self._encode([cases[i] for i in rows_of], render, tick)
        rows = []
        for j, i in enumerate(rows_of):
            if j in scored:
                answers = [*clean.get(i, []), *scored[j]]
                rows += case_rows(cases[i], answers, words[i], self.classes)
        order = {case.record.id: i for i, case in enumerate(cases)}
        return rows, sorted([*problems, *more], key=lambda p: order[p.failure.id])

    def _encode(
        self, cases: Sequence[Case], render: Callable[[Case], list[Shot]], tick: Tick
    ) -> tuple[dict[int, list[Scored]], list[Problem]]:
        """Draw ahead, encode in full batches, and give each case its answers back."""
        problems: list[Problem] = []
        owners: list[int] = []
        scored: dict[int, list[Scored]] = {}
        rendered = ahead(
            lambda case: attempt(render, case),
            cases,
            workers=self.workers,
            window=self.batch_size + self.workers,
        )

        def shots() -> Iterator[Shot]:
            for i, outcome in enumerate(rendered):
                if isinstance(outcome, Problem):
                    problems.append(outcome)
                    continue
                for shot in outcome:
                    owners.append(i)
                    yield shot

        done = 0
        with closing(rendered):
            for captions, vectors in encode_in_batches(self.clip, shots(), self.batch_size):
                logits = self.clip.logits(vectors, self.classifier)
                for item in score(captions, logits, self.classes):
                    scored.setdefault(owners[done], []).append(item)
                    done += 1
                tick(owners[done - 1])
        return scored, problems

    def _words(self, case: Case, clean_logits: Floats | None) -> list[str]:
        if case.planned:
            own = self.classes.same(case.planned, self.classes.names[case.label])
            return [] if own else [case.planned]
        scores = clean_logits
        if self.words.strategy.endswith("-similar"):
            scores = self.classifier @ self.classifier[case.label]
        return choose(
            self.words,
            self.classes,
            case.label,
            image_id=case.record.id,
            seed=self.seed,
            count=self.words_per_image,
            scores=scores,
        )
