"""Two typographic audits side by side: what changed, paired over picture, word and condition.

Used to compare models, a model with and without a defence, or two ways of writing. Differences are
B minus A, over the rows that both runs have; every test is an exact McNemar test, corrected by Holm
over the tests of one comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from attacks.typographic.report.comparison_page import comparison_page, comparison_text
from attacks.typographic.report.summary import columns_of, natural_outcomes, written_outcomes
from attacks.typographic.scoring.metrics import Outcomes, paired, rate
from attacks.typographic.settings import TypographicComparison
from attacks.typographic.withholding import require_answers
from clipprobe.errors import RunFolderError
from clipprobe.figures.typographic import ORDER, TITLES
from clipprobe.runs import Run, RunView, jsonio, load_run
from clipprobe.runs.differences import differing
from clipprobe.statistics import (
    cluster_bootstrap,
    difference_of_estimates,
    difference_of_paired_proportions,
    holm,
    mcnemar,
)
from clipprobe.study import Outcome, Plan, Study, carry_out

__all__ = ["COMPARISON", "compare_runs", "comparison_page", "comparison_text", "differences"]

KIND = "typographic-comparison"
#: Settings that must be the same for two audits to answer one question.
SAME = ("classes", "synonyms")


def compare_runs(a: RunView, b: RunView, *, out: Path | None, seed: int) -> dict[str, Any]:
    """Compare two complete audits.

    Args:
        out: The run folder for the comparison, if one is wanted.
        seed: Of the bootstrap.
    Returns:
        The summary: what was shared, the differences with intervals and tests, in JSON types.
    Raises:
        RunFolderError: the two are not comparable; the message says why.
    """
    settings = TypographicComparison(a=a.path, b=b.path, out=out, seed=seed)
    return carry_out(COMPARISON, settings, None).value


def prepare_comparison(settings: TypographicComparison, clip: None = None) -> Plan[dict[str, Any]]:
    """Read both audits, and refuse what cannot be compared."""
    a, b = load_run(settings.a), load_run(settings.b)
    apart = refuse_incomparable(a, b)
    first, second = _outcomes(a), _outcomes(b)
    both = (name for name in first if name in second)
    if not any(len(np.intersect1d(first[name].pair, second[name].pair)) for name in both):
        raise RunFolderError(
            f"{a.path} and {b.path} share no picture with the same word and condition: audit the "
            "same pictures with the same words, for example by giving both the same --seed."
        )
    runs = {name: view.about() for name, view in (("a", a), ("b", b))}

    def execute(run: Run) -> Outcome[dict[str, Any]]:
        rows, n = differences(first, second, seed=settings.seed)
        summary = _summary(runs, rows, n, apart)
        return Outcome(
            value=summary,
            files=[],
            summary=lambda: summary,
            page=lambda run: comparison_page(summary),
            used=n["pairs"],
        )

    return Plan(
        config={"runs": runs, "seed": settings.seed},
        execute=execute,
        seed=settings.seed,
        dataset=a.manifest.get("dataset"),
    )


def _summary(
    runs: Mapping[str, Any],
    rows: list[dict[str, Any]],
    n: Mapping[str, int],
    apart: list[tuple[str, Any, Any]],
) -> dict[str, Any]:
    summary: dict[str, Any] = jsonio.plain(
        {
            "kind": KIND,
            "schema_version": 1,
            "headline": [
                {
                    "name": row["name"],
                    "estimate": row["difference"],
                    "meaning": f"{row['name']}: B minus A over the same pictures and words",
                }
                for row in rows
            ],
            "runs": runs,
            "n": n,
            "differences": rows,
            "warnings": _warnings(apart, n),
            "settings": [{"name": s, "a": x, "b": y} for s, x, y in apart],
        }
    )
    return summary


def refuse_incomparable(a: RunView, b: RunView) -> list[tuple[str, Any, Any]]:
    """The settings other than the model that differ, where the two can be compared.

    Raises:
        RunFolderError: other pictures, other classes, or written words against photographed ones.
    """
    if a.path.resolve() == b.path.resolve():
        raise RunFolderError(f"{a.path} was given twice: give two runs.")
    if a.summary["natural"] != b.summary["natural"]:
        raise RunFolderError(
            f"One of {a.path} and {b.path} wrote its words and the other photographed them: "
            "compare two of one kind."
        )
    configs = [a.read_json("config.json")["config"], b.read_json("config.json")["config"]]
    for run in (a, b):
        require_answers(run)
    found = differing(configs[0], configs[1])
    for name, x, y in found:
        top = name.partition(".")[0]
        if top == "dataset":
            raise RunFolderError(
                f"{a.path} and {b.path} used other pictures ({name} {_short(x)} and {_short(y)}): "
                "audit one data set twice to compare."
            )
        if top in SAME:
            raise RunFolderError(
                f"{a.path} and {b.path} chose among other answers ({name} {_short(x)} and "
                f"{_short(y)}): give both audits the same --classes and --synonyms."
            )
    return [item for item in found if item[0].partition(".")[0] != "model"]


def differences(
    first: Mapping[str, Outcomes], second: Mapping[str, Outcomes], *, seed: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Rows of paired differences, B minus A, and how many pairs each side has."""
    rows: list[dict[str, Any]] = []
    for kind in (name for name in ORDER if name in first and name in second):
        x, y = paired(first[kind], second[kind])
        if kind == "clean":  # stands once for each word: it counts once
            keep = np.unique(x.cluster, return_index=True)[1]
            x, y = x.take(keep), y.take(keep)
        if len(x.pair):
            rows.append(_difference(f"accuracy, {TITLES[kind]}", x, y, "correct", seed))
        if kind == "attack":
            keep = np.flatnonzero(x.has_target & y.has_target)
            if len(keep):
                x, y = x.take(keep), y.take(keep)
                rows.append(_difference("targeted success", x, y, "hit", seed))
    reading = _reading(first, second, seed)
    if reading is not None:
        rows.append(reading)
    tested = [row for row in rows if row["mcnemar_p"] is not None]
    for row, p in zip(tested, holm([row["mcnemar_p"] for row in tested]), strict=True):
        row["holm_p"] = float(p)
    n = {"pairs": 0, "only_a": 0, "only_b": 0}
    if "attack" in first and "attack" in second:
        shared = len(np.intersect1d(first["attack"].pair, second["attack"].pair))
        n = {
            "pairs": shared,
            "only_a": len(first["attack"].pair) - shared,
            "only_b": len(second["attack"].pair) - shared,
        }
    return rows, n


