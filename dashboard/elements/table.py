"""A matrix of numbers as coloured cells, with images or words at its edges; a click tells which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dashboard.elements.parts import as_text, element

_grid = element("table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A matrix to look at."""

    values: NDArray[Any]
    """``(rows, columns)``."""
    rows: Sequence[str]
    columns: Sequence[str]
    caption: str
    """What the numbers are; read by those who cannot see the table."""
    images: Sequence[Image.Image | None] = ()
    """Of the rows."""
    texts: Sequence[Sequence[str]] | None = None
    """What stands in the cells, if not the numbers."""
    hints: Sequence[Sequence[str]] | None = None
    """A tooltip for each cell."""
    marked: Sequence[tuple[int, int]] = ()
    """Cells to strike out."""


def grid(table: Grid, *, key: str, chosen: tuple[int, int] | None = None) -> tuple[int, int] | None:
    """Show a matrix; the further a cell is from zero, the stronger its colour.

    Args:
        chosen: The cell to frame.
    Returns:
        Row and column of the cell that was just chosen, else None.
    """
    values = np.asarray(table.values, np.float64)
    texts = table.texts or [[f"{value:.3f}" for value in row] for row in values]
    data = {
        "caption": table.caption,
        "rows": list(table.rows),
        "columns": list(table.columns),
        "images": [None if one is None else as_text(one) for one in table.images],
        "values": [[None if np.isnan(v) else float(f"{v:.6g}") for v in row] for row in values],
        "texts": [list(row) for row in texts],
        "hints": None if table.hints is None else [list(row) for row in table.hints],
        "chosen": chosen,
        "marked": [list(cell) for cell in table.marked],
    }
    result: Any = _grid(key=key, data=data, on_cell_change=lambda: None)
    cell = result.cell
    return None if cell is None else (int(cell[0]), int(cell[1]))
