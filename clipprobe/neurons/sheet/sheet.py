"""The unit sheet: everything that is known of one unit, on one page that stands alone.

A sheet is a row of sections, each made by a function ``section(context) -> Section | None`` (None:
nothing to say about this unit). :data:`SECTIONS` holds them in reading order; a further one is
registered with :func:`section`. Sections read the atlas and, through :mod:`evidence`, the tables of
other runs; a model is run only for the activation maps, where it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clipprobe.neurons.instruments.registry import beside_atlas
from clipprobe.neurons.sheet import commands
from clipprobe.neurons.sheet import parts as sheet_parts
from clipprobe.neurons.sheet.context import SheetContext
from clipprobe.neurons.sheet.evidence import gather
from clipprobe.neurons.sheet.heading import lead_of, title_of
from clipprobe.neurons.sheet.links import elsewhere
from clipprobe.neurons.sheet.maps import maps_of
from clipprobe.report import Block, Code, Page, Paragraph, Section, Table, Warning

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons.atlas.atlas import Atlas
    from clipprobe.neurons.atlas.unit import Unit
    from clipprobe.neurons.instruments.instrument import Instrument
    from clipprobe.runs import RunView

MAX_ROWS = 20
"""Rows of one table on a sheet."""


SectionMaker = Callable[[SheetContext], "Section | None"]
SECTIONS: dict[str, SectionMaker] = {}
"""Name -> section, in reading order."""


def section(name: str, *, before: str | None = None) -> Callable[[SectionMaker], SectionMaker]:
    """Register a section, or replace the one of that name in its place.

    Args:
        name: Its key.
        before: The section that it stands in front of; at the end where none is named.
    """

    def add(make: SectionMaker) -> SectionMaker:
        if name in SECTIONS:
            SECTIONS[name] = make
            return make
        later = list(SECTIONS)[list(SECTIONS).index(before) :] if before else []
        moved = {key: SECTIONS.pop(key) for key in later}
        SECTIONS[name] = make
        SECTIONS.update(moved)
        return make

    return add


def unit_sheet(
    atlas: Atlas,
    unit: Unit,
    *,
    runs: Sequence[str | Path] = (),
    out: str | Path | None = None,
    side: int = 128,
    clip: Clip | None = None,
    others: Sequence[str] = (),
    near: bool = True,
    typed: commands.Typed = commands.as_is,
) -> Page:
    """Everything about a unit on one page, titled by what was found.

    Args:
        runs: Runs of other instruments; those in the folder of runs that holds the atlas are found
            without being named.
        out: Where the page goes, for the links and the command on it.
        side: Longest side of an image in pixels; less makes a smaller file.
        clip: The model of the atlas, for the activation on every patch of the strongest images.
        others: Units whose sheets are written beside it, for links to them; those that are there
            are found.
        near: Whether to look for runs and sheets around; without, a sheet depends on nothing but
            what is given, as one that is part of a run must.
        typed: How places are written on the command lines of the page.
    Raises:
        RunFolderError: one of the runs does not belong to this atlas.
        ConfigError: the model is another one than that of the atlas.
    """
    _add_instruments()
    evidence = gather(atlas, runs, near=near)
    context = SheetContext(
        atlas=atlas,
        site=atlas.site(unit.address.rpartition(":")[0]),
        unit=unit,
        evidence=evidence,
        views={one.name: evidence.about(one.name, unit.address) for one in beside_atlas()},
        verdicts=evidence.verdicts(unit.address),
        maps={} if clip is None else maps_of(clip, atlas, unit),
        command=commands.show(atlas, unit, runs, out, typed)
        if near
        else commands.show(atlas, unit, (), None, typed),
        folder=None if out is None else Path(out).parent,
        typed=typed,
        near=near,
        others=others,
        side=side,
    )
    sections = [make(context) for make in SECTIONS.values()]
    return Page(
        title=title_of(context),
        subtitle=sheet_parts.subtitle(context),
        sections=[one for one in sections if one is not None],
        provenance=atlas.provenance,
        lead=lead_of(context),
    )


def findings(context: SheetContext) -> Section | None:
    """What every run says of the unit, a sentence each."""
    if not context.verdicts:
        return None
    rows = [[one.title, verdict.text, run.path.name] for one, run, verdict in context.verdicts]
    caption = "Each finding beside what it is compared with; the sections below have the tables."
    table = Table(["", "what was found", "run"], rows, caption)
    return Section("What is known of it", [table], id="findings", open=True)


def instrument_section(instrument: Instrument, context: SheetContext) -> Section | None:
    """What one instrument found about the unit; None where nothing (see :func:`unasked`)."""
    blocks: list[Block] = [Paragraph(instrument.question)]
    for run, tables in context.views[instrument.name]:
        blocks += [Warning(text) for text in run_warnings(run, context.unit)]
        blocks.append(Paragraph(f"Run {run.path.name}:"))
        for one in tables:
            if one.warning:
                blocks.append(Warning(one.warning))
            n, rows = len(one.rows), [list(row) for row in one.rows[:MAX_ROWS]]
            cut = f" The first {MAX_ROWS} of {n} rows." if n > MAX_ROWS else ""
            blocks.append(Table(list(one.columns), rows, f"{one.caption}{cut}"))
    return Section(instrument.title, blocks, id=instrument.name) if len(blocks) > 1 else None


def run_warnings(run: RunView, unit: Unit) -> list[str]:
    """What must be known before a run is read beside this atlas."""
    config = run.manifest["config"]
    pool = config.get("pools", {}).get(unit.address.rpartition(":")[0], config.get("pool"))
    if not isinstance(pool, str) or pool == unit.pool:
        return []
    return [
        f"{run.path.name} was pooled by {pool}, this atlas by {unit.pool}: rankings of units "
        "depend on it."
    ]


def _add_instruments() -> None:
    """A section of every instrument that has none yet."""
    for one in beside_atlas():
        if one.name not in SECTIONS:
            section(one.name, before="numbers")(partial(instrument_section, one))


def unasked(context: SheetContext) -> Section | None:
    """The instruments that say nothing of this unit, each with the command that asks."""
    blocks: list[Block] = [
        Paragraph(
            "These instruments can say more of this unit. Each command makes a run beside the "
            "atlas, and this page, made again, shows it. IMAGES and TEXT are for you to fill in."
        )
    ]
    for one in beside_atlas():
        site = context.site
        known = one.knows(context.atlas.tower, site.name, site.unit)
        if known and not context.views[one.name]:
            blocks.append(Paragraph(f"{one.title}. {one.question}"))
            blocks.append(
                Code(commands.ask(one, context.atlas, context.unit.address, context.typed))
            )
    return Section("Not asked yet", blocks, id="unasked") if len(blocks) > 1 else None


section("findings")(findings)
section("strongest")(sheet_parts.strongest)
section("numbers")(sheet_parts.numbers)
section("distribution")(sheet_parts.distribution)
section("range")(sheet_parts.along_the_range)
section("weakest")(sheet_parts.weakest)
section("unasked")(unasked)
section("elsewhere")(elsewhere)
section("again")(sheet_parts.again)
_add_instruments()
