"""Two bias reports side by side: what changed, paired where the same images were audited.

Differences are B minus A, figure by figure: same probe, measure, item, column, group, reference and
depth. Where both runs audited the same images with one pairing key, both kept what each figure is
on the same 200 bootstrap resamples (:mod:`attacks.bias.pairs`); the standard error of the
difference is that of the paired differences, the interval and the two-sided p are normal. Else the
interval is put together from both runs' own (MOVER, Zou & Donner 2008) and nothing is tested.
Maxima (gap, MaxSkew, mean |d|) get no interval: resampling shifts them, and not alike in two runs.

All tests of one comparison are corrected together (Benjamini-Hochberg).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from attacks.bias.comparison_page import comparison_page, comparison_text
from attacks.bias.pairs import key_mark, read_draws
from attacks.bias.resampling import Floats
from attacks.bias.write import share_of_tests
from clipprobe.errors import RunFolderError
from clipprobe.runs import Run, RunView
from clipprobe.runs.differences import differing
from clipprobe.statistics import Estimate, benjamini_hochberg, undefined

__all__ = ["compare_runs", "comparison_page", "comparison_text"]

KEY = ("probe", "measure", "item", "column", "group", "reference", "k")
ALPHA, LEVEL = 0.05, 0.95
LEAST_SE = 1e-7  # of float32 resamples that do not move


def compare_runs(a: RunView, b: RunView, *, out: Path | None, seed: int) -> dict[str, Any]:
    """Compare two complete bias reports.

    Args:
        out: The run folder for the comparison, if one is wanted.
        seed: Of nothing here: the resamples are those of the runs. Kept for the command.
    Returns:
        The summary: what was shared, and each figure's difference, in JSON types.
    Raises:
        RunFolderError: one run was given twice, or they have no figure in common.
    """
    if a.path.resolve() == b.path.resolve():
        raise RunFolderError(f"{a.path} was given twice: give two runs.")
    unpaired = _why_unpaired(a, b)
    paired = not unpaired
    first, second = _figures(a), _figures(b)
    shared = [key for key in first if key in second]
    found = (_difference(key, first[key], second[key], paired=paired) for key in shared)
    rows = [row for row in found if row is not None]
    if not rows:
        raise RunFolderError(
            f"{a.path} and {b.path} have no figure in common that both could show: ask both the "
            "same probes about the same group columns."
        )
    q = benjamini_hochberg([row["p"] for row in rows])
    for row, value in zip(rows, q, strict=True):
        row["q"] = float(value)
        row["differs"] = bool(value <= ALPHA)
    settings = _settings(a, b)
    n = {
        "shared": len(rows),
        "only_a": len(first) - len(shared),
        "only_b": len(second) - len(shared),
    }
    from clipprobe.runs import jsonio

    summary: dict[str, Any] = jsonio.plain(
        {
            "kind": "bias-comparison",
            "schema_version": 1,
            "runs": {
                name: {**view.about(), "used": view.manifest["counts"]["used"]}
                for name, view in (("a", a), ("b", b))
            },
            "paired": paired,
            "headline": [
                share_of_tests(
                    "differences that stand out",
                    sum(row["differs"] for row in rows),
                    int(np.isfinite([row["p"] for row in rows]).sum()),
                    f"of the tested differences between {a.path.name} (A) and {b.path.name} (B), "
                    f"{'paired over the same images' if paired else 'as if independent'}",
                )
            ],
            "n": n,
            "family_size": int(np.isfinite([row["p"] for row in rows]).sum()),
            "n_differ": sum(row["differs"] for row in rows),
            "differences": rows,
            "warnings": _warnings(unpaired, settings, n),
            "settings": [{"name": s, "a": x, "b": y} for s, x, y in settings],
            "limits": b.summary["limits"],
        }
    )
    if out is not None:
        _write(summary, b, out, seed)
    return summary


def paired_difference(a: Floats, b: Floats, value: float, n: int) -> tuple[Estimate, float]:
    """The difference ``value`` with its interval and two-sided p from paired resamples ``(b,)``.

    A normal interval, because 200 draws give a standard error and no tail.
    """
    from scipy.stats import norm

    se = float((b - a).std(ddof=1))
    method = f"paired: standard error from {len(a)} common resamples, {100 * LEVEL:g} %"
    if not se > LEAST_SE:
        reason = "both are the same on every resample" if value == 0 else "no resample differs"
        found = Estimate(
            value=value, low=math.nan, high=math.nan, n=n, method=method, reason=reason
        )
        return found, math.nan
    half = float(norm.ppf(0.5 + LEVEL / 2)) * se
    found = Estimate(value=value, low=value - half, high=value + half, n=n, method=method)
    return found, float(2 * norm.sf(abs(value) / se))


def unpaired_difference(a: Mapping[str, Any], b: Mapping[str, Any], n: int) -> Estimate:
    """The difference of two figures over different images, from both intervals (MOVER)."""
    value = b["value"] - a["value"]
    if any(one[end] is None for one in (a, b) for end in ("low", "high")):
        return _without(value, n, "one of the two has no interval")
    down = math.hypot(b["value"] - b["low"], a["high"] - a["value"])
    up = math.hypot(b["high"] - b["value"], a["value"] - a["low"])
    return Estimate(
        value=value, low=value - down, high=value + up, n=n,
        method=f"from both intervals, as if independent (MOVER), {100 * LEVEL:g} %",
    )  # fmt: skip


def _difference(
    key: tuple[Any, ...], a: dict[str, Any], b: dict[str, Any], *, paired: bool
) -> dict[str, Any] | None:
    if a["value"] is None or b["value"] is None:
        return None
    p, n = math.nan, b["n"] + b["n_reference"]
    same = paired and (a["n"], a["n_reference"]) == (b["n"], b["n_reference"])
    inferred = a["status"] == b["status"] == "inferred"
    if _is_extreme(a["measure"]):
        found = _without(b["value"] - a["value"], n, "a maximum or mean of absolute values: "
                         "resampling shifts it")  # fmt: skip
    elif not inferred:
        found = _without(b["value"] - a["value"], n, "too few images to infer from")
    elif same and a["draws"] is not None and b["draws"] is not None:
        found, p = paired_difference(a["draws"], b["draws"], b["value"] - a["value"], n)
    elif same:
        found = _without(b["value"] - a["value"], n, "the same images, but no resamples of it kept")
    else:
        found = unpaired_difference(a, b, n)
    return {
        **dict(zip(KEY, key, strict=True)),
        "a": _side(a), "b": _side(b), "difference": found, "p": p,
    }  # fmt: skip


def _is_extreme(measure: str) -> bool:
    return measure.endswith(" gap") or "gap " in measure or measure in (
        "max skew@k", "min skew@k", "mean |d|", "ndkl", "entropy@k",
    )  # fmt: skip


def _without(value: float, n: int, reason: str) -> Estimate:
    return Estimate(
        value=value, low=math.nan, high=math.nan, n=n, method="difference only", reason=reason
    )


def _side(row: Mapping[str, Any]) -> Estimate:
    if row["value"] is None:
        return undefined(row["reason"], n=row["n"])
    low, high = (math.nan if row[end] is None else row[end] for end in ("low", "high"))
    reason = row["reason"] or ("value only" if math.isnan(low) or math.isnan(high) else "")
    return Estimate(
        value=row["value"], low=low, high=high, n=row["n"] + row["n_reference"],
        method=row["method"], reason=reason,
    )  # fmt: skip


def _figures(view: RunView) -> dict[tuple[Any, ...], dict[str, Any]]:
    draws = read_draws(view)
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for i, row in enumerate(view.read_table("cells.parquet").to_pylist()):
        row["draws"] = draws.get(i)
        found.setdefault(tuple(row[name] for name in KEY), row)
    return found


def _why_unpaired(a: RunView, b: RunView) -> str:
    """Why the runs' resamples are not the same; empty where they are."""
    one, other = a.summary.get("pairing"), b.summary.get("pairing")
    # Resamples are drawn within groups and by cluster: those must be the same as well.
    alike = (
        bool(one and other)
        and (one["images"], one["draws"]) == (other["images"], other["draws"])
        and a.summary["groups"] == b.summary["groups"]
        and a.summary["clusters"] == b.summary["clusters"]
    )
    if not alike:
        return (
            "The two runs used other images, groups or clusters, or keep no resamples, so they "
            "are compared as if independent; a part of each difference can be that of the images."
        )
    if key_mark(a) != key_mark(b):
        return (
            "The two runs used the same images, but were made with different pairing keys (on two "
            "machines, or by two people), so they are compared as if independent: intervals are "
            "wider than they need be, and nothing is tested. Make both with one key "
            "(CLIPPROBE_PAIR_KEY) to pair them."
        )
    return ""


