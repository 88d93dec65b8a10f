"""The report of an atlas: one page of the units as a whole, and of the most selective ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clipprobe.figures.atlas import peaks_by_site, shares_by_site
from clipprobe.hooks.units import Site
from clipprobe.neurons.atlas.contents import AtlasContents
from clipprobe.neurons.atlas.search import of_one_label, search
from clipprobe.neurons.atlas.showing import (
    SIDE,
    caption,
    firing_image,
    firings_block,
    peak_words,
    range_block,
)
from clipprobe.neurons.atlas.summary import summarise
from clipprobe.neurons.atlas.unit import Unit
from clipprobe.report import (
    Block,
    Chart,
    Histogram,
    ImageRows,
    Lead,
    Links,
    Numbers,
    Page,
    Paragraph,
    Section,
    Table,
)
from clipprobe.report.page import Figure
from clipprobe.report.words import counted, percent, side_of

N_UNITS = 12
N_IMAGES = 8
_N_RANGES = 3
_N_LEAD_UNITS = 4
_N_LEAD_IMAGES = 6
_N_LISTED = 30
_N_NAMED = 6


def page_of(atlas: AtlasContents, sheets: Mapping[str, str] | None = None) -> Page:
    """The report, with the images in it.

    Args:
        sheets: Address of a unit -> link to its sheet.
    """
    selective = [
        atlas.unit(row["address"]) for row in search(atlas, kind="selective", limit=N_UNITS)
    ]
    links = sheets or {}
    sections = [_overview(atlas), *_of_one_label(atlas, links), _distributions(atlas)]
    if selective:
        sections += [_strongest(atlas, selective, links), _ranges(atlas, selective[:_N_RANGES])]
    sections += _silent(atlas) + _failed(atlas)
    sites = ", ".join(atlas.sites) if len(atlas.sites) < 4 else f"{len(atlas.sites)} hook points"
    return Page(
        title="Neuron atlas",
        subtitle=f"{sites} of {atlas.config['model']['id']} on {atlas.images.n_used} "
        f"{atlas.inputs} of "
        f"{atlas.config['data']['name']}, pooled by {atlas.pool}",
        sections=sections,
        provenance=atlas.provenance,
        lead=_lead(atlas, selective),
    )


def _lead(atlas: AtlasContents, selective: Sequence[Unit]) -> Lead:
    """How many units stand out, and the most selective with their images."""
    from clipprobe.statistics import undefined, wilson

    tables = [atlas.table(name) for name in atlas.sites]
    n, above = 0, 0
    for table in tables:
        n += int(np.isfinite(table.peak).sum())
        above += int((table.peak > table.peak_floor).sum())
    first, images = tables[0], atlas.images.n_used
    share = wilson(above, n) if n else undefined("no unit varies")
    beyond = {1: "more units than", 0: "as many units as", -1: "fewer units than"}
    silent = sum(int((table.dead | table.constant).sum()) for table in tables)
    figure: Figure
    if atlas.tower == "vision" and selective:
        figure = ImageRows(
            [
                (
                    unit.name,
                    f"peak {peak_words(unit)}",
                    [
                        (firing_image(atlas, site_of(atlas, unit), one, SIDE), caption(one))
                        for one in unit.top[:_N_LEAD_IMAGES]
                    ],
                )
                for unit in selective[:_N_LEAD_UNITS]
            ]
        )
    else:
        peaks = np.concatenate([table.peak[np.isfinite(table.peak)] for table in tables])
        counts, edges = np.histogram(peaks if len(peaks) else [0.0], bins=40)
        figure = Histogram(
            edges.tolist(),
            counts.tolist(),
            axis="peak: how far the strongest lie above the mean, in standard deviations",
            what="units",
            marks=[("chance", first.peak_floor)],
            alt="How far the strongest of each unit lie above its mean",
        )
    return Lead(
        verdict=f"{above:,} of {n:,} units single out a few {atlas.inputs}, "
        f"{beyond[side_of(share, 0.05)]} by chance",
        evidence=f"Their strongest of {images:,} {atlas.inputs} lie further above the mean than "
        f"those of 95 % of {first.peak_floor_of} do: {percent(share)}, by chance 5 %. "
        f"{silent:,} of {sum(len(table.mean) for table in tables):,} units are silent (a count of "
        "all units, so without an interval).",
        figure=figure,
        limits=[
            "Strongest images show what drives a unit furthest, not what it responds to over its "
            "whole range, and not what it is used for: the sheet of a unit has both.",
            f"It holds for these {images:,} {atlas.inputs}; a unit that is silent here may respond "
            "to others.",
            "The units shown were chosen for standing out, so their peaks are not typical.",
        ],
    )


def _overview(atlas: AtlasContents) -> Section:
    summary = summarise(atlas)
    numbers: list[tuple[str, Any, str]] = [
        ("units", summary["n_units"], f"of {len(atlas.sites)} hook points"),
        (atlas.inputs, summary["n_images"], f"{summary['n_failed']} could not be read"),
    ]
    numbers += [
        (item["name"], counted(item["estimate"]), item["meaning"]) for item in summary["headline"]
    ]
    columns = ["hook point", "pooled", "units", "dead", "always on", "constant", "median peak, σ"]
    keys = ["site", "pooled", "n_units", "dead", "always_on", "constant", "median_peak"]
    caption = (
        "Units of each hook point. Dead: never above 0; always on: above 0 on all of them. Peak: "
        "how far the strongest lie above the mean, in standard deviations; 95 % of bell-shaped "
        f"units, which respond to nothing, stay below {summary['sites'][0]['peak_floor']:.1f}. "
        "Sheets and searches compare with the units at random weights where those were scanned "
        "(--twin)."
    )
    if any(site["one_label"] for site in summary["sites"]):
        columns.append("one label")
        keys.append("one_label")
        caption += " One label: the strongest images share a label beyond chance."
    rows = [[site[key] for key in keys] for site in summary["sites"]]
    return Section("Overview", [Numbers(numbers), Table(columns, rows, caption)])


def _distributions(atlas: AtlasContents) -> Section:
    tables = {name: atlas.table(name) for name in atlas.sites}
    first = next(iter(tables.values()))
    return Section(
        "Distributions",
        [
            Chart(
                peaks_by_site(
                    {name: table.peak for name, table in tables.items()}, first.peak_floor
                ),
                "Peak of the units of each hook point: the middle half, the median, and 5 % to 95 "
                "%; 95 % of units with bell-shaped activations stay below the dashed line.",
            ),
            Chart(
                shares_by_site(
                    list(tables),
                    {
                        "dead": [float(np.mean(table.dead)) for table in tables.values()],
                        "always on": [float(np.mean(table.always_on)) for table in tables.values()],
                    },
                ),
                "Share of units that are never above 0, and of those that always are.",
            ),
        ],
    )


def _of_one_label(atlas: AtlasContents, links: Mapping[str, str]) -> list[Section]:
    """Units that a label seems to name, and those whose sheets there are."""
    best = {one.address: one for one in of_one_label(atlas, limit=_N_NAMED)}
    if not best and not links:
        return []
    blocks: list[Block] = [
        Paragraph(
            f"Units that keep all {atlas.inputs} of one label among their strongest, the best "
            "first. Among many units some do so by chance: whether the name holds is for other "
            f"{atlas.inputs} to say, with clipprobe neurons label."
        )
    ]
    for address in [*best, *(one for one in links if one not in best)]:
        unit = atlas.unit(address)
        one = best.get(address)
        places = ""
        if one is not None:
            places = f": {one.label}, in places {', '.join(map(str, one.places))}"
        blocks += _linked(f"{unit.name}{places}", links.get(address, ""))
        blocks.append(
            firings_block(atlas, site_of(atlas, unit), unit.top[:N_IMAGES], columns=N_IMAGES)
        )
    return [Section("Units of one label", blocks, id="one-label")]


def _linked(text: str, link: str) -> list[Block]:
    """A line about a unit, which leads to its sheet where there is one."""
    return [Links([(text, link)])] if link else [Paragraph(text)]


def _strongest(atlas: AtlasContents, units: Sequence[Unit], links: Mapping[str, str]) -> Section:
    blocks: list[Block] = [
        Paragraph(
            f"The {len(units)} units whose strongest images lie furthest above their mean, of all "
            f"hook points. They were chosen for it, so their peaks are not typical; each shows its "
            f"{N_IMAGES} strongest {atlas.inputs}."
        )
    ]
    for unit in units:
        blocks += [
            *_linked(
                f"{unit.name}: mean {unit.mean:.3g}, standard deviation {unit.std:.3g}, peak "
                f"{peak_words(unit)}, above 0 on {unit.share_positive:.1%} of {atlas.inputs}",
                links.get(unit.address, ""),
            ),
            firings_block(atlas, site_of(atlas, unit), unit.top[:N_IMAGES], columns=N_IMAGES),
        ]
    return Section("Most selective units", blocks)


def _ranges(atlas: AtlasContents, units: Sequence[Unit]) -> Section:
    blocks: list[Block] = [
        Paragraph(
            f"{atlas.inputs.capitalize()} drawn evenly from each stretch of a unit's range, from "
            "the strongest to the weakest: what a unit's few strongest show need not hold further "
            "down."
        )
    ]
    for unit in units:
        blocks += [Paragraph(unit.name), range_block(atlas, site_of(atlas, unit), unit.bins)]
    return Section("Along the range", blocks)


def _silent(atlas: AtlasContents) -> list[Section]:
    rows = [
        [row["name"], kind, row["high"]]
        for kind in ("dead", "constant")
        for row in search(atlas, kind=kind, limit=_N_LISTED)
    ]
    if not rows:
        return []
    caption = (
        f"Units that respond to none of the {atlas.inputs}; at most {_N_LISTED} of each kind are "
        "listed."
    )
    return [Section("Silent units", [Table(["unit", "kind", "largest activation"], rows, caption)])]


def _failed(atlas: AtlasContents) -> list[Section]:
    failures = atlas.images.failures
    if not failures:
        return []
    rows = [[failure.id, failure.reason] for failure in failures[:_N_LISTED]]
    caption = f"The first {len(rows)} of {len(failures)}; the manifest names all."
    return [Section("Images that could not be read", [Table(["image", "reason"], rows, caption)])]


def site_of(atlas: AtlasContents, unit: Unit) -> Site:
    """The hook point of a unit."""
    return atlas.site(unit.address.rpartition(":")[0])
