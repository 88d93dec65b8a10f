"""Where a sheet leads: to other sheets beside it, to reports of runs, to the dashboard."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from clipprobe.errors import RunFolderError
from clipprobe.neurons.atlas.showing import sheet_name
from clipprobe.neurons.instruments.store import unit_rows
from clipprobe.neurons.sheet import commands
from clipprobe.neurons.sheet.context import SheetContext
from clipprobe.neurons.sheet.evidence import runs_root
from clipprobe.report import Block, Code, Links, Paragraph, Section

_MOST = 40
"""Links to other sheets."""


def elsewhere(context: SheetContext) -> Section | None:
    """Other sheets that lie beside this one, the reports behind it, and the dashboard."""
    blocks: list[Block] = []
    others = list(other_sheets(context))
    if others:
        blocks += [Paragraph("Sheets of other units beside this one:"), Links(others[:_MOST])]
    reports = list(report_links(context))
    if reports:
        blocks += [Paragraph("The reports of the runs that it is made from:"), Links(reports)]
    if context.atlas.path is not None:
        beside = context.atlas.path.resolve().parent
        root = (runs_root(context.atlas) or beside) if context.near else beside
        run = context.atlas.path.resolve().relative_to(root).as_posix()
        query = urlencode({"run": run, "unit": context.unit.address}, safe="/:")
        blocks += [
            Paragraph("To write on its images, take it out and search on, open the dashboard:"),
            Code(commands.command_line("dashboard", [("runs", context.typed(root))])),
            Paragraph(f"The page of this unit there is /unit?{query}."),
        ]
    return Section("Where to look next", blocks, id="elsewhere") if blocks else None


def other_sheets(context: SheetContext) -> Iterator[tuple[str, str]]:
    """Label and link of the sheets beside this one: similar units first, then all by name."""
    folder = context.folder
    there = {sheet_name(address) for address in context.others}
    if context.near and folder is not None and folder.is_dir():
        there |= {path.name for path in folder.glob("*.html")}
    there -= {sheet_name(context.unit.address)}
    similar = dict(_similar(context))
    for address in similar:
        if sheet_name(address) in there:
            there.remove(sheet_name(address))
            yield f"{address} ({similar[address]})", sheet_name(address)
    units = {
        sheet_name(f"{name}:{index}"): f"{name}:{index}"
        for name, site in context.atlas.sites.items()
        for index in range(site.n_units)
    }
    for name in sorted(there & units.keys()):
        yield units[name], name


def report_links(context: SheetContext) -> Iterator[tuple[str, str]]:
    """Label and link of the report of the atlas and of every run that says something."""
    if context.atlas.path is not None:
        link = relative(context.atlas.path / "report.html", context.folder)
        if link:
            yield "atlas", link
    for name, runs in context.views.items():
        for run, _ in runs:
            link = relative(run.path / "report.html", context.folder)
            if link:
                yield name if name == run.path.name else f"{name} ({run.path.name})", link


def relative(path: Path, folder: Path | None) -> str:
    """A link from a page in ``folder`` to a file; empty where that is not there."""
    if folder is None or not path.is_file():
        return ""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return ""


def _similar(context: SheetContext) -> Iterator[tuple[str, str]]:
    """Units that runs of similar units name, each with what it is."""
    for run in context.evidence.runs.get("similar", ()):
        try:
            rows = unit_rows(run, "similar.parquet", context.unit.address)
        except RunFolderError:
            continue
        for row in rows:
            yield str(row["other"]), str(row["end"])
