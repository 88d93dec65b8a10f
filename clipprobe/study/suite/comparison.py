"""Two suites side by side: each study that both ran, compared as its own kind is compared.

Paired where the runs share images, with the interval of the difference; a kind decides itself what
it pairs (bias reports do not). A figure is *worse* where its interval lies wholly on the bad side.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipprobe.errors import ClipprobeError, ConfigError, RunFolderError, ThresholdCrossedError
from clipprobe.report import Page, Paragraph, Section, Table, Warning
from clipprobe.report.numbers import format_cell
from clipprobe.report.opening import compared
from clipprobe.report.words import parts_of
from clipprobe.runs import Run, RunView, jsonio, load_run
from clipprobe.settings.shared import TwoRuns
from clipprobe.study.comparison import compare_runs
from clipprobe.study.plan import Change, Outcome, Plan, Study
from clipprobe.study.suite.engine import load_parts
from clipprobe.study.table import COMPARISONS

KIND = "suite-comparison"


def prepare_comparison(settings: TwoRuns, clip: None = None) -> Plan[dict[str, Any]]:
    """Open both suites with all their runs, and refuse what has nothing to compare."""
    a, b = load_run(settings.a), load_run(settings.b)
    if a.path.resolve() == b.path.resolve():
        raise RunFolderError(f"{a.path} was given twice: give two runs.")
    first, second = load_parts(a), load_parts(b)
    both = [name for name in second if name in first]
    if not both:
        raise RunFolderError(
            f"{a.path} ({', '.join(first)}) and {b.path} ({', '.join(second)}) have no study in "
            "common."
        )
    runs = {side: view.about() for side, view in (("a", a), ("b", b))}

    def execute(run: Run) -> Outcome[dict[str, Any]]:
        studies = [_compared(name, first[name], second[name], settings.seed) for name in both]
        summary = _summary(runs, studies, sorted(first.keys() ^ second.keys()))
        return Outcome(
            value=summary,
            files=[],
            summary=lambda: summary,
            page=lambda run: _page(summary),
            used=len(both),
        )

    return Plan(config={"runs": runs, "seed": settings.seed}, execute=execute, seed=settings.seed)


def against_baseline(run: RunView, baseline: Path, *, seed: int) -> dict[str, Any]:
    """The summary of the comparison of a suite with a stored one.

    Raises:
        RunFolderError: the baseline is not a complete suite with a study in common.
    """
    return compare_runs(load_run(baseline), run, seed=seed)


def refuse_worse(summary: Mapping[str, Any], baseline: Path) -> None:
    """Raise where a figure got worse, or where that cannot be said.

    Raises:
        ThresholdCrossedError: names each study and figure that is worse.
        ConfigError: a study cannot be compared, or none has a figure to hold to the baseline: a
            gate that measures nothing would always be open.
    """
    worse = [
        f"{study['name']}: {one['name']} ({format_cell(one['difference'])})"
        for study in summary["studies"]
        for one in study["changes"]
        if one["worse"]
    ]
    if worse:
        raise ThresholdCrossedError(f"Worse than {baseline}: {'; '.join(worse)}.")
    refused = next((one for one in summary["studies"] if one["refused"]), None)
    if refused is not None:
        raise ConfigError(
            f"The study {refused['name']!r} cannot be held to the baseline: {refused['reason']}"
        )
    if not any(study["changes"] for study in summary["studies"]):
        raise ConfigError(
            f"No study has a figure that can be held to the baseline {baseline}: add one of "
            f"{', '.join(COMPARISONS)} to both suites."
        )


def suite_text(summary: Mapping[str, Any]) -> str:
    """The comparison as lines for the terminal, study by study."""
    lines = []
    for study in summary["studies"]:
        lines.append(f"{study['name']} ({study['kind']})")
        if study["summary"] is None:
            lines.append(f"  not compared: {study['reason']}")
            continue
        text = COMPARISONS[study["kind"]].text
        if text is not None:
            lines += [f"  {line}" for line in text(study["summary"]).split("\n")]
        lines += [f"  worse: {one['name']}" for one in study["changes"] if one["worse"]]
    lines += [f"{name}: only one of the two suites has it" for name in summary["in_one_only"]]
    return "\n".join(lines)


def is_worse(change: Change) -> bool:
    """Whether the whole interval of the difference lies on the bad side."""
    _, low, high, _, _ = parts_of(change.difference)
    if change.better == "higher":
        return high is not None and high < 0
    return low is not None and low > 0


def _compared(name: str, a: RunView, b: RunView, seed: int) -> dict[str, Any]:
    """One study of both suites."""
    change: dict[str, Any] = {
        "name": name, "kind": b.kind, "summary": None, "refused": False, "reason": "",
        "changes": [],
    }  # fmt: skip
    if a.kind == b.kind and b.kind not in COMPARISONS:
        return {**change, "reason": f"Runs of the kind {b.kind!r} are not compared."}
    try:
        summary = compare_runs(a, b, seed=seed)
    except ClipprobeError as error:
        return {**change, "refused": True, "reason": str(error)}
    changes = COMPARISONS[b.kind].changes
    rows = [] if changes is None else list(changes(summary))
    return {
        **change,
        "summary": summary,
        "changes": [
            {"name": one.name, "difference": one.difference, "better": one.better,
             "worse": is_worse(one)}
            for one in rows
        ],
    }  # fmt: skip


def _summary(runs: Any, studies: list[dict[str, Any]], in_one_only: list[str]) -> dict[str, Any]:
    summary: dict[str, Any] = jsonio.plain(
        {
            "kind": KIND,
            "schema_version": 1,
            "headline": [
                {
                    "name": f"{study['name']}: {item['name']}",
                    "estimate": item["estimate"],
                    "meaning": item["meaning"],
                }
                for study in studies
                for item in (study["summary"] or {}).get("headline", [])
            ],
            "runs": runs,
            "studies": studies,
            "in_one_only": in_one_only,
            "worse": [
                f"{study['name']}: {one['name']}"
                for study in studies
                for one in study["changes"]
                if one["worse"]
            ],
        }
    )
    return summary


def _page(summary: Mapping[str, Any]) -> Page:
    runs = summary["runs"]
    sections = []
    for study in summary["studies"]:
        rows = [[one["name"], one["difference"], one["worse"]] for one in study["changes"]]
        blocks: list[Any] = [Warning(study["reason"])] if study["reason"] else []
        if rows:
            caption = "B minus A with 95 % intervals; worse where the whole interval is."
            blocks.append(Table(["figure", "B minus A", "worse"], rows, caption))
        elif not blocks:
            blocks.append(Paragraph("Nothing in it can get better or worse."))
        sections.append(Section(study["name"], blocks))
    return Page(
        title=f"{runs['b']['name']} against {runs['a']['name']}",
        subtitle=f"A: {runs['a']['model']}. B: {runs['b']['model']}. Differences are B minus A.",
        sections=sections,
        provenance=dict(runs),
        lead=compared(
            [
                (f"{study['name']}: {one['name'].replace('_', ' ')}", one["difference"])
                for study in summary["studies"]
                for one in study["changes"]
            ],
            control=f"{len(summary['worse'])} are worse: their whole interval lies on the bad "
            "side. Each study is compared as its own kind is.",
        ),
    )


COMPARISON: Study[TwoRuns, dict[str, Any]] = Study(
    kind=KIND,
    settings=TwoRuns,
    prepare=prepare_comparison,
    load=lambda view: view.summary,
    text=suite_text,
)
