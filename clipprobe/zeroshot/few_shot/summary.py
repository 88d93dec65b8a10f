"""Curves, crossings and headline of a few-shot audit, each figure with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipprobe.zeroshot.few_shot.crossing import Resamples, crossing_text
from clipprobe.zeroshot.few_shot.draws import ALL, USUAL, Rows, Shots, Split, validation_size
from clipprobe.zeroshot.few_shot.sweep import METHODS, Cell, LabelledVectors
from clipprobe.zeroshot.settings import FewShotAudit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """One set of images at every shot number."""

    name: str
    """``images``, ``shifted``, ``seen`` or ``never seen``."""
    data: LabelledVectors
    split: Split
    positions: Sequence[float]
    """Where each shot number stands on the axis."""
    cells: Mapping[Shots, Cell]
    shifted: LabelledVectors | None = None
    """Images on which the same probes were scored too."""


def summarise(
    measured: Sequence[Measured], *, settings: FewShotAudit, n_shared: int = 0
) -> dict[str, Any]:
    """``summary.json``.

    Args:
        n_shared: Shifted images that are among the others too.
    """
    sets = [one for each in measured for one in _sets(each, settings)]
    headline = [item for one in sets for item in _headline(one)]
    return {
        "sets": sets,
        "headline": headline,
        "n": {one.name: len(one.data.labels) for one in measured},
        "features": {
            "probe": "vision.pooled, not normalised",
            "mean_norm": {
                one.name: float(np.linalg.norm(one.data.pooled, axis=1).mean()) for one in measured
            },
            "lp++": "unit vectors of the joint space",
        },
        "warnings": [*_warnings(measured, settings), *_of_shared(n_shared)],
    }


def figures(names: Iterable[str]) -> list[str]:
    """The figures of the headline, of sets of images with these names."""
    methods = ("zero_shot", *(_method(method) for method in METHODS))
    return [method + _suffix(name) for name in names for method in methods]


def draw_rows(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """One row for each set, shot number, draw and method."""
    rows = []
    for one in measured:
        for shots, cell in one.cells.items():
            for method, right in cell.right.items():
                where = one.data.totals(one.split.test)
                if method.startswith("transferred ") and one.shifted is not None:
                    where = one.shifted.totals(np.arange(len(one.shifted.labels)))
                for draw, counts in enumerate(right):
                    rows.append(
                        {
                            "set": one.name,
                            "method": method,
                            "shots": str(shots),
                            "draw": draw,
                            "right": int(counts.sum()),
                            "n": int(where.sum()),
                            "C": cell.strengths[draw] if method.endswith("probe") else None,
                        }
                    )
    return rows


def _sets(one: Measured, settings: FewShotAudit) -> Iterator[dict[str, Any]]:
    """The set itself and, where there are shifted images, the same probes on those."""
    yield _set(one, "", one.data, one.split.test, settings)
    if one.shifted is not None:
        rows = np.arange(len(one.shifted.labels))
        yield _set(one, "transferred ", one.shifted, rows, settings)


def _set(
    one: Measured, prefix: str, scored: LabelledVectors, rows: Rows, settings: FewShotAudit
) -> dict[str, Any]:
    n, base = scored.totals(rows), scored.zero_shot(rows)
    resamples = Resamples(settings.draws, len(one.data.names), seed=settings.seed)
    curves = {
        method: [cell.right[prefix + method] for cell in one.cells.values()] for method in METHODS
    }
    crossings = {
        method: resamples.crossing(one.positions, curve, base, n)
        for method, curve in curves.items()
    }
    return {
        "name": prefix.strip() or one.name,
        "n_classes": len(one.data.names),
        "shots": [str(shots) for shots in one.cells],
        "positions": list(one.positions),
        "labelled_images": [
            position + (validation_size(int(shots)) if shots != "all" else 0)
            for shots, position in zip(one.cells, one.positions, strict=True)
        ],
        "zero_shot": resamples.estimate(base, n),
        "curves": {
            method: [resamples.estimate(right, n) for right in curve]
            for method, curve in curves.items()
        },
        "differences": {
            method: [resamples.difference(right, base, n) for right in curve]
            for method, curve in curves.items()
        },
        "crossings": crossings,
        "crossing_text": {
            method: "{} [{}, {}]".format(
                *(
                    crossing_text(value, one.positions)
                    for value in (crossing.value, crossing.low, crossing.high)
                )
            )
            for method, crossing in crossings.items()
        },
    }


def _headline(one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    suffix = _suffix(one["name"])
    yield {
        "name": "zero_shot" + suffix,
        "estimate": one["zero_shot"],
        "meaning": "Accuracy of zero-shot on the test images.",
    }
    for method, curve in one["curves"].items():
        yield {
            "name": _method(method) + suffix,
            "estimate": curve[-1],
            "meaning": f"Accuracy of {method} with {one['shots'][-1]} shots of each class; it "
            f"crosses zero-shot at {one['crossing_text'][method]} shots.",
        }


def _method(name: str) -> str:
    return name.replace("++", "_plus")


def _suffix(name: str) -> str:
    return "" if name == "images" else "_" + name.replace(" ", "_")


def _of_shared(n: int) -> Iterator[str]:
    if n:
        yield (
            f"{n} of the shifted images are among the others too: a transferred probe is scored on "
            "images that it was fitted on, and looks better than it is."
        )


def _warnings(measured: Sequence[Measured], settings: FewShotAudit) -> Iterator[str]:
    for one in measured:
        without = [str(k) for k in USUAL if k not in one.cells and k != ALL]
        if settings.shots is None and without:
            yield (
                f"{one.name} has a class with {one.split.smallest} images beside its test images, "
                f"so {', '.join(without)} shots are left out: more images of each class, or a "
                "smaller test share, make room."
            )
        edges = [
            shots
            for shots, cell in one.cells.items()
            if sum(C in (1e-6, 1e6) for C in cell.strengths) > len(cell.strengths) / 2
        ]
        if edges:
            yield (
                f"On {one.name} the search chose the edge of its grid in most draws at "
                f"{', '.join(map(str, edges))} shots: the validation images cannot tell the "
                "strengths apart there."
            )
        if len(one.data.names) < 10:
            yield (
                f"{one.name} has {len(one.data.names)} classes: intervals over so few classes are "
                "rough."
            )
    if any(one.name == "never seen" for one in measured):
        yield (
            "Never seen means: not among the concepts that the bundled model was trained on. On "
            "another model both curves are of ordinary things."
        )
