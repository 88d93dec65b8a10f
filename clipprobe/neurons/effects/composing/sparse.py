"""Sparse logistic regression over a path of penalties, with parts that never mix.

The penalty is chosen inside the fitting part alone (stratified cross-validation over groups, the
sparsest within one standard error of the best); the other part only scores.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.statistics import halves

PENALTIES = tuple(float(c) for c in np.geomspace(0.01, 3, 9))
"""liblinear's C: small is sparse."""
_FOLDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPoint:
    """One penalty: ``c``; ``n_units`` with a weight; ``inner``: mean balanced accuracy in
    cross-validation on the fitting part; ``held_out``: balanced accuracy on the other part."""

    c: float
    n_units: int
    inner: float
    held_out: float


def fit_path(
    z: Floats,
    y: NDArray[np.bool_],
    fit: NDArray[np.intp],
    test: NDArray[np.intp],
    groups: Sequence[str],
    max_units: int | None,
    penalties: Sequence[float],
    seed: int,
) -> tuple[list[PathPoint], list[tuple[Floats, float]], int]:
    """Every penalty, its weights, and which is chosen: within one standard error of the best
    cross-validated balanced accuracy, the sparsest."""
    folds = _folds(y[fit], np.array(groups)[fit], seed)
    inner = np.array([_cross_validate(z[fit], y[fit], folds, c) for c in penalties])
    path, weights = [], []
    for c, scores in zip(penalties, inner, strict=True):
        w, b = _regress(z[fit], y[fit], c)
        weights.append((w, b))
        decided = z[test] @ w + b > 0
        path.append(
            PathPoint(
                c=float(c),
                n_units=int((w != 0).sum()),
                inner=float(scores.mean()),
                held_out=_balanced(decided, y[test]),
            )
        )
    allowed = [
        i
        for i, point in enumerate(path)
        if point.n_units and (max_units is None or point.n_units <= max_units)
    ]
    if not allowed:  # nothing is sparse enough, or nothing has a weight: the nearest to it
        allowed = [min(range(len(path)), key=lambda i: (path[i].n_units == 0, path[i].n_units))]
    best = max(allowed, key=lambda i: path[i].inner)
    error = float(inner[best].std(ddof=1) / np.sqrt(inner.shape[1]))
    best_at = next(i for i in allowed if path[i].inner >= path[best].inner - error)
    return path, weights, best_at


def _regress(z: Floats, y: NDArray[np.bool_], c: float) -> tuple[Floats, float]:
    import sklearn
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    # Since 1.8 the penalty is named by l1_ratio alone; before, l1_ratio is not used by liblinear.
    recent = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 8)
    sparse = {"l1_ratio": 1.0} if recent else {"penalty": "l1"}
    model = LogisticRegression(
        solver="liblinear", C=c, class_weight="balanced", random_state=0, max_iter=200, **sparse
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # weak penalties, never the chosen ones
        model.fit(z, y)
    return model.coef_[0], float(model.intercept_[0])


def _folds(
    y: NDArray[np.bool_], groups: NDArray[np.str_], seed: int
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows to fit and to check, groups whole; folds without both classes are left out."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    single = len(set(groups)) == len(groups)
    maker = StratifiedKFold if single else StratifiedGroupKFold  # the second is slow
    n_folds = min(_FOLDS, int(y.sum()), int((~y).sum()))
    if n_folds < 2:
        return []
    folds = maker(n_folds, shuffle=True, random_state=seed).split(
        y[:, None], y, None if single else groups
    )
    return [(a, b) for a, b in folds if y[a].any() and not y[a].all()]


def _cross_validate(
    z: Floats,
    y: NDArray[np.bool_],
    folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    c: float,
) -> Floats:
    scores = []
    for train, check in folds:
        w, b = _regress(z[train], y[train], c)
        scores.append(_balanced(z[check] @ w + b > 0, y[check]))
    return np.array(scores if len(scores) > 1 else [0.5, 0.5])


def _balanced(decided: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    shares = [decided[truth].mean() if truth.any() else 0.5]
    shares.append((~decided[~truth]).mean() if (~truth).any() else 0.5)
    return float(np.mean(shares))


def split(
    y: NDArray[np.bool_], groups: Sequence[str], seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Two thirds to fit, one third to score; groups whole, either class in proportion."""
    test = halves.split(groups, halves.hashed(seed), lambda n: max(2, n // 3), y)
    return np.flatnonzero(~test), np.flatnonzero(test)


def shuffled_labels(y: NDArray[np.bool_], groups: Sequence[str], seed: int) -> NDArray[np.bool_]:
    """Labels shuffled over groups within each part, so that both keep their shares."""
    fit, test = split(y, groups, seed)
    rng = np.random.default_rng(seed)
    result = y.copy()
    for rows in (fit, test):
        names = sorted({groups[i] for i in rows})
        own = {name: next(y[i] for i in rows if groups[i] == name) for name in names}
        permuted = rng.permutation([own[name] for name in names])
        labels = dict(zip(names, permuted, strict=True))
        result[rows] = [labels[groups[i]] for i in rows]
    return result
