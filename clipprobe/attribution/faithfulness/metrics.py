"""What a map of patches is held to, where the truth is known; higher is better for every metric.

*Pointing* (Zhang et al. 2016, arXiv:1608.00507): does the map point at the thing that the text
names? ``inside``: the middle of the strongest patch lies on it or within 15/224 of the side, the
tolerance of the paper. ``inside_strict``: at least half of the strongest patch lies on it.
``zone``: among the zones of the things shown, its zone holds the most of the map (with one thing
shown there is nothing to tell apart). ``mass``: the share of the positive part that lies on it.

*Segmentation*: the map as a mask, cut at its mean. ``pixel_accuracy``: pixels that agree.
``miou``: intersection over union, mean of thing and ground. ``map``: average precision of the map
as a ranking of pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.attribution.faithfulness.cases import CaseOnGrid

Metric = Callable[[Floats, CaseOnGrid, int], float]


TOLERANCE = 15 / 224
"""Of the pointing game, as a share of the image's side."""


def inside(values: Floats, truth: CaseOnGrid, own: int) -> float:
    """1 if the middle of the strongest patch lies on the thing, or within the tolerance of it."""
    row, column = divmod(int(values.argmax()), values.shape[1])
    mask = truth.pixels[own]
    down, across = (side / cells for side, cells in zip(mask.shape, values.shape, strict=True))
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return float("nan")
    off = np.hypot(
        np.maximum(np.abs(rows + 0.5 - (row + 0.5) * down) - 0.5, 0),
        np.maximum(np.abs(columns + 0.5 - (column + 0.5) * across) - 0.5, 0),
    )
    return float(off.min() <= TOLERANCE * min(mask.shape))


def inside_strict(values: Floats, truth: CaseOnGrid, own: int) -> float:
    """1 if at least half of the strongest patch lies on the thing."""
    return float(truth.patches[own].reshape(-1)[int(values.argmax())] >= 0.5)


def zone(values: Floats, truth: CaseOnGrid, own: int) -> float:
    """1 if the thing's zone holds the most of the map; ties are shared."""
    if len(truth.zones) == 1:
        return float("nan")
    inside = (truth.zones * values).sum(axis=(1, 2)) / truth.zones.sum(axis=(1, 2)).clip(min=1e-9)
    best = inside >= inside.max() - 1e-12
    return float(best[own] / best.sum())


def mass(values: Floats, truth: CaseOnGrid, own: int) -> float:
    """Share of the positive part on the thing; its share of the area where there is none."""
    positive = values.clip(min=0)
    if not positive.any():
        return float(truth.patches[own].mean())
    return float((positive * truth.patches[own]).sum() / positive.sum())


def pixel_accuracy(values: Floats, truth: CaseOnGrid, own: int) -> float:
    """Share of the area on which map and thing agree."""
    predicted = values > values.mean()
    on = truth.patches[own]
    return float(np.where(predicted, on, 1 - on).mean())


def miou(values: Floats, truth: CaseOnGrid, own: int) -> float:
    """Mean over thing and ground of intersection over union."""
    predicted = (values > values.mean()).astype(float)
    on = truth.patches[own]
    ious = []
    for mask, share in ((predicted, on), (1 - predicted, 1 - on)):
        both = (mask * share).sum()
        ious.append(both / max(mask.sum() + share.sum() - both, 1e-12))
    return float(np.mean(ious))


def average_precision(values: Floats, truth: CaseOnGrid, own: int) -> float:
    """Precision over the ranking of patches, weighted by the thing's pixels in them."""
    order = np.argsort(-values.reshape(-1), kind="stable")
    on = truth.patches[own].reshape(-1)[order]
    if not on.any():
        return float("nan")
    precision = np.cumsum(on) / np.arange(1, len(on) + 1)
    return float((precision * on).sum() / on.sum())


METRICS: dict[str, Metric] = {
    "inside": inside,
    "inside_strict": inside_strict,
    "zone": zone,
    "mass": mass,
    "pixel_accuracy": pixel_accuracy,
    "miou": miou,
    "map": average_precision,
}
"""Those that need the map and the truth alone."""
