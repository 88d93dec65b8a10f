"""What units are called: their labels with judge and held-out score, read from runs of labels.

Where a run gives no label, that is said and not replaced by its best guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipprobe.neurons.instruments.rows import interval
from clipprobe.runs.jsonio import AsJson

if TYPE_CHECKING:
    from clipprobe.runs import RunView
    from clipprobe.statistics import Estimate

_COLUMNS = ("site", "unit", "label", "candidate", "auroc", "auroc_low", "auroc_high", "n", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitName(AsJson):
    """What a run of labels says that a unit should be called.

    Attributes:
        label: Its label; None where the run gives none.
        candidate: The best concept, whether or not it holds.
        auroc: How well the candidate tells, on images that did not choose it.
        reason: Why there is no label; empty where there is one.
        judge: Who says what images show.
        circular: Whether the judge is the labelled model itself.
        run: Name of the run.
    """

    label: str | None
    candidate: str
    auroc: Estimate
    reason: str
    judge: str
    circular: bool
    run: str


def unit_names(runs: Iterable[RunView]) -> dict[str, UnitName]:
    """Address -> what runs of labels call the unit; of several, the first that gives a label."""
    names: dict[str, UnitName] = {}
    for run in runs:
        summary = run.summary
        for row in run.read_table("labels.parquet").select(_COLUMNS).to_pylist():
            address = f"{row['site']}:{row['unit']}"
            if address not in names or (names[address].label is None and row["label"]):
                auroc = interval(
                    row["auroc"], row["auroc_low"], row["auroc_high"], row["n"], "it is undefined"
                )
                names[address] = UnitName(
                    label=row["label"],
                    candidate=row["candidate"] or "",
                    auroc=auroc,
                    reason=row["reason"] or ("" if row["label"] else "no concept holds"),
                    judge=str(summary.get("judge", "")),
                    circular=bool(summary.get("circular")),
                    run=run.path.name,
                )
    return names
