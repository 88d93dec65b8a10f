"""Two audits of zero-shot or few-shot classification side by side; differences are B minus A.

Zero-shot audits that hold answers are compared over the images that both used (McNemar's test and a
paired interval). Every other figure is compared by its printed interval, as if independent, which
is rather too wide where the images are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from clipprobe.errors import RunFolderError
from clipprobe.report import Page, Section, Table, Warning
from clipprobe.report.numbers import format_cell
from clipprobe.runs import RunView, jsonio, load_run
from clipprobe.runs.differences import differing
from clipprobe.settings.shared import TwoRuns
from clipprobe.statistics import (
    Estimate,
    difference_of_estimates,
    difference_of_paired_proportions,
    mcnemar,
)
from clipprobe.study import Change, Outcome, Plan, Study

_RESULTS = "results.parquet"


def _study(kind: str) -> Study[TwoRuns, dict[str, Any]]:
    def prepare(settings: TwoRuns, clip: None = None) -> Plan[dict[str, Any]]:
        a, b = load_run(settings.a), load_run(settings.b)
        if a.path.resolve() == b.path.resolve():
            raise RunFolderError(f"{a.path} was given twice: give two runs.")
        rows = _rows(a, b, settings.seed)
        differing_in = differing(*(view.read_json("config.json")["config"] for view in (a, b)))
        runs = {name: view.about() for name, view in (("a", a), ("b", b))}
        summary = jsonio.plain(
            {
                "kind": f"{kind}-comparison",
                "headline": [
                    {
                        "name": row["name"],
                        "estimate": row["difference"],
                        "meaning": f"{row['name']}: B minus A",
                    }
                    for row in rows
                ],
                "runs": runs,
                "settings": [[name, str(one), str(other)] for name, one, other in differing_in],
                "differences": rows,
            }
        )
        return Plan(
            config={"runs": runs, "seed": settings.seed},
            execute=lambda run: Outcome(
                value=summary,
                files=[],
                summary=lambda: summary,
                page=lambda run: _page(a, b, summary),
                used=len(rows),
            ),
            seed=settings.seed,
        )

    return Study(
        kind=f"{kind}-comparison",
        settings=TwoRuns,
        prepare=prepare,
        load=lambda view: dict(view.summary),
        text=comparison_text,
        changes=changes,
    )


def _rows(a: RunView, b: RunView, seed: int) -> list[dict[str, Any]]:
    rows = list(_paired(a, b, seed))
    taken = {row["name"] for row in rows}
    first = {item["name"]: item["estimate"] for item in a.summary["headline"]}
    for item in b.summary["headline"]:
        name = item["name"]
        if name in first and name not in taken:
            before, after = _estimate(first[name]), _estimate(item["estimate"])
            change = difference_of_estimates(after, before, n=min(before.n, after.n))
            rows.append({"name": name, "n": change.n, "p": None, "difference": change.to_json()})
    if not rows:
        raise RunFolderError(f"{a.path} and {b.path} have no figure in common to compare.")
    return rows


def comparison_text(summary: Mapping[str, Any]) -> str:
    """Lines for the terminal."""
    lines = [f"setting {name}: {one} -> {other}" for name, one, other in summary["settings"]]
    lines += [
        f"{row['name']:<28} {format_cell(row['difference'])}"
        + (f" p={row['p']:.3g}" if row["p"] is not None else "")
        for row in summary["differences"]
    ]
    return "\n".join(lines)


def changes(summary: Mapping[str, Any]) -> Iterator[Change]:
    """Every figure is an accuracy but for the error of calibration."""
    for row in summary["differences"]:
        better: Literal["higher", "lower"] = (
            "lower" if row["name"] == "calibration_error" else "higher"
        )
        yield Change(name=row["name"], difference=row["difference"], better=better)


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


def _estimate(data: Mapping[str, Any]) -> Estimate:
    return Estimate.from_json(data)


def _page(a: RunView, b: RunView, summary: Mapping[str, Any]) -> Page:
    return Page(
        title=f"{b.path.name} against {a.path.name}",
        subtitle="Differences are B minus A.",
        sections=[
            Section(
                "Differences",
                [
                    *(
                        Warning(f"The setting {name} differs: {one} and {other}.")
                        for name, one, other in summary["settings"]
                        if not name.startswith("model")
                    ),
                    Table(
                        ["figure", "B minus A", "p"],
                        [[r["name"], r["difference"], r["p"]] for r in summary["differences"]],
                        "With 95 % intervals; p of McNemar's test where images are paired.",
                    ),
                ],
            )
        ],
        provenance=dict(summary["runs"]),
    )


ZEROSHOT, FEW_SHOT = _study("zeroshot"), _study("few-shot")
