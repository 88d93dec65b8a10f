"""Differences of two bias reports, figure by figure, and the run that holds them.

Differences are B minus A: same probe, measure, item, column, group, reference and depth. Where both
were asked about the same images in one process (:mod:`attacks.bias.report.against`) each figure has
its values on the same resamples in memory, and the standard error of the difference is that of the
paired differences; the interval and the two-sided p are normal. Else the interval is put together
from both reports' own (MOVER, Zou & Donner 2008) and nothing is tested. Maxima (gap, MaxSkew,
mean |d|) get no interval: resampling shifts them, and not alike in two reports.

All tests of one comparison are corrected together (Benjamini-Hochberg).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from attacks.bias.groups.columns import SHOW_FROM
from attacks.bias.measures.association_cells import STRENGTH
from attacks.bias.measures.cells import ASSOCIATION, LARGEST_MINUS_SMALLEST, RELATIVE
from attacks.bias.measures.composition import ENTROPY
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.retrieval_cells import MAX_SKEW, MIN_SKEW, NDKL
from attacks.bias.report.headline import share_of_tests
from clipprobe.statistics import Estimate, benjamini_hochberg, mover, undefined
from clipprobe.study import Change

KIND = "bias-comparison"
TABLE = "differences.csv"
KEY = ("probe", "measure", "item", "column", "group", "reference", "k")
ALPHA, LEVEL = 0.05, 0.95
#: Figures that resampling shifts, beside gaps, by their names in tables.
#: Measures of one group against others, beside the differences of rates.
_EFFECTS = frozenset((str(ASSOCIATION), str(RELATIVE), "skew@k"))
_EXTREMES = frozenset(map(str, (MAX_SKEW, MIN_SKEW, NDKL, STRENGTH, ENTROPY)))
LEAST_SE = 1e-7  # of resamples that do not move
Figures = Mapping[tuple[Any, ...], dict[str, Any]]


def figures_of(rows: Sequence[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows of cells by what they are about; the first of several."""
    figures: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        figures.setdefault(tuple(row[name] for name in KEY), row)
    return figures


def find_differences(first: Figures, second: Figures, *, paired: bool) -> list[dict[str, Any]]:
    """A row for each figure that both have and show, corrected together.

    Args:
        paired: Whether ``draws`` of both are on the same resamples.
    """
    differences = (
        _difference(key, first[key], second[key], paired=paired) for key in first if key in second
    )
    rows = [row for row in differences if row is not None]
    q = benjamini_hochberg([row["p"] for row in rows])
    for row, value in zip(rows, q, strict=True):
        row["q"] = float(value)
        row["differs"] = bool(value <= ALPHA)
    return rows


def summarise(
    first: Figures,
    second: Figures,
    *,
    runs: Mapping[str, Mapping[str, Any]],
    paired: bool,
    limits: Sequence[str],
) -> dict[str, Any]:
    """The summary, in JSON types; warnings, and settings that differ, are added by who knows them.

    Args:
        runs: ``a`` and ``b`` -> name, model and images used. first, second: their figures.
        paired: Whether ``draws`` of both are on the same resamples.
    """
    from clipprobe.runs import jsonio

    rows = find_differences(first, second, paired=paired)
    tested = int(np.isfinite([row["p"] for row in rows]).sum())
    a, b = (runs[side]["name"] for side in ("a", "b"))
    how = "paired over the same images" if paired else "as if independent"
    summary: dict[str, Any] = jsonio.plain(
        {
            "kind": KIND,
            "schema_version": 1,
            "runs": runs,
            "paired": paired,
            "headline": [
                share_of_tests(
                    "differences that stand out",
                    sum(row["differs"] for row in rows),
                    tested,
                    f"of the tested differences between {a} (A) and {b} (B), {how}",
                )
            ],
            "n": {
                "shared": len(rows),
                "only_a": n_listed(first) - len(rows),
                "only_b": n_listed(second) - len(rows),
            },
            "family_size": tested,
            "n_differ": sum(row["differs"] for row in rows),
            "differences": rows,
            "warnings": (),
            "settings": (),
            "limits": limits,
        }
    )
    return summary


def n_listed(figures: Figures) -> int:
    """How many of them have a value."""
    return sum(row["value"] is not None for row in figures.values())


def paired_difference(a: Floats, b: Floats, value: float, n: int) -> tuple[Estimate, float]:
    """The difference ``value`` with its interval and two-sided p from paired resamples ``(b,)``.

    A normal interval, because 200 draws give a standard error and no tail.
    """
    from scipy.stats import norm

    se = float((b - a).std(ddof=1))
    method = f"paired: standard error from {len(a)} common resamples, {100 * LEVEL:g} %"
    if not se > LEAST_SE:
        reason = "both are the same on every resample" if value == 0 else "no resample differs"
        return _without(value, n, reason, method), math.nan
    half = float(norm.ppf(0.5 + LEVEL / 2)) * se
    estimate = Estimate(value=value, low=value - half, high=value + half, n=n, method=method)
    return estimate, float(2 * norm.sf(abs(value) / se))


