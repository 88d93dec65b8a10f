"""The numbers of the model card as lines for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clipprobe.pretraining.evaluation.ability import PARTS
from clipprobe.report.numbers import format_cell


def abilities_text(rows: Sequence[dict[str, Any]]) -> str:
    """One line an ability, by subject: value, what it means, what was planted, q."""
    lines = []
    for about in dict.fromkeys(row["about"] for row in rows):
        own = [row for row in rows if row["about"] == about]
        width = max(len(format_cell(row)) for row in own)
        lines.append(PARTS.get(about, about))
        for row in own:
            tested = [
                f"{what} {row[key]:{form}}"
                for key, what, form in (("planted", "planted", "+.2f"), ("q", "q", ".4f"))
                if row.get(key) is not None
            ]
            lines.append(f"  {format_cell(row):<{width}}  {'; '.join([row['meaning'], *tested])}")
    return "\n".join(lines)
