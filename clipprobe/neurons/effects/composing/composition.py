"""Which few units make a class, an emotion, a place: sparse logistic regression on units.

Goh et al. 2021, "Multimodal Neurons in Artificial Neural Networks" (distill.pub/2021/multimodal-
neurons): sparse linear probes of ImageNet classes and of emotions on the units of the last
convolution. Here for any hook points, on two kinds of rows:

* images: pooled activations, with the images' labels;
* texts: how each unit's own output reads in the joint space, ``<W_u, text>`` (the article's ``W
  x_text``), with the texts' labels: which units the direct path would use to say it.

The L1 penalty (liblinear) sets most weights to 0. Rows are split into two parts: one fits, and
chooses the penalty by cross-validation; the other only scores. A control repeats everything with
shuffled labels. Units that are copies of each other share a weight arbitrarily: the units named are
sufficient, not the only ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError, DataError
from clipprobe.neurons.effects.composing.sparse import (
    PENALTIES,
    PathPoint,
    fit_path,
    shuffled_labels,
    split,
)
from clipprobe.runs.jsonio import AsJson, JsonRecord
from clipprobe.statistics import Estimate, auroc_estimate, wilson

_MIN_EACH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition(JsonRecord):
    """The units that make one class.

    ``target``: the class, told from all other rows.
    ``units``: ``(address, weight)`` by magnitude; weights are per standard deviation of the unit.
    ``c``: the penalty chosen. ``n_units``: units with a weight, of ``n_there``.
    ``accuracy``: share of held-out rows told right; ``majority``: the share that guessing the
    larger class gets. ``auroc``: on the same rows.
    ``shuffled``: AUROC of the same procedure with shuffled labels: its control, 0.5 expected.
    ``n_positive``: held-out rows of the class, of ``accuracy.n``. ``n_fit``: rows that fitted.
    ``path``: every penalty.
    """

    target: str
    units: tuple[tuple[str, float], ...]
    c: float
    n_units: int
    n_there: int
    accuracy: Estimate
    majority: float
    auroc: Estimate
    shuffled: Estimate
    n_positive: int
    n_fit: int
    path: tuple[PathPoint, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        units = [{"unit": address, "weight": weight} for address, weight in self.units]
        return {**AsJson.to_json(self), "units": units}


def compose(
    values: NDArray[np.floating],
    names: Sequence[str],
    labels: Sequence[str],
    *,
    targets: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    max_units: int | None = None,
    penalties: Sequence[float] = PENALTIES,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> list[Composition]:
    """Find the units that tell each class from the rest.

    Args:
        values: ``(n, u)`` activations (or joint-space weights), one row per image or text.
        names: ``(u,)`` addresses.
        labels: ``(n,)`` classes.
        targets: Which classes; None for all with enough rows.
        groups: ``(n,)`` rows of one group (one word in several sentences) stay in one part.
        max_units: Use no more units than this.
        seed: Splits, and shuffles the control.
        progress: Called with 1 after each class.
    Raises:
        DataError: too few rows, NaN, or a class with too few rows or groups.
        ConfigError: a class that is not there.
    """
    x = np.asarray(values, np.float64)
    _check(x, names, labels)
    table = list(map(str, labels))
    group = list(map(str, groups)) if groups is not None else [str(i) for i in range(len(x))]
    known = sorted(set(table))
    classes = _targets(known, table, group, targets)
    varied = np.flatnonzero(x.std(axis=0) > 1e-12)
    if not len(varied):
        raise DataError("Every unit has one value on all rows: there is nothing to compose from.")
    units = [names[int(i)] for i in varied]
    results = []
    for target in classes:
        y = np.array([label == target for label in table])
        fit, test = split(y, group, seed)
        own = x[:, varied]
        mean, scale = own[fit].mean(axis=0), own[fit].std(axis=0)
        z = (own - mean) / np.where(scale > 1e-12, scale, 1)
        shuffled = shuffled_labels(y, group, seed)
        (path, weights, step), (_, other, best) = (
            fit_path(z, truth, fit, test, group, max_units, penalties, seed)
            for truth in (y, shuffled)
        )
        w, offset = weights[step]
        decided, by_chance = z[test] @ w + offset, z[test] @ other[best][0] + other[best][1]
        used = [i for i in np.argsort(-np.abs(w), kind="stable").tolist() if w[i] != 0]
        results.append(
            Composition(
                target=target,
                units=tuple((units[i], float(w[i])) for i in used),
                c=path[step].c,
                n_units=len(used),
                n_there=len(names),
                accuracy=wilson(int(((decided > 0) == y[test]).sum()), len(test)),
                majority=float(max(y[test].mean(), 1 - y[test].mean())),
                auroc=auroc_estimate(decided, y[test]),
                shuffled=auroc_estimate(by_chance, shuffled[test]),
                n_positive=int(y[test].sum()),
                n_fit=len(fit),
                path=tuple(path),
            )
        )
        if progress is not None:
            progress(1)
    return results


def _targets(
    known: Sequence[str],
    labels: Sequence[str],
    groups: Sequence[str],
    targets: Sequence[str] | None,
) -> list[str]:
    def n_groups(label: str) -> tuple[int, int]:
        inside = {g for g, one in zip(groups, labels, strict=True) if one == label}
        outside = {g for g, one in zip(groups, labels, strict=True) if one != label}
        if inside & outside:
            raise DataError(
                f"A group has rows with and without the label {label!r}: give groups of one label."
            )
        return len(inside), len(outside)

    if targets is not None:
        for target in targets:
            if target not in known:
                raise ConfigError(
                    f"No row has the label {target!r}: the labels are {', '.join(known[:8])}"
                    + (" and more." if len(known) > 8 else ".")
                )
            if min(n_groups(target)) < _MIN_EACH:
                raise DataError(
                    f"The label {target!r} has too few rows or groups, or all have it: at least "
                    f"{_MIN_EACH} with and {_MIN_EACH} without are needed."
                )
        return list(targets)
    enough = [label for label in known if min(n_groups(label)) >= _MIN_EACH]
    if not enough:
        raise DataError(
            f"None of the {len(known)} labels has {_MIN_EACH} rows with it and {_MIN_EACH} "
            "without: give more labelled images or texts."
        )
    return enough


def _check(x: Floats, names: Sequence[str], labels: Sequence[str]) -> None:
    if x.ndim != 2 or x.shape != (len(labels), len(names)):
        raise DataError(
            f"Composition needs one row per label and one column per unit, but got the shape "
            f"{x.shape} for {len(labels)} labels and {len(names)} units."
        )
    if not np.isfinite(x).all():
        raise DataError("The activations hold NaN or infinite values: leave those rows out.")
