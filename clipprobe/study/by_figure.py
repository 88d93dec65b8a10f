"""Two runs of one kind side by side, figure by figure; differences are B minus A.

Figures that a kind can pair (over images, or cases) are compared so. Every other figure of the
headline is compared by its printed interval, as if independent, which is rather too wide where the
images are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Literal

from clipprobe.errors import RunFolderError
from clipprobe.report import Page, Section, Table, Warning
from clipprobe.report.numbers import format_cell
from clipprobe.report.opening import compared
from clipprobe.runs import RunView, jsonio, load_run
from clipprobe.runs.differences import differing
from clipprobe.settings.shared import TwoRuns
from clipprobe.statistics import Estimate, difference_of_estimates
from clipprobe.study.plan import Change, Outcome, Plan, Study

Paired = Callable[[RunView, RunView, int], Iterable[dict[str, Any]]]
"""Two runs and a seed to rows ``name, n, p, difference`` of what is paired."""


def comparison_of(
    kind: str, paired: Paired, *, lower_is_better: Collection[str] = ()
) -> Study[TwoRuns, dict[str, Any]]:
    """The study that compares two runs of a kind.

    Args:
        lower_is_better: Figures, by name, that are; the others are better when higher.
    """

    def changes(summary: Mapping[str, Any]) -> Iterator[Change]:
        for row in summary["differences"]:
            better: Literal["higher", "lower"] = (
                "lower" if row["name"] in lower_is_better else "higher"
            )
            yield Change(name=row["name"], difference=row["difference"], better=better)

    def prepare(settings: TwoRuns, clip: None = None) -> Plan[dict[str, Any]]:
        a, b = load_run(settings.a), load_run(settings.b)
        if a.path.resolve() == b.path.resolve():
            raise RunFolderError(f"{a.path} was given twice: give two runs.")
        rows = _rows(a, b, paired, settings.seed)
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


def _rows(a: RunView, b: RunView, paired: Paired, seed: int) -> list[dict[str, Any]]:
    rows = list(paired(a, b, seed))
    names = {row["name"] for row in rows}
    first = {item["name"]: item["estimate"] for item in a.summary["headline"]}
    for item in b.summary["headline"]:
        name = item["name"]
        if name in first and name not in names:
            before, after = map(Estimate.from_json, (first[name], item["estimate"]))
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
        lead=compared(
            [(row["name"].replace("_", " "), row["difference"]) for row in summary["differences"]],
            control="Figures that pair over images are paired; the others are compared as if the "
            "runs were independent.",
        ),
    )