def _difference(name: str, x: Outcomes, y: Outcomes, outcome: str, seed: int) -> dict[str, Any]:
    before, after = getattr(x, outcome), getattr(y, outcome)
    independent = len(np.unique(x.cluster)) == len(x.cluster)
    clusters = None if independent else x.cluster
    return {
        "name": name,
        "a": rate(before, x.cluster, seed=seed),
        "b": rate(after, x.cluster, seed=seed),
        "difference": difference_of_paired_proportions(after, before, clusters=clusters, seed=seed),
        "mcnemar_p": mcnemar(before, after) if independent else None,
        "holm_p": None,
        "reason": "" if independent else "no test: several rows belong to one cluster",
    }


def _reading(
    first: Mapping[str, Outcomes], second: Mapping[str, Outcomes], seed: int
) -> dict[str, Any] | None:
    """The difference of the reading effects: a difference of differences over the same pairs."""
    if any(k not in side for side in (first, second) for k in ("attack", "nonsense")):
        return None
    names = first["attack"].pair[first["attack"].has_target]
    for outcomes in (first["nonsense"], second["attack"], second["nonsense"]):
        names = np.intersect1d(names, outcomes.pair[outcomes.has_target])
    if not len(names):
        return None
    sides = [[_at(side[k], names) for k in ("attack", "nonsense")] for side in (first, second)]
    clusters = sides[0][0].cluster
    drawn: dict[str, Any] = {"clusters": clusters, "seed": seed}
    if len(np.unique(clusters)) == len(clusters):
        drawn["clusters"] = None
    # As each audit computes it, so that both say the same of the same pairs.
    effects = [
        difference_of_paired_proportions(attack.hit, nonsense.hit, **drawn)
        for attack, nonsense in sides
    ]
    a, b = (attack.hit.astype(float) - nonsense.hit for attack, nonsense in sides)
    difference = cluster_bootstrap(b - a, **drawn)
    if difference.low == difference.high:  # no resample differs, which is not certainty
        difference = difference_of_estimates(
            effects[1], effects[0], n=len(names), why="all pairs changed alike"
        )
    return {
        "name": "reading effect",
        "a": effects[0],
        "b": effects[1],
        "difference": difference,
        "mcnemar_p": None,
        "holm_p": None,
        "reason": "no test: a difference of differences is no yes/no outcome; see its interval",
    }


def _at(outcomes: Outcomes, names: Any) -> Outcomes:
    _, rows, _ = np.intersect1d(outcomes.pair, names, return_indices=True)
    return outcomes.take(rows)


def _outcomes(view: RunView) -> dict[str, Outcomes]:
    data = columns_of(view.read_table("results.parquet"))
    return natural_outcomes(data) if view.summary["natural"] else written_outcomes(data)


def _warnings(settings: list[tuple[str, Any, Any]], n: Mapping[str, int]) -> list[str]:
    found = []
    if settings:
        shown = "; ".join(f"{s} {_short(x)} and {_short(y)}" for s, x, y in settings[:4])
        more = f" and {len(settings) - 4} more" if len(settings) > 4 else ""
        found.append(
            f"The runs differ in more than the model or instead of it ({shown}{more}): the "
            "difference is that of all of it together."
        )
    if n["only_a"] or n["only_b"]:
        found.append(
            f"{n['only_a']} attacked picture(s) stand only in A and {n['only_b']} only in B: they "
            "are left out."
        )
    return found


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


COMPARISON = Study(
    kind=KIND,
    settings=TypographicComparison,
    prepare=prepare_comparison,
    load=lambda view: view.summary,
)
