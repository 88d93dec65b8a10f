"""Running an audit: chunks of images through drawing, encoding and scoring, with parts on disk.

A chunk is written in one piece when all of it is scored, so a killed audit loses at most one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from attacks.typographic.choosing.scores import WordScores
from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.encodings import Encodings
from attacks.typographic.rendering.render import Floats, Problem, SizedImage, attempt
from attacks.typographic.scoring.rows import Scored, case_rows, natural_row, score, to_table
from attacks.typographic.task import Task
from clipprobe.data import Failure, require_readable
from clipprobe.data.stream import ahead
from clipprobe.errors import DataError
from clipprobe.runs import Run

#: Images in a chunk, in batches; with one word each makes six times as many encodings.
BATCHES_PER_CHUNK = 4
Rows = list[dict[str, Any]]
Scorer = Callable[[Sequence[Case], Encodings], tuple[Rows, list[Problem]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Scores the cases of a task; everything that decides the numbers is in its fields."""

    task: Task
    classifier: Floats
    """Unit text vectors, ``(n_classes, d)``."""
    word_scores: WordScores = field(default_factory=WordScores)
    """What ranks the words, where the strategy ranks them."""

    def run(
        self,
        run: Run,
        cases: Sequence[Case],
        *,
        encodings: Encodings,
        stage: str = "",
        scorer: Scorer | None = None,
    ) -> tuple[Any, list[Failure], list[Failure]]:
        """Score all cases, chunk by chunk, skipping the chunks that a former run left.

        Args:
            encodings: What the run has encoded so far; shared by all its stages.
            stage: Name of the stage, where a run has several.
            scorer: What is scored of a chunk: :meth:`score_cases` by default.
        Returns:
            The result table, the unreadable images, and those left out for another reason.
        """
        import pyarrow as pa

        scorer = scorer or self.score_cases
        tables, failed, skipped = [], [], []
        for name, chunk in self.chunks(cases, stage):
            if not self._done(run, name):
                rows, problems = scorer(chunk, encodings)
                lists = {
                    "failed": [p.failure for p in problems if p.unreadable],
                    "skipped": [p.failure for p in problems if not p.unreadable],
                }
                run.write_json(f"{name}.json", lists)
                encodings.save(run, f"{name}.safetensors")
                run.write_table(f"{name}.parquet", to_table(rows))
            else:
                encodings.load(run, f"{name}.safetensors")
            lists = run.read_json(f"{name}.json")
            failed += [Failure(**item) for item in lists["failed"]]
            skipped += [Failure(**item) for item in lists["skipped"]]
            tables.append(run.read_table(f"{name}.parquet"))
        return pa.concat_tables(tables), failed, skipped

    def chunks(self, cases: Sequence[Case], stage: str = "") -> Iterator[tuple[str, list[Case]]]:
        """The chunks of a stage, each with the name of its part."""
        size = BATCHES_PER_CHUNK * self.task.batch_size
        for start in range(0, len(cases), size):
            yield f"parts/{stage}{start // size:07d}", list(cases[start : start + size])

    def unscored(self, run: Run, cases: Sequence[Case], stage: str = "") -> int:
        """How many cases of a stage a former run did not finish."""
        return sum(
            len(chunk) for name, chunk in self.chunks(cases, stage) if not self._done(run, name)
        )

    @staticmethod
    def _done(run: Run, name: str) -> bool:
        """Whether a former run left everything of a chunk."""
        return run.has(*(f"{name}.{kind}" for kind in ("json", "safetensors", "parquet")))

    def planned(self, case: Case) -> int:
        """Most images that :meth:`score_cases` encodes for a case."""
        return 1 if case.word is not None else 1 + self.planned_written

    @property
    def planned_written(self) -> int:
        """Most images of a case with something written on them."""
        return self.task.words_per_image * len(self.task.renderer.kinds)

    def score_cases(
        self, cases: Sequence[Case], encodings: Encodings
    ) -> tuple[Rows, list[Problem]]:
        """The rows of some cases in order, and the problems of those without rows."""
        if cases[0].word is not None:
            scored, problems = self._encode(cases, self.task.renderer.clean, encodings, 1)
            return [
                natural_row(case, scored[i][0], self.task.classes)
                for i, case in enumerate(cases)
                if i in scored
            ], problems
        if self.task.words.needs_clean_scores:
            usable, answers, problems = self._clean(cases, encodings)
            encodings.tally.spared(self.planned_written * len(problems))
            words = [self._words(c, a) for c, a in zip(usable, answers, strict=True)]
            clean = {i: [answer] for i, answer in enumerate(answers)}
            rows, more = self._with_words(usable, words, clean, encodings)
            return rows, in_order([*problems, *more], cases)
        words = [self._words(case, None) for case in cases]
        return self._with_words(cases, words, {}, encodings)

    def score_clean(
        self, cases: Sequence[Case], encodings: Encodings
    ) -> tuple[Rows, list[Problem]]:
        """The clean rows alone, one for each word that is chosen for a case."""
        usable, answers, problems = self._clean(cases, encodings)
        rows: Rows = []
        for case, answer in zip(usable, answers, strict=True):
            words = self._words(case, answer)
            rows += case_rows(case, [answer], words, self.task.classes)
            if not words:
                problems.append(_without_words(case, self.task))
        return rows, in_order(problems, cases)

    def score_written(self, words: Mapping[str, Sequence[str]]) -> Scorer:
        """A scorer of attack and controls alone, with the words of each image given."""

        def scorer(cases: Sequence[Case], encodings: Encodings) -> tuple[Rows, list[Problem]]:
            case_words = [words[case.record.id] for case in cases]
            elsewhere: dict[int, list[Scored]] = {i: [] for i in range(len(cases))}
            return self._with_words(cases, case_words, elsewhere, encodings)

        return scorer

    def _clean(
        self, cases: Sequence[Case], encodings: Encodings
    ) -> tuple[list[Case], list[Scored], list[Problem]]:
        clean, problems = self._encode(cases, self.task.renderer.clean, encodings, 1)
        usable = [case for i, case in enumerate(cases) if i in clean]
        return usable, [clean[i][0] for i in sorted(clean)], problems

    def _with_words(
        self,
        cases: Sequence[Case],
        words: Sequence[Sequence[str]],
        clean: dict[int, list[Scored]],
        encodings: Encodings,
    ) -> tuple[Rows, list[Problem]]:
        """Rows of cases whose words are known; ``clean`` holds answers that are there already."""
        rows_of = [i for i, case_words in enumerate(words) if case_words]
        problems = [
            _without_words(c, self.task) for c, w in zip(cases, words, strict=True) if not w
        ]
        planned = self.planned_written + (0 if clean else 1)
        encodings.tally.spared(planned * len(problems))
        place = {cases[i].record.id: i for i in rows_of}

        def render(case: Case) -> list[SizedImage]:
            i = place[case.record.id]
            return self.task.renderer.written(case, words[i], clean=i not in clean)

        scored, more = self._encode([cases[i] for i in rows_of], render, encodings, planned)
        rows: Rows = []
        for j, i in enumerate(rows_of):
            if j in scored:
                answers = [*clean.get(i, []), *scored[j]]
                rows += case_rows(cases[i], answers, words[i], self.task.classes)
        return rows, in_order([*problems, *more], cases)

    def _encode(
        self,
        cases: Sequence[Case],
        render: Callable[[Case], list[SizedImage]],
        encodings: Encodings,
        planned: int,
    ) -> tuple[dict[int, list[Scored]], list[Problem]]:
        """Draw ahead, encode in full batches, and give each case its answers back.

        Args:
            planned: Images of a case that the tally counts on.
        """
        problems: list[Problem] = []
        owners: list[int] = []
        scored: dict[int, list[Scored]] = {}
        rendered = ahead(
            lambda case: attempt(render, case),
            cases,
            workers=self.task.workers,
            window=self.task.batch_size + self.task.workers,
        )

        def shots() -> Iterator[SizedImage]:
            for i, outcome in enumerate(rendered):
                if isinstance(outcome, Problem):
                    problems.append(outcome)
                    outcome = []
                encodings.tally.spared(planned - len(outcome))
                for shot in outcome:
                    owners.append(i)
                    yield shot

        done = 0
        with closing(rendered):
            for captions, vectors in encodings(shots()):
                logits = self.task.clip.logits(vectors, self.classifier)
                for item in score(captions, logits, self.task.classes, vectors):
                    scored.setdefault(owners[done], []).append(item)
                    done += 1
        return scored, problems

    def _words(self, case: Case, clean: Scored | None) -> list[str]:
        if case.planned:
            own = self.task.classes.same(case.planned, self.task.classes.names[case.label])
            return [] if own or case.planned in self.task.words.unfit else [case.planned]
        scores = self.word_scores.of(self.task, case.label, self.classifier, clean)
        return self.task.words_of(case, scores)


def nothing_attacked(
    task: Task, failed: Sequence[Failure], left_out: Sequence[Failure]
) -> DataError:
    """The error of an audit in which no image has a result.

    Raises:
        NoReadableImagesError: that is because none could be read.
    """
    name = task.dataset.name
    require_readable(0 if failed and not left_out else 1, failed, name)
    return DataError(
        f"No image of {name!r} could be attacked ({left_out[0].id!r}: {left_out[0].reason}): "
        "change the words or the images."
    )


def in_order(problems: Sequence[Problem], cases: Sequence[Case]) -> list[Problem]:
    """Problems in the order of their cases."""
    order = {case.record.id: i for i, case in enumerate(cases)}
    return sorted(problems, key=lambda problem: order[problem.failure.id])


def _without_words(case: Case, task: Task) -> Problem:
    reason = "every attack word means its true label"
    if task.words.unfit:
        reason += " or cannot be written"
    return Problem(Failure(case.record.id, reason), False)