def unpaired_difference(a: Mapping[str, Any], b: Mapping[str, Any], n: int) -> Estimate:
    """The difference of two figures over different images, from both intervals (MOVER)."""
    value = b["value"] - a["value"]
    if any(one[end] is None for one in (a, b) for end in ("low", "high")):
        return _without(value, n, "one of the two has no interval")
    low, high = mover(*((one["value"], one["low"], one["high"]) for one in (b, a)))
    return Estimate(
        value=value, low=low, high=high, n=n,
        method=f"from both intervals, as if independent (MOVER), {100 * LEVEL:g} %",
    )  # fmt: skip


def changes(summary: Mapping[str, Any]) -> Iterator[Change]:
    """How far each figure of a comparison moved away from 0, where both have an interval.

    Nearer to 0 is a smaller difference between groups. There are many figures, so the intervals
    are widened until 95 % of *all* hold together (Bonferroni).
    """
    from scipy.stats import norm

    rows = [
        row
        for row in summary["differences"]
        if row["difference"]["low"] is not None
        and (row["measure"] in _EFFECTS or " difference" in row["measure"])
    ]
    wider = norm.ppf(1 - ALPHA / (2 * max(1, len(rows)))) / norm.ppf(1 - ALPHA / 2)
    for row in rows:
        a, b, difference = row["a"]["value"], row["b"]["value"], row["difference"]
        away = abs(b) - abs(a)
        down, up = difference["value"] - difference["low"], difference["high"] - difference["value"]
        if b < 0:  # then up is what brings B nearer to 0
            down, up = up, down
        about = (row["item"], row["column"], row["group"], row["reference"])
        yield Change(
            name=" ".join(part for part in (row["measure"], *about) if part) + ", distance from 0",
            difference={
                "value": away, "low": away - wider * down, "high": away + wider * up,
                "n": difference["n"],
                "method": f"{difference['method']}, for {len(rows)} figures together",
                "reason": "",
            },
            better="lower",
        )  # fmt: skip


def _difference(
    key: tuple[Any, ...], a: dict[str, Any], b: dict[str, Any], *, paired: bool
) -> dict[str, Any] | None:
    if a["value"] is None or b["value"] is None or _nearly_the_same(a, b):
        return None
    p, n = math.nan, b["n"] + b["n_reference"]
    inferred = a["status"] == b["status"] == "inferred"
    if _is_extreme(a):
        difference = _without(b["value"] - a["value"], n, "a maximum or mean of absolute values: "
                         "resampling shifts it")  # fmt: skip
    elif not inferred:
        difference = _without(b["value"] - a["value"], n, "too few images to infer from")
    elif paired and a["draws"] is not None and b["draws"] is not None:
        difference, p = paired_difference(a["draws"], b["draws"], b["value"] - a["value"], n)
    elif paired:
        difference = _without(b["value"] - a["value"], n, "this figure is not paired")
    else:
        difference = unpaired_difference(a, b, n)
    return {
        **dict(zip(KEY, key, strict=True)),
        "a": _side(a), "b": _side(b), "difference": difference, "p": p,
    }  # fmt: skip


def _nearly_the_same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether the figures are about fewer than ten images more or less: their difference would be
    those images'."""
    return any(0 < abs(a[n] - b[n]) < SHOW_FROM for n in ("n", "n_reference"))


def _is_extreme(row: Mapping[str, Any]) -> bool:
    return row["reference"] == LARGEST_MINUS_SMALLEST or row["measure"] in _EXTREMES


def _without(value: float, n: int, reason: str, method: str = "difference only") -> Estimate:
    return replace(undefined(reason, n=n, method=method), value=value)


def _side(row: Mapping[str, Any]) -> Estimate:
    if row["value"] is None:
        return undefined(row["reason"], n=row["n"])
    low, high = (math.nan if row[end] is None else row[end] for end in ("low", "high"))
    reason = row["reason"] or ("value only" if math.isnan(low) or math.isnan(high) else "")
    return Estimate(
        value=row["value"], low=low, high=high, n=row["n"] + row["n_reference"],
        method=row["method"], reason=reason,
    )  # fmt: skip


def differences_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """The differences as a ``pyarrow.Table``; undefined is null."""
    import pyarrow as pa

    flat = [
        {name: row[name] for name in KEY}
        | {"a": row["a"]["value"], "b": row["b"]["value"]}
        | {name: row["difference"][name] for name in ("value", "low", "high", "n", "method")}
        | {name: row[name] for name in ("p", "q", "differs")}
        | {"reason": row["difference"]["reason"]}
        for row in rows
    ]
    text = ("probe", "measure", "item", "column", "group", "reference", "method", "reason")
    kinds = dict.fromkeys(text, pa.string()) | {"k": pa.int64(), "n": pa.int64()}
    kinds["differs"] = pa.bool_()
    names = list(flat[0])
    return pa.Table.from_pylist(
        flat, schema=pa.schema([(name, kinds.get(name, pa.float64())) for name in names])
    )
