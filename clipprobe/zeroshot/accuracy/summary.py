"""``summary.json`` of a zero-shot audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from clipprobe.zeroshot.accuracy.calibration import Calibration
from clipprobe.zeroshot.accuracy.diagnostics import Effect
from clipprobe.zeroshot.accuracy.measures import Accuracy

_MOST_ROWS = 10
HIGHER = ("zero_shot", "top_5", "mean_per_class")
"""Figures of the headline that are better when higher."""
LOWER = ("calibration_error",)
"""Those that are better when lower."""


def summarise(
    accuracy: Accuracy,
    calibrated: Calibration,
    effects: Sequence[Effect],
    *,
    classes: Sequence[str],
    templates: Sequence[str],
    hold: str | None,
) -> dict[str, Any]:
    """All figures with their intervals; where ``hold`` says why, totals alone."""
    summary: dict[str, Any] = {
        "headline": [
            _item(HIGHER[0], accuracy.top_1, "Share of images whose best class is the label."),
            _item(HIGHER[1], accuracy.top_5, "Share whose label is among the best five classes."),
            _item(
                HIGHER[2],
                accuracy.mean_per_class,
                "Mean recall over classes; its interval resamples classes.",
            ),
            _item(
                LOWER[0],
                calibrated.error,
                "How far shares are from the rate of right answers, 15 bins; chance alone gives "
                f"{calibrated.floor:.3f} here.",
            ),
        ],
        "calibration": {
            "error_at_temperature": calibrated.error_at_temperature.to_json(),
            "temperature": calibrated.temperature,
            "floor": calibrated.floor,
            "bins": [list(one) for one in calibrated.bins],
        },
        "n": {"images": accuracy.top_1.n, "classes": len(classes), "templates": len(templates)},
        "warnings": list(_warnings(accuracy, calibrated, len(classes), hold)),
    }
    if hold is None:
        recalls = zip(classes, accuracy.recalls, strict=True)
        known = sorted(recalls, key=lambda pair: (pair[1].value, pair[0]))
        summary["worst_classes"] = [
            {"class": name, "recall": one.to_json()} for name, one in known[:_MOST_ROWS] if one.n
        ]
        summary["confused"] = [
            {"label": classes[a], "answer": classes[b], "n": n}
            for a, b, n in accuracy.confused(_MOST_ROWS)
        ]
        for change in ("alone", "without", "renamed", "absent"):
            mine = [one for one in effects if one.change == change]
            summary[f"texts_{change}"] = [one.to_json() for one in mine[:_MOST_ROWS]]
    return summary


def _item(name: str, estimate: Any, meaning: str) -> dict[str, Any]:
    return {"name": name, "estimate": estimate.to_json(), "meaning": meaning}


def _warnings(
    accuracy: Accuracy, calibrated: Calibration, k: int, hold: str | None
) -> Iterator[str]:
    if hold is not None:
        yield hold
    if k <= 5:
        yield f"With {k} classes top-5 is 1 whatever the model says."
    if any(one.n == 1 for one in accuracy.recalls):
        yield "Some classes have a single image: their recall is 0 or 1."
    empty = sum(one.n == 0 for one in accuracy.recalls)
    if empty:
        yield f"{empty} of {k} classes have no image; the mean per class leaves them out."
    if calibrated.temperature <= 0.002:
        yield "Every answer of the fitting half is right, so no temperature can be told."
