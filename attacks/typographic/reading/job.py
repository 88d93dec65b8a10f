"""Carrying an explanation out, step by step; a finished step is on disk and is not done again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.typographic.reading.measure import Arrays, Measurer
from attacks.typographic.reading.measurements import (
    NOTHING,
    Measurements,
    causal,
    reading,
    tables_of,
)
from attacks.typographic.reading.pairs import (
    CONDITIONS,
    Drawer,
    ImageConditions,
    PlannedImage,
    of_word,
    plan,
)
from attacks.typographic.reading.removal import Removal
from attacks.typographic.reading.report import build_page
from attacks.typographic.reading.source import Measuring, Source
from attacks.typographic.reading.summary import summarise
from attacks.typographic.rendering.cases import Case
from attacks.typographic.task import Task
from clipprobe.data import Failure, require_readable
from clipprobe.errors import DataError, UnreadableImageError
from clipprobe.models import Clip
from clipprobe.runs import Run
from clipprobe.runs.jsonio import plain
from clipprobe.statistics.halves import permuted, split
from clipprobe.statistics.seeds import rng
from clipprobe.study import Outcome, Workload
from clipprobe.tracing.ranking import rank
from clipprobe.tracing.removal import random_sets
from clipprobe.tracing.variants import Variant
from clipprobe.zeroshot.classifier import class_vectors


@dataclass(frozen=True, kw_only=True)
class Job:
    """One explanation; everything that decides its numbers is in its fields."""

    clip: Clip
    task: Task
    """The audit's task, which decides words' places and controls."""
    source: Source
    settings: Measuring
    notes: Sequence[str] = ()
    """What a reader must know of words that were left out."""
    progress: Callable[[str, int, int], None]

    def config(self) -> dict[str, Any]:
        """Everything that changes the result."""
        return {
            **self.task.config(),
            "audit": self.source.run,
            "source_seed": self.task.seed,
            **plain(self.settings),
        }

    def passes(self) -> Workload:
        """The sentences of the classes; the images cannot be told."""
        return Workload(
            texts=len(self.task.classes.names) * len(self.task.templates),
            reason="images run again for every unit that is patched, and the search for the "
            "fewest heads ends when it has them",
        )

    def execute(self, run: Run) -> Outcome[None]:
        """Measure, rank, take out, and say what the run holds."""
        classes = self.task.classes
        vectors = class_vectors(self.clip, classes.names, self.task.templates)
        drawer = Drawer(self.clip, self.task.renderer)
        hold = self.task.hold()
        planned, failed, left_out = self._usable(drawer, vectors)
        left_out = [*self.task.skipped, *left_out]
        if len({one.case.record.id for one in planned}) < 4:
            require_readable(len(planned) + len(left_out), failed, self.task.dataset.name)
            note = f" ({left_out[0].id!r}: {left_out[0].reason})" if left_out else ""
            raise DataError(
                f"Only {len(planned)} of the images of {self.task.dataset.name!r} can be "
                f"explained{note}, and choosing units on one half and checking them on the other "
                "needs at least 4: give more images."
            )
        measurer = Measurer(self.clip, drawer, classes, vectors, cls=self.settings.cls)
        measured = self._measured(run, measurer, drawer, planned)
        summary = summarise(measured, self.settings, self._audit_gap(measured))
        summary["n"].update(failed=len(failed), skipped=len(left_out))
        summary["warnings"] += self.notes
        if hold is not None:
            summary["warnings"].insert(0, hold)
        return Outcome(
            value=None,
            files=tables_of(measured, images=hold is None),
            summary=lambda: summary,
            page=lambda run: build_page(
                run, measured, drawer, self.clip.grid, self.clip.provenance()
            ),
            used=summary["n"]["images"],
            skipped=len(left_out),
            failed=len(failed),
            failures=[*failed, *left_out],
        )

    def _usable(
        self, drawer: Drawer, vectors: npt.NDArray[np.float32]
    ) -> tuple[list[PlannedImage], list[Failure], list[Failure]]:
        """Images that can be drawn, those that cannot be read, and those left out."""
        task, classes, cases = self.task, self.task.classes, self.task.cases
        failed: list[Failure] = []
        if self.source.pairs is not None:
            by_id = {case.record.id: case for case in cases}
            pairs = [of_word(by_id[i], w, classes) for i, w in self.source.pairs if i in by_id]
            planned = [one for one in pairs if isinstance(one, PlannedImage)]
            left_out = [one for one in pairs if isinstance(one, Failure)]
        else:
            logits = None
            if task.words.needs_clean_scores:
                cases, failed, logits = self._clean_logits(cases, drawer, vectors)
            planned, left_out = plan(task, cases, vectors=vectors, clean_logits=logits)
        usable = []
        for one in planned:
            try:
                images = drawer.draw(one)
            except UnreadableImageError as error:
                failed.append(Failure(one.case.record.id, str(error)))
                continue
            if isinstance(images, ImageConditions):
                usable.append(one)
            else:
                left_out.append(images)
        return usable, failed, left_out

    def _clean_logits(
        self, cases: list[Case], drawer: Drawer, vectors: npt.NDArray[np.float32]
    ) -> tuple[list[Case], list[Failure], npt.NDArray[np.float32]]:
        usable, failed, rows = [], [], []
        for case in cases:
            try:
                shot = drawer.renderer.clean(case)[0]
            except UnreadableImageError as error:
                failed.append(Failure(case.record.id, str(error)))
                continue
            usable.append(case)
            rows.append(self.clip.logits(self.clip.encode_images([shot.image]), vectors)[0])
        return usable, failed, np.stack(rows) if rows else np.zeros((0, len(vectors)), np.float32)

    def _measured(
        self, run: Run, measurer: Measurer, drawer: Drawer, planned: list[PlannedImage]
    ) -> Measurements:
        s = self.settings
        images = [one.case.record.id for one in planned]
        chooses = split(images, permuted(rng(s.seed, "why", "halves")))
        arrays = self._step(run, "pictures", planned, lambda one: measurer.measure(one), drawer)
        change = arrays["margin"][:, CONDITIONS.index("attack")] - arrays["margin"][:, 0]
        n_blocks, n_heads = arrays["heads"].shape[-2:]
        flat = arrays["heads"].reshape(*arrays["heads"].shape[:3], -1)
        heads = rank(
            causal(flat), reading(flat), change, images, chooses, k=s.heads, random=None,
            least_share=s.head_share, seed=s.seed, nothing=NOTHING,
        )  # fmt: skip
        first = arrays["first_order"][chooses].mean(axis=0)  # block m
        width = first.shape[1]
        best = [
            (int(i) // width, int(i) % width)
            for i in np.argsort(-first.reshape(-1), kind="stable")[: s.neurons]
        ]
        blocks = sorted({block for block, _ in best})
        pool = [(b, u) for b in blocks for u in range(width) if (b, u) not in set(best)]
        [control] = random_sets([(pool, s.n_random)], [rng(s.seed, "why", "random units")])
        units = [*best, *sorted(control)]
        variants = [Variant(neurons={block: [neuron]}) for block, neuron in units]

        def neurons_of(images: Sequence[ImageConditions]) -> Arrays:
            plan_of = [one.planned for one in images]
            return {"neurons": measurer.patched(measurer.acts(images), plan_of, variants)}

        patched = self._step(run, "neurons", planned, neurons_of, drawer)["neurons"]
        neurons = rank(
            causal(patched), reading(patched), change, images, chooses, k=s.neurons,
            random=range(len(best), len(units)), least_share=s.neuron_share, seed=s.seed,
            candidates=range(len(best)), nothing=NOTHING,
        )  # fmt: skip
        ranked = [(u.column // n_heads, u.column % n_heads) for u in heads.units]
        removal = Removal(
            settings=s, measurer=measurer, planned=planned, chooses=chooses, progress=self.progress
        )
        return Measurements(
            planned=planned,
            classes=self.task.classes,
            chooses=chooses,
            arrays=arrays,
            heads=heads,
            neurons=neurons,
            neuron_units=units,
            neuron_effects=patched,
            curves=removal.curves(run, ranked),
            greedy=removal.selection(run, heads, arrays),
            n_blocks=n_blocks,
            n_heads=n_heads,
        )

    def _step(
        self,
        run: Run,
        name: str,
        planned: list[PlannedImage],
        measure: Callable[[Sequence[ImageConditions]], Arrays],
        drawer: Drawer,
    ) -> Arrays:
        """Measure batch by batch; a batch that a former run left is read back."""
        parts = []
        for start in range(0, len(planned), self.settings.batch_size):
            file = f"parts/{name}-{start:07d}.safetensors"
            if not run.has(file):
                batch = drawer.all_of(planned[start : start + self.settings.batch_size])
                run.write_arrays(file, measure(batch))
            parts.append(run.read_arrays(file))
            done = min(start + self.settings.batch_size, len(planned))
            self.progress(name, done, len(planned))
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _audit_gap(self, measurements: Measurements) -> float | None:
        """Largest difference from the logits of the audit that is explained; None without one."""
        gaps = []
        margins = measurements.arrays["margin"][:, CONDITIONS.index("attack")]
        for one, margin in zip(measurements.planned, margins, strict=True):
            logits = self.source.answers.get((one.case.record.id, one.word))
            if logits is not None:
                gaps.append(abs(logits[0] - logits[1] - float(margin)))
        return max(gaps) if gaps else None
