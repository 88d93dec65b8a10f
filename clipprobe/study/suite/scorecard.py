"""The scorecard of a suite: one figure per study, its verdict, and a block for a model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipprobe.errors import ThresholdCrossedError
from clipprobe.report.numbers import format_cell
from clipprobe.report.words import count_of, counted
from clipprobe.runs import RunView
from clipprobe.runs.manifest import SEAL
from clipprobe.study.suite.entry import Entry

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, kw_only=True)
class Score:
    """One study of a suite, as the scorecard shows it."""

    name: str
    """Of the entry, and of its folder."""
    study: str
    title: str
    """The heading of the study on the page."""
    run: RunView
    figure: Mapping[str, Any]
    """The headline number: name, estimate and meaning."""
    thresholds: Mapping[str, Mapping[str, float]]
    """``fail_under`` and ``fail_over``, where they were given."""
    crossed: str
    """Which threshold was crossed, and by what; empty where none was."""

    @property
    def verdict(self) -> str:
        """What the thresholds say of the run."""
        if not self.thresholds:
            return "no threshold"
        return f"crossed: {self.crossed}" if self.crossed else f"kept: {self.limits}"

    @property
    def limits(self) -> str:
        """The thresholds in words."""
        words = {"fail_under": "at least", "fail_over": "at most"}
        return "; ".join(
            f"{name} {words[side]} {limit:g}"
            for side, limits in self.thresholds.items()
            for name, limit in limits.items()
        )

    def to_json(self) -> dict[str, Any]:
        """The entry of ``summary.json``."""
        return {
            "name": self.name,
            "study": self.study,
            "kind": self.run.kind,
            SEAL: self.run.manifest[SEAL],
            "figure": self.figure["name"],
            "estimate": self.figure["estimate"],
            "thresholds": {side: dict(limits) for side, limits in self.thresholds.items()},
            "crossed": self.crossed,
        }


def scores_of(
    entries: Sequence[Entry], views: Mapping[str, RunView], titles: Mapping[str, str] | None = None
) -> list[Score]:
    """The scores of finished runs, in the order of the entries."""
    return [
        Score(
            name=entry.name,
            study=entry.study,
            title=(titles or {}).get(entry.name, entry.name),
            run=views[entry.name],
            figure=_figure(entry, views[entry.name].summary),
            thresholds=entry.thresholds(),
            crossed=_crossed(entry, views[entry.name].summary),
        )
        for entry in entries
    ]


def summarise(kind: str, clip: Clip, scores: Sequence[Score]) -> dict[str, Any]:
    """``summary.json``: the headline number of each study, and the block for a model card."""
    return {
        "kind": kind,
        "schema_version": 1,
        "headline": [
            {**one.figure, "name": f"{one.title}: {one.figure['name'].replace('_', ' ')}"}
            for one in scores
        ],
        "runs": [one.to_json() for one in scores],
        "model_card": card(clip, scores),
    }


def card(clip: Clip, scores: Sequence[Score]) -> str:
    """The scorecard as Markdown, for a model card."""
    model = clip.provenance()["model"]
    rows = [
        [one.title, one.figure["name"], *cells(one.figure["estimate"]), one.verdict]
        for one in scores
    ]
    revision = f" ({model['revision']})" if model["revision"] else ""
    lines = [
        "## Evaluation with clipprobe",
        "",
        f"{model['id']}{revision}, weights sha256 `{model['weights_sha256']}`.",
        "",
        "| study | figure | value [95 % interval] | n | threshold |",
        "|---|---|---|---|---|",
        *("| " + " | ".join(_text(cell) for cell in row) + " |" for row in rows),
        "",
    ]
    return "\n".join(lines)


def headline_lines(summary: Mapping[str, Any]) -> list[str]:
    """One line for each study, for the terminal."""
    return [f"{item['name']}: {_line(item['estimate'])}" for item in summary["headline"]]


def _line(estimate: Mapping[str, Any]) -> str:
    """An estimate on the terminal; a census as the count that it is."""
    return format_cell(estimate) if estimate["low"] is not None else census(estimate)


def census(estimate: Mapping[str, Any]) -> str:
    """A number without an interval: the count that a share is, else the number with its n."""
    value, n = estimate["value"], estimate["n"]
    if value is None or count_of(value, n) is None:
        return format_cell(estimate)
    return counted(estimate)


def cells(estimate: Mapping[str, Any]) -> tuple[str, str]:
    """An estimate as a value with its interval, and its n."""
    n = f"{estimate['n']:,}"
    if estimate["value"] is None:
        return f"undefined ({estimate.get('reason') or 'no reason given'})", n
    if estimate["low"] is None:
        return f"{census(estimate).partition(' [')[0]} (no interval)", n
    return format_cell(estimate).partition(" n=")[0], n


def _figure(entry: Entry, summary: Mapping[str, Any]) -> Mapping[str, Any]:
    headline: list[dict[str, Any]] = summary.get("headline") or []
    matches = (item for item in headline if item["name"] == entry.made_by.headline)
    nothing = {
        "name": "nothing",
        "estimate": {"value": None, "low": None, "high": None, "n": 0, "reason": "no headline"},
        "meaning": "this run has no headline number",
    }
    return next(matches, headline[0] if headline else nothing)


def _crossed(entry: Entry, summary: Mapping[str, Any]) -> str:
    enforce = entry.made_by.enforce
    try:
        if enforce is not None:
            enforce(entry.settings, summary)
    except ThresholdCrossedError as error:
        return str(error)
    return ""


def _text(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")
