"""``clipprobe compare``: two runs of one kind, paired over what both measured.

How runs of a kind are compared stands beside what makes them: a module with ``compare_runs`` and
``comparison_text``, named in :data:`COMPARERS` and imported when it is needed.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer

from clipprobe.cli.common import JsonOption, SeedOption, out_option, result, say
from clipprobe.errors import RunFolderError

#: Kind of the runs -> module with
#: ``compare_runs(a: RunView, b: RunView, *, out: Path | None, seed: int) -> dict`` (JSON types; it
#: writes ``summary.json``, ``report.html`` and ``report.md`` into ``out`` where one is given) and
#: ``comparison_text(summary: dict) -> str``, its lines for the terminal.
COMPARERS = {
    "typographic": "attacks.typographic.report.comparison",
    "few-shot": "clipprobe.zeroshot.comparison",
    "zeroshot": "clipprobe.zeroshot.comparison",
    "bias": "attacks.bias.report.comparison",
    "bias-written": "attacks.bias.report.comparison",
}


def register(app: typer.Typer) -> None:
    """Add ``compare``."""
    app.command("compare")(compare)


def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A complete run folder.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another of the same kind.")],
    out: Annotated[
        Path | None,
        out_option("A folder for the report of the comparison."),
    ] = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Compare two runs, paired over the images that both used; differences are B minus A."""
    from clipprobe.runs import load_run

    a, b = load_run(run_a), load_run(run_b)
    if a.kind != b.kind:
        raise RunFolderError(
            f"{run_a} is of the kind {a.kind!r} and {run_b} of the kind {b.kind!r}: give two runs "
            "of one kind."
        )
    if a.kind not in COMPARERS:
        raise RunFolderError(
            f"Runs of the kind {a.kind!r} cannot be compared; those of these kinds can: "
            f"{', '.join(COMPARERS)}."
        )
    for view in (a, b):
        if not view.summary:
            raise RunFolderError(f"The run {view.path} has no summary to compare: make it again.")
    module = importlib.import_module(COMPARERS[a.kind])
    summary = module.compare_runs(a, b, out=out, seed=seed)
    result(summary, as_json=as_json, text=lambda: module.comparison_text(summary))
    if out is not None:
        say(f"report: {out / 'report.html'}")
