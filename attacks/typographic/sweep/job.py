"""Carrying a sweep out: the clean images once, then every cell with the same words.

Each cell is a stage of the run with parts of its own, so a killed sweep goes on in the cell where
it stopped. Clean images, and images that two cells draw alike, are encoded once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from attacks.typographic.choosing.scores import WordScores, word_texts
from attacks.typographic.engine import Engine, nothing_attacked
from attacks.typographic.sweep.grid import Grid, level_name
from attacks.typographic.sweep.report import build_page
from attacks.typographic.sweep.summary import summarise
from attacks.typographic.task import Task
from clipprobe.errors import DataError
from clipprobe.runs import Run
from clipprobe.statistics import Estimate
from clipprobe.study import Outcome
from clipprobe.zeroshot.classifier import class_vectors

RESULTS = "results.parquet"
CELLS = "cells.csv"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One sweep, checked and resolved."""

    task: Task
    """With the attack of what is not varied."""
    grid: Grid
    hold: str | None
    """Why answers of single images are not written; None where they are."""
    level: float
    """Success that a text must exceed to count as working."""
    notes: Sequence[str]
    """What a reader must know of words that were left out."""
    progress: Callable[[int, int], None] | None

    def execute(self, run: Run) -> Outcome[None]:
        """Score every cell, and say what the run holds."""
        import pyarrow as pa

        task = self.task
        classifier = class_vectors(task.clip, task.classes.names, task.templates)
        scores = WordScores(texts=word_texts(task, classifier))
        engine = Engine(task=task, classifier=classifier, word_scores=scores)
        in_cells = engine.planned_written * len(self.grid.cells) * len(task.cases)
        encodings = task.encodings(
            self.progress, engine.unscored(run, task.cases, "clean-") + in_cells
        )
        clean, failed, remaining = engine.run(
            run, task.cases, encodings=encodings, stage="clean-", scorer=engine.score_clean
        )
        left_out = [*task.skipped, *remaining]
        words: dict[str, list[str]] = {}
        for image, word in zip(clean["image"].to_pylist(), clean["word"].to_pylist(), strict=True):
            words.setdefault(image, []).append(word)
        usable = [case for case in task.cases if case.record.id in words]
        if not usable:
            raise nothing_attacked(task, failed, left_out)
        stages = {cell.number: f"cell{cell.number:04d}-" for cell in self.grid.cells}
        open_cases = sum(engine.unscored(run, usable, stage) for stage in stages.values())
        encodings.tally.spared(in_cells - engine.planned_written * open_cases)
        tables, without = [_numbered(clean, None)], []
        reason = ""
        for cell in self.grid.cells:
            writer = replace(engine, task=replace(task, attack=cell.attack))
            table, lost, unfit = writer.run(
                run, usable, encodings=encodings, stage=stages[cell.number],
                scorer=writer.score_written(words),
            )  # fmt: skip
            tables.append(_numbered(table, cell.number))
            without.append(len(lost) + len(unfit))
            reason = next((failure.reason for failure in [*unfit, *lost]), "")
        if all(not table.num_rows for table in tables[1:]):
            raise DataError(f"In no cell could a word be written on any image ({reason}).")
        table = pa.concat_tables(tables)
        summary = summarise(
            table, self.grid, task.classes, level=self.level, left_out=without, seed=task.seed
        )
        summary["warnings"] = [
            *([self.hold] if self.hold else []),
            *summary["warnings"],
            *self.notes,
        ]
        summary["n"].update(failed=len(failed), skipped=len(left_out))
        cells = (CELLS, [cell_row(item) for item in summary["cells"]])
        return Outcome(
            value=None,
            files=[cells] if self.hold else [(RESULTS, table), cells],
            summary=lambda: summary,
            page=lambda run: build_page(run, self.grid, task, usable, words),
            used=len(usable),
            skipped=len(left_out),
            failed=len(failed),
            failures=[*failed, *left_out],
        )


def cell_row(cell: Mapping[str, Any]) -> dict[str, Any]:
    """A cell of the summary as a row of ``cells.csv``: levels, then each estimate's parts."""
    row: dict[str, Any] = {"cell": cell["cell"]}
    row.update({name: level_name(value) for name, value in cell["levels"].items()})
    row.update({name: cell[name] for name in ("left_out", "size_px", "ink")})
    for name, estimate in cell.items():
        if isinstance(estimate, Estimate):
            row[name] = estimate.value
            row.update({f"{name}_{end}": getattr(estimate, end) for end in ("low", "high", "n")})
    return row


def _numbered(table: Any, number: int | None) -> Any:
    import pyarrow as pa

    return table.add_column(0, "cell", pa.array([number] * table.num_rows, pa.int32()))
