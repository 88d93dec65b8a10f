"""A yes/no outcome by one or several group columns, as fairlearn's ``MetricFrame`` has it.

    overall, by_group, group_min, group_max
    difference("between_groups") = max_g - min_g
    difference("to_overall")     = max_g |rate_g - overall|
    ratio("between_groups")      = min_g / max_g
    ratio("to_overall")          = min_g min(r, 1 / r),  r = rate_g / overall

The names and conventions are fairlearn's (Bird et al. 2020; https://fairlearn.org), the numbers
are the same, and :meth:`Disaggregated.to_fairlearn` gives its object. What is added: Wilson
intervals, and small cells. A group below 10 images takes no part in anything, is counted, and is
not handed to fairlearn either; groups from 10 to 29 are shown, and no largest or smallest group is
named from them.

``difference`` and ``ratio`` are extremes, so they lie above 0 and below 1 by chance: the report
prints their null floors (:mod:`attacks.bias.measures.rates`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attacks.bias.groups.columns import CROSS, INFER_FROM, make_column
from attacks.bias.groups.suppression import protect
from clipprobe.errors import ConfigError, DataError, MissingExtraError
from clipprobe.statistics import Estimate, undefined, wilson

METHODS = ("between_groups", "to_overall")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disaggregated:
    """Rates of one outcome.

    ``metric``: what a hit is. ``columns``: the group columns, crossed where there are several.
    ``overall``: rate of all images with a shown group. ``by_group``: value of each column -> rate,
    hidden ones undefined with the reason. ``hits``, ``groups``: of the images that take part, not
    printed: a notebook is to show no row of a single image.
    """

    metric: str
    columns: tuple[str, ...]
    overall: Estimate
    by_group: Mapping[tuple[str, ...], Estimate]
    hits: NDArray[np.bool_] = field(repr=False)
    groups: tuple[tuple[str, ...], ...] = field(repr=False)

    def group_min(self) -> float:
        """The lowest rate of a group that is large enough to infer from; NaN if there is none."""
        return min(self._rates(), default=math.nan)

    def group_max(self) -> float:
        """The highest such rate."""
        return max(self._rates(), default=math.nan)

    def difference(self, method: str = "between_groups") -> float:
        """Largest minus smallest rate, or the largest distance from the overall rate."""
        _known(method)
        rates = self._rates()
        if not rates:
            return math.nan
        if method == "between_groups":
            return max(rates) - min(rates)
        return max(abs(rate - self.overall.value) for rate in rates)

    def ratio(self, method: str = "between_groups") -> float:
        """Smallest over largest rate, or the smallest ratio to the overall one; NaN for 0 / 0."""
        _known(method)
        rates = self._rates()
        if method == "between_groups":
            pairs = [(min(rates), max(rates))] if rates else []
        else:
            pairs = [
                (min(rate, self.overall.value), max(rate, self.overall.value)) for rate in rates
            ]
        quotients = [low / high if high else math.nan for low, high in pairs]
        return min((q for q in quotients if not math.isnan(q)), default=math.nan)

    def to_fairlearn(self) -> Any:
        """``fairlearn.metrics.MetricFrame`` over the images that take part.

        Raises:
            MissingExtraError: fairlearn is not installed.
        """
        try:
            from fairlearn.metrics import MetricFrame, selection_rate
        except ImportError:
            raise MissingExtraError("fairlearn", "pip install fairlearn") from None
        import pandas as pd

        hits = self.hits.astype(int)
        groups = pd.DataFrame(self.groups, columns=list(self.columns))
        return MetricFrame(
            metrics={self.metric: selection_rate},
            y_true=hits,
            y_pred=hits,
            sensitive_features=groups,
        )

    def _rates(self) -> list[float]:
        return [e.value for e in self.by_group.values() if e.defined and e.n >= INFER_FROM]


def disaggregate(
    hits: ArrayLike,
    groups: Mapping[str, Sequence[str | None]],
    *,
    metric: str = "rate",
    level: float = 0.95,
) -> Disaggregated:
    """Rates of an outcome by one group column, or by the intersection of several.

    Args:
        hits: Yes/no of each image, ``(n,)``.
        groups: Column name -> perceived or annotated value of each image. With several columns
            also the single columns are protected: no small intersection follows from them.
    Raises:
        DataError: lengths differ, or a column holds one group only.
    Example:
        >>> found = disaggregate([1, 0, 1, 1] * 20, {"perceived_gender": ["man", "woman"] * 40})
        >>> found.overall.value, found.difference(), found.ratio()
        (0.75, 0.5, 0.5)
    """
    outcome = np.asarray(hits)
    if outcome.ndim != 1 or not np.isin(outcome, (0, 1)).all():
        raise DataError("A disaggregated rate needs one yes or no (1 or 0) for each image.")
    if not groups:
        raise ConfigError("Name at least one group column.")
    for name, values in groups.items():
        if len(values) != len(outcome):
            raise DataError(
                f"The group column {name!r} labels {len(values)} images, but there are outcomes "
                f"for {len(outcome)}: labels and images must match."
            )
    names = tuple(groups)
    keys: list[tuple[str, ...]] = []
    for row in zip(*groups.values(), strict=True):
        stripped = tuple((value or "").strip() for value in row)
        keys.append(stripped if all(stripped) else ())
    joined = [CROSS.join(key) or None for key in keys]
    column = make_column(CROSS.join(names), joined)
    if len(names) > 1:
        singles = [make_column(name, list(values)) for name, values in groups.items()]
        column = protect([*singles, column])[-1]
    place = {name: key for name, key in zip(joined, keys, strict=True) if name}
    by_group: dict[tuple[str, ...], Estimate] = {}
    for value, n in column.sizes.items():
        if value not in column.levels:
            by_group[place[value]] = undefined(column.why_hidden(value), n=0)
            continue
        inside = column.labels == column.levels.index(value)
        rate = wilson(int(outcome[inside].sum()), n, level)
        if n < INFER_FROM:
            gone = undefined(f"insufficient (n={n}) to infer", n=n, method="value only")
            rate = replace(gone, value=rate.value)
        by_group[place[value]] = rate
    part = column.labels >= 0
    return Disaggregated(
        metric=metric,
        columns=names,
        overall=wilson(int(outcome[part].sum()), int(part.sum()), level),
        by_group=by_group,
        hits=outcome[part].astype(bool),
        groups=tuple(key for key, is_part in zip(keys, part, strict=True) if is_part),
    )


def _known(method: str) -> None:
    if method not in METHODS:
        raise ConfigError(f"The method is {' or '.join(METHODS)}, but {method!r} was given.")
