"""Two audits of zero-shot, few-shot, limits or carriers side by side; differences are B minus A.

Zero-shot audits that hold answers are compared over the images that both used (McNemar's test and a
paired interval); the rest as :mod:`clipprobe.study.by_figure` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clipprobe.runs import RunView
from clipprobe.statistics import difference_of_paired_proportions, mcnemar
from clipprobe.study.by_figure import comparison_of

_RESULTS = "results.parquet"


def _paired(a: RunView, b: RunView, seed: int) -> Iterator[dict[str, Any]]:
    """Accuracy over the images that both runs answered."""
    if not (a.has(_RESULTS) and b.has(_RESULTS)):
        return
    one, other = (_answers(view) for view in (a, b))
    shared = sorted(one.keys() & other.keys())
    if not shared:
        return
    before, after = ([answers[key] for key in shared] for answers in (one, other))
    difference = difference_of_paired_proportions(after, before, seed=seed)
    yield {
        "name": "zero_shot",
        "n": len(shared),
        "p": mcnemar(after, before),
        "difference": difference.to_json(),
    }


def _answers(view: RunView) -> dict[tuple[str, str], bool]:
    table = view.read_table(_RESULTS)
    columns = (table[name].to_pylist() for name in ("id", "label", "right"))
    return {(image, label): right for image, label, right in zip(*columns, strict=True)}


ZEROSHOT, FEW_SHOT, LIMITS, CARRIERS = (
    comparison_of(kind, _paired, lower_is_better={"calibration_error"})
    for kind in ("zeroshot", "few-shot", "limits", "carriers")
)
