"""The published CSV of Wang et al. 2025: for each word, how many images of each class changed.

These are counts of answers, not images, so they cannot be audited; they can be given intervals
and set beside an audit's own.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from clipprobe.errors import DataError
from clipprobe.lines import read_text
from clipprobe.statistics import Estimate, wilson

_COLUMNS = ("ori_label", "total_num", "untargeted_num", "targeted_num")


@dataclass(frozen=True, slots=True, kw_only=True)
class WordCounts:
    """What one word did to the images of one class, or of all."""

    label: str
    """Class of the images; ``""`` for all of them together."""
    total: int
    """Images, all of them answered correctly without the word."""
    untargeted: int
    """Those answered wrongly with it."""
    targeted: int
    """Those answered with the word's class."""

    @property
    def targeted_success(self) -> Estimate:
        """Share of ``targeted``, with Wilson's 95 % interval."""
        return wilson(self.targeted, self.total)

    @property
    def untargeted_success(self) -> Estimate:
        """Share of ``untargeted``, with Wilson's 95 % interval."""
        return wilson(self.untargeted, self.total)


def read_multi_image(path: str | Path) -> tuple[list[WordCounts], WordCounts]:
    """The rows of one word's CSV in order, and their sum.

    Rows that sum others (``total``, ``all``, ``overall``) are left out of the sum.

    Raises:
        DataError: a column is absent, a count is none, or the counts contradict each other or the
            rate beside them.
    """
    file = Path(path)
    reader = csv.DictReader(io.StringIO(read_text(file, "table"), newline=""))
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise DataError(f"The table {file} has no column {', '.join(map(repr, missing))}.")
    rows = []
    for number, row in enumerate(reader, start=1):
        label = str(row["ori_label"]).strip()
        if label.lower() in ("total", "all", "overall"):
            continue
        try:
            total, untargeted, targeted = (int(float(row[name] or "")) for name in _COLUMNS[1:])
        except ValueError:
            raise DataError(
                f"Row {number} of the table {file} holds a count that is none."
            ) from None
        if not 0 <= targeted <= untargeted <= total:
            raise DataError(
                f"Row {number} of the table {file} counts {targeted} targeted and {untargeted} "
                f"untargeted successes of {total} images, which cannot be."
            )
        rows.append(WordCounts(label=label, total=total, untargeted=untargeted, targeted=targeted))
    if not rows:
        raise DataError(f"The table {file} has no row.")
    whole = WordCounts(
        label="",
        total=sum(r.total for r in rows),
        untargeted=sum(r.untargeted for r in rows),
        targeted=sum(r.targeted for r in rows),
    )
    return rows, whole
