"""Sentences and tables that all parts of a report word alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from attacks.bias.measures.cells import Cell
from attacks.bias.measures.evaluation import Answer
from clipprobe.report import Block, Paragraph

MAX_ROWS = 60  # of one table; all of them are in cells.csv, and the caption says so
TOO_SMALL = Paragraph("No two groups are large enough to be compared.")
Row = TypeVar("Row")


def capped(
    rows: Sequence[Row], more: str, by: Callable[[Row], Any] | None = None, most: int = MAX_ROWS
) -> tuple[list[Row], str]:
    """At most `most` rows, in their order, and what a caption says of the others.

    Args:
        more: The latter, with ``{}`` for their number. by: Which come first; default: the order.
    """
    ranked = list(rows) if by is None else sorted(rows, key=by)
    listed = [row for row in rows if row in ranked[:most]] if len(rows) > most else list(rows)
    n_more = len(rows) - len(listed)
    return listed, f"; {more.format(n_more)}" if n_more else ""


def strongest(cells: Sequence[Cell]) -> list[Cell]:
    """Those that stand out, the largest value first."""
    return sorted((c for c in cells if c.flagged), key=lambda c: (-abs(c.value), c.item))


def listed(texts: Sequence[str], most: int) -> str:
    """The first of them, and how many more there are."""
    more = f"; and {len(texts) - most} more" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more


def with_list(statement: str, texts: Sequence[str], most: int) -> str:
    """A sentence that ends with a list, where there is something to list."""
    return f"{statement}: {listed(texts, most)}." if texts else f"{statement}."


def missing_answers(answer: Answer) -> list[Block]:
    """What a probe could not ask, and why."""
    missing = "; ".join(answer.missing)
    return [Paragraph(f"Not asked: {missing}.")] if missing else []


def towards(cell: Cell) -> str:
    """The side that a signed figure leans to."""
    if cell.value > 0:
        return cell.group
    return cell.reference if cell.reference != "rest" else f"others than {cell.group}"


def number(value: float) -> float | None:
    """A table cell: undefined is a dash."""
    return None if math.isnan(value) else value


def short(value: float) -> str:
    """A number in a sentence."""
    return "undefined" if math.isnan(value) else f"{value:.3f}".replace("-", "−")
