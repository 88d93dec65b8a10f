"""What the audits of groups say on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.cli.common import result, say

if TYPE_CHECKING:
    from clipprobe.runs import RunView


def headline_text(run: RunView) -> str:
    """The headline, one line a number, with what each means."""
    from clipprobe.report.numbers import format_cell

    return "\n".join(
        f"{item['name']}: {format_cell(item['estimate'])}\n    {item['meaning']}"
        for item in run.summary["headline"]
    )


def tell(run: RunView, notes: list[str], *, as_json: bool) -> None:
    """Say what a reader must know, where the report is, and the headline."""
    for note in notes:
        say(note)
    say(f"The report is {run.path / 'report.html'}.")
    result(
        {"run": run.path, "summary": run.summary}, as_json=as_json, text=lambda: headline_text(run)
    )
