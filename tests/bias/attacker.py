"""A reader who solves a published bias report for what it hides, with nothing but what it prints.

The reader knows every image's annotations and which images take part, and takes the sizes and the
rates from ``cells.csv``, ``cells.parquet``, ``summary.json``, the tables of ``report.md`` and the
model card. Every figure is an equation; the question is which of the small sets follow.
"""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias import export_model_card
from clipprobe.runs import RunView

Mask = NDArray[np.bool_]
Annotations = Mapping[str, Sequence[str]]
LEAST = 10
RATES = re.compile(
    r"(crime|non-human|crime or non-human|label) rate|(gender|race|race and gender) accuracy"
    r"|race accuracy \(white or not\)|effect of the label child"
)


@dataclass
class Findings:
    """What follows: the sizes printed as they are; (set, outcome) whose hits are known; sets whose
    size is known."""

    printed: list[str] = field(default_factory=list)
    hits: list[tuple[str, str, float]] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.printed or self.hits or self.sizes)


class Reader:
    """All equations of one or several reports on the same images."""

    def __init__(self, annotations: Annotations, parts: Mapping[str, Mask]) -> None:
        self.annotations, self.parts = annotations, parts
        self.n = len(next(iter(annotations.values())))
        self.outcomes: dict[str, dict[bytes, float]] = {}  # outcome -> set -> hits
        self.sets: dict[bytes, int] = {}
        self.found = Findings()

    def read(self, run: RunView, takes_part: Mask, scratch: Path) -> None:
        """Everything that a run prints."""
        rows = list(csv.DictReader(run.file("cells.csv").read_text("utf-8").splitlines()))
        parquet = run.read_table("cells.parquet").to_pylist()
        assert [r["value"] or None for r in rows] == [
            None if r["value"] is None else repr(r["value"]) for r in parquet
        ]
        shown = {
            column: {
                r["group"] for r in rows if r["column"] == column and r["value"] and r["group"]
            }
            for column in {r["column"] for r in rows}
        }
        for row in parquet:
            if row["n"] is not None and 0 < row["n"] < LEAST:
                self.found.printed.append(f"cells: {row['group']} n={row['n']}")
            if row["value"] is None or not RATES.fullmatch(row["measure"]):
                continue
            members = self.members(row, shown, takes_part)
            assert members.sum() == row["n"], (row["measure"], row["column"], row["group"])
            outcome = f"{row['measure']}/{row['item']}"
            self.outcomes.setdefault(outcome, {})[members.tobytes()] = row["value"] * row["n"]
            self.sets[members.tobytes()] = row["n"]
        used = run.manifest["counts"]["used"]
        assert used == takes_part.sum()
        self.sets[takes_part.tobytes()] = used
        for column, group in run.summary["groups"].items():
            for value, size in group["sizes"].items():
                if 0 < size < LEAST:
                    self.found.printed.append(f"summary: {column} {value} {size}")
            if 0 < group.get("unlabelled", 0) < LEAST:
                self.found.printed.append(f"summary: {column} unlabelled")
        for column, counted in run.summary["small_cells"].items():
            told = {**counted["images"], "rest": counted.get("not_shown", 0)}
            self.found.printed += [
                f"small cells: {column} {kind} {n}" for kind, n in told.items() if 0 < n < LEAST
            ]
        assert not run.has("draws.safetensors")
        self._text(run.file("report.md").read_text("utf-8"))
        card = json.loads(export_model_card(run, scratch / "card.json").read_text("utf-8"))
        self._text("\n".join(m["slice"] for m in card["quantitative_analysis"]
                             ["performance_metrics"]))  # fmt: skip

    def _text(self, text: str) -> None:
        sizes = re.findall(r"[^|\n]{0,30}\bn=[1-9]\b(?![,.]?\d)[^|\n]{0,20}", text)
        sizes += re.findall(r"\| [^|]+ \| [^|]+ \| [1-9] \| (?:left out|insufficient)[^|]*", text)
        sizes += re.findall(r"\b[1-9] images (?:are|have)\b", text)
        self.found.printed += [f"text: {one.strip()}" for one in sizes]

    def members(self, row: Mapping[str, Any], shown: Mapping[str, set[str]], part: Mask) -> Mask:
        """The images that a figure is about."""
        values = self.values(row["column"])
        wanted = {row["group"]} if row["group"] else None
        about = self.parts.get(row["measure"].replace(" (white or not)", ""))
        inside = part if about is None else part & about
        if wanted is None:
            # "All of these groups": those that are shown of this outcome.
            sizes = {v: int((inside & (values == v)).sum()) for v in shown[row["column"]]}
            wanted = {v for v, n in sizes.items() if n >= LEAST}
        return np.asarray(inside & np.isin(values, sorted(wanted)))

    def values(self, column: str) -> NDArray[Any]:
        parts = [np.array(self.annotations[p], dtype=object) for p in column.split(" x ")]
        crossed = [" x ".join(row) if all(row) else "" for row in zip(*parts, strict=True)]
        return np.array(crossed, dtype=object)

    def solve(self, takes_part: Mask) -> Findings:
        """Try every small cell, of any columns and parts, and with them every single image."""
        targets = self.targets(takes_part)
        names, table = list(targets), np.array(list(targets.values()), dtype=float)
        rows = np.array([np.frombuffer(k, bool) for k in self.sets], dtype=float)
        for name, y in zip(names, _combinations(rows, table), strict=True):
            if y is not None:
                self.found.sizes.append(name)
        for outcome, sets in self.outcomes.items():
            rows = np.array([np.frombuffer(k, bool) for k in sets], dtype=float)
            hits = np.array(list(sets.values()))
            for name, y in zip(names, _combinations(rows, table), strict=True):
                if y is not None:
                    self.found.hits.append((name, outcome, float(np.rint(y @ hits))))
        return self.found

    def targets(self, takes_part: Mask) -> dict[str, Mask]:
        """Cells below ten images: of one, two or three attributes, "not annotated" being a value,
        with and without a part; and what the published sets tell apart, alone and two together."""
        found: dict[str, Mask] = {}
        keys = [np.array(v, dtype=object) for v in self.annotations.values()]
        for depth in (1, 2, 3):
            for some in itertools.combinations(keys, depth):
                joined = np.array([str(row) for row in zip(*some, strict=True)], dtype=object)
                for value in sorted(set(joined)):
                    cell = joined == value
                    for part in (np.ones(self.n, bool), *self.parts.values()):
                        for inside in (cell & part, cell & ~part):
                            found[inside.tobytes().hex()] = inside & takes_part
        rows = np.array([np.frombuffer(k, bool) for k in self.sets])
        patterns, piece = np.unique(rows, axis=1, return_inverse=True)
        pieces = [piece.ravel() == j for j in range(patterns.shape[1]) if patterns[:, j].any()]
        small = [one for one in pieces if one.sum() < LEAST]
        for one, other in itertools.combinations_with_replacement(small, 2):
            found[(one | other).tobytes().hex()] = one | other
        unique = {m.tobytes(): m for m in found.values() if 0 < m.sum() < LEAST}
        return {f"{int(m.sum())} images: {np.flatnonzero(m).tolist()}": m for m in unique.values()}


def _combinations(rows: NDArray[Any], targets: NDArray[Any]) -> list[NDArray[Any] | None]:
    """For each target the weights that make it of the rows, or None where there are none."""
    if not len(targets):
        return []
    weights, *_ = np.linalg.lstsq(rows.T, targets.T, rcond=None)
    off = np.abs(rows.T @ weights - targets.T).max(axis=0)
    return [w if o < 1e-7 else None for w, o in zip(weights.T, off, strict=True)]