def _settings(a: RunView, b: RunView) -> list[tuple[str, Any, Any]]:
    configs = [view.read_json("config.json")["config"] for view in (a, b)]
    return [
        item for item in differing(*configs)
        if item[0].partition(".")[0] not in ("model", "batch_size", "planted")
    ]  # fmt: skip


def _warnings(
    unpaired: str, settings: list[tuple[str, Any, Any]], n: Mapping[str, int]
) -> list[str]:
    found = [unpaired] if unpaired else []
    other = [name for name, _, _ in settings if not name.startswith("settings.")]
    if other:
        found.append(
            "The runs differ in more than the model or instead of it "
            f"({', '.join(other[:5])}{', …' if len(other) > 5 else ''}): the difference is that of "
            "all of it together."
        )
    if n["only_a"] or n["only_b"]:
        found.append(
            f"{n['only_a']} figures stand only in A and {n['only_b']} only in B: they are left out."
        )
    return found


def _write(summary: dict[str, Any], b: RunView, out: Path, seed: int) -> None:
    from clipprobe.report import write_html, write_markdown

    config = {"runs": summary["runs"], "seed": seed}
    with Run.open(out, kind="bias-comparison", config=config) as run:
        if run.complete:
            return
        run.write_json("summary.json", summary)
        run.write_table("differences.csv", _table(summary["differences"]))
        page = comparison_page(summary)
        write_html(page, run.file("report.html"))
        write_markdown(page, run.file("report.md"))
        run.finish(
            counts={"used": summary["n"]["shared"]}, seed=seed, dataset=b.manifest.get("dataset")
        )


def _table(rows: list[dict[str, Any]]) -> Any:
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
