"""What was found: every figure of a report, and what probes of label sets say beside theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.cells import Cell, Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a probe of label sets found.

    ``cells``: every figure; corrected once it is part of an evaluation. ``labels``: all that were
    asked.
    ``missing``: sentences that say what could not be asked, and why.
    ``facts``: plain JSON for ``summary.json``: how label sets look, verdicts.
    """

    cells: tuple[Cell, ...]
    labels: tuple[str, ...]
    missing: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was found.

    ``cells``: every figure, shown or not. ``family_size``: how many of them were tested, and so
    corrected together. ``columns``: the group columns. ``items``: probe -> its words.
    ``answers``: probe -> what it says beside its cells, for probes that start from label sets.
    """

    cells: tuple[Cell, ...]
    family_size: int
    columns: tuple[GroupColumn, ...]
    items: dict[str, tuple[str, ...]]
    answers: Mapping[str, Answer] = field(default_factory=dict)

    def select(
        self, measure: Key | str, column: str = "", reference: str = "", *, probe: str = ""
    ) -> list[Cell]:
        """Cells of one measure, by its key or name; of one column, reference and probe where they
        are given."""
        return [
            cell
            for cell in self._by_measure.get(measure, ())
            if column in ("", cell.column)
            and reference in ("", cell.reference)
            and probe in ("", cell.probe)
        ]

    @cached_property
    def _by_measure(self) -> Mapping[Key | str, Sequence[Cell]]:
        cells: dict[Key | str, list[Cell]] = {}
        for cell in self.cells:
            cells.setdefault(cell.key, []).append(cell)
            cells.setdefault(cell.measure, []).append(cell)
        return cells
