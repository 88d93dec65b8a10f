"""The opening of an audit of limits: what the model cannot tell apart, and where it is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from clipprobe.report import Intervals, Lead
from clipprobe.report.opening import MOST_ROWS
from clipprobe.report.words import share

_SERIES = {"zero_shot": "zero-shot", "image": "probe on the image tower", "mapped": "after one map"}
_WORST_FIRST = (
    "absent in both",
    "absent in the image",
    "absent in the text",
    "misaligned",
    "no linear map aligns",
    "undecided",
)


def lead_of(summary: Mapping[str, Any]) -> Lead:
    """The verdict of an audit of limits, from its summary."""
    tasks = summary["tasks"]
    by_verdict = tasks_by_verdict(tasks)
    order = [name for name in _WORST_FIRST if name in by_verdict]
    order += [name for name in by_verdict if name not in order]
    counts = "; ".join(
        f"{len(by_verdict[name])} {name} ({_listed(by_verdict[name])})" for name in order
    )
    verdict = f"Of {len(tasks)} task{'s' if len(tasks) > 1 else ''}: {counts}"
    first = next(one for one in tasks if one["verdict"]["verdict"] == order[0])
    right = share(first["verdict"]["numbers"]["zero_shot"])
    evidence = (
        f"{first['task'].capitalize()}: zero-shot {right}, chance {100 * first['chance']:.0f} %. "
        "Probes are scored on things that did not fit them; the control is the same network with "
        "random weights."
    )
    rows = sorted(tasks, key=lambda one: order.index(one["verdict"]["verdict"]))[: MOST_ROWS - 2]
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[
                (
                    one["task"],
                    f"{one['verdict']['verdict']}; chance {100 * one['chance']:.0f} %",
                    [one["verdict"]["numbers"].get(name) for name in _SERIES],
                )
                for one in rows
            ],
            series=tuple(_SERIES.values()),
            axis="share right, with 95 % intervals"
            + ("" if len(rows) == len(tasks) else f"; {len(tasks) - len(rows)} more tasks below"),
            alt="Share right by zero-shot, by a probe on the image tower and after one linear map",
            percent=True,
        ),
    )


def tasks_by_verdict(tasks: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Every verdict that was given, with its tasks."""
    by_verdict: dict[str, list[str]] = {}
    for one in tasks:
        by_verdict.setdefault(one["verdict"]["verdict"], []).append(one["task"])
    return by_verdict


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
