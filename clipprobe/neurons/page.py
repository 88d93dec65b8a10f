"""The report of an atlas: one page of the units as a whole, and of the most selective ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from clipprobe.errors import UnreadableImageError
from clipprobe.neurons.summary import summarise

if TYPE_CHECKING:
    from clipprobe.neurons.atlas import Atlas
    from clipprobe.neurons.unit import Bin, Firing, Unit
    from clipprobe.report import Block, Page, Section

N_UNITS = 12
N_IMAGES = 8
_N_RANGES = 3
_N_LISTED = 30
_SIDE = 96


def page_of(atlas: Atlas) -> Page:
    """The report, with the pictures in it."""
    from clipprobe.report import Page

    selective = [
        atlas.unit(row["address"]) for row in atlas.search(kind="selective", limit=N_UNITS)
    ]
    sections = [_overview(atlas), _distributions(atlas)]
    if selective:
        sections += [_strongest(atlas, selective), _ranges(atlas, selective[:_N_RANGES])]
    sections += _silent(atlas) + _failed(atlas)
    sites = ", ".join(atlas.sites) if len(atlas.sites) < 4 else f"{len(atlas.sites)} hook points"
    return Page(
        title="Neuron atlas",
        subtitle=f"{sites} of {atlas.config['model']['id']} on {atlas.images.n_used} images of "
        f"{atlas.config['data']['name']}, pooled by {atlas.pool}",
        sections=sections,
        provenance=atlas.provenance,
    )


def unit_page(atlas: Atlas, unit: Unit) -> Page:
    """One unit on one page: numbers, distribution, both ends and the range between."""
    from clipprobe.figures.atlas import activation_histogram
    from clipprobe.report import Chart, Numbers, Page, Section

    site = atlas.site(unit.address.rpartition(":")[0])
    numbers: list[tuple[str, Any, str]] = [
        ("images", unit.n_images, f"{unit.n_outside} left out: not finite or too large"),
        ("mean", unit.mean, f"standard deviation {unit.std:.4g}"),
        ("range", f"{unit.low:.4g} to {unit.high:.4g}", f"median {unit.quantiles[0.5]:.4g}"),
        ("above 0", f"{unit.share_positive:.1%}", "of images"),
        (f"above {unit.threshold:g}", f"{unit.share_above:.1%}", "of images"),
        ("peak", _peak(unit), f"a bell-shaped unit has {unit.peak_floor:.1f} σ"),
    ]
    chart = activation_histogram(
        unit.histogram_edges, unit.histogram, pooled=site.pooled(unit.pool), mean=unit.mean
    )
    alt = f"Images by activation of {unit.name}; the count axis is logarithmic."
    sections = [
        Section("Numbers", [Numbers(numbers), *([Chart(chart, alt)] if unit.n_images else [])]),
        Section("Strongest images", [_images(atlas, unit.top)]),
        Section("Weakest images", [_images(atlas, unit.bottom)]),
        Section("Along the range", _range_blocks(atlas, unit)),
    ]
    return Page(
        title=unit.name,
        subtitle=f"A {unit.kind} of {atlas.config['model']['id']}",
        sections=sections,
        provenance=atlas.provenance,
    )


def _overview(atlas: Atlas) -> Section:
    from clipprobe.report import Numbers, Section, Table

    summary = summarise(atlas)
    numbers: list[tuple[str, Any, str]] = [
        ("units", summary["n_units"], f"of {len(atlas.sites)} hook points"),
        ("images", summary["n_images"], f"{summary['n_failed']} could not be read"),
    ]
    numbers += [
        (item["name"], f"{item['estimate'].value:.1%}", item["meaning"])
        for item in summary["headline"]
    ]
    columns = ["hook point", "pooled", "units", "dead", "always on", "constant", "median peak, σ"]
    labelled = any(site["one_label"] for site in summary["sites"])
    rows = [
        [
            site["site"],
            site["pooled"],
            site["n_units"],
            site["dead"],
            site["always_on"],
            site["constant"],
            site["median_peak"],
            *([site["one_label"]] if labelled else []),
        ]
        for site in summary["sites"]
    ]
    caption = (
        "Units of each hook point. Dead: never above 0; always on: above 0 on every image. Peak: "
        "how far the strongest images lie above the mean, in standard deviations; a unit that "
        f"answers to nothing in particular has about {summary['sites'][0]['peak_floor']:.1f}."
    )
    if labelled:
        columns.append("one label")
        caption += " One label: the strongest images share a label beyond chance."
    return Section("Overview", [Numbers(numbers), Table(columns, rows, caption)])


def _distributions(atlas: Atlas) -> Section:
    from clipprobe.figures.atlas import peaks_by_site, shares_by_site
    from clipprobe.report import Chart, Section

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
                "%; the dashed line is the peak of a unit with bell-shaped activations.",
            ),
            Chart(
                shares_by_site(
                    list(tables),
                    {
                        "dead": [float(np.mean(table.dead)) for table in tables.values()],
                        "always on": [float(np.mean(table.always_on)) for table in tables.values()],
                    },
                ),
                "Share of units that are never above 0, and of those above 0 on every image.",
            ),
        ],
    )


def _strongest(atlas: Atlas, units: Sequence[Unit]) -> Section:
    from clipprobe.report import Paragraph, Section

    blocks: list[Block] = [
        Paragraph(
            f"The {len(units)} units whose strongest images lie furthest above their mean, of all "
            f"hook points. They were chosen for it, so their peaks are not typical; each shows its "
            f"{N_IMAGES} strongest images."
        )
    ]
    for unit in units:
        blocks += [
            Paragraph(
                f"{unit.name}: mean {unit.mean:.3g}, standard deviation {unit.std:.3g}, peak "
                f"{_peak(unit)}, above 0 on {unit.share_positive:.1%} of images"
            ),
            _images(atlas, unit.top[:N_IMAGES]),
        ]
    return Section("Most selective units", blocks)


def _ranges(atlas: Atlas, units: Sequence[Unit]) -> Section:
    from clipprobe.report import Paragraph, Section

    blocks: list[Block] = [
        Paragraph(
            "Images drawn evenly from each stretch of a unit's range, from the weakest to the "
            "strongest: what a unit's few strongest images show need not hold further down."
        )
    ]
    for unit in units:
        blocks += [Paragraph(unit.name), *_range_blocks(atlas, unit)]
    return Section("Along the range", blocks)


def _range_blocks(atlas: Atlas, unit: Unit) -> list[Block]:
    from clipprobe.report import Images, Paragraph

    items = [
        (
            _thumbnail(atlas, firing.image),
            f"{part.low:.3g} to {part.high:.3g} ({_images_in(part)}): {_caption(firing)}",
        )
        for part in unit.bins
        for firing in part.firings[:2]
    ]
    return [Images(items, columns=N_IMAGES)] if items else [Paragraph("No samples were kept.")]


def _silent(atlas: Atlas) -> list[Section]:
    from clipprobe.report import Section, Table

    rows = [
        [row["name"], kind, row["high"]]
        for kind in ("dead", "constant")
        for row in atlas.search(kind=kind, limit=_N_LISTED)
    ]
    if not rows:
        return []
    caption = f"Units that answer to no image; at most {_N_LISTED} of each kind are listed."
    return [Section("Silent units", [Table(["unit", "kind", "largest activation"], rows, caption)])]


def _failed(atlas: Atlas) -> list[Section]:
    from clipprobe.report import Section, Table

    failures = atlas.images.failures
    if not failures:
        return []
    rows = [[failure.id, failure.reason] for failure in failures[:_N_LISTED]]
    caption = f"The first {len(rows)} of {len(failures)}; the manifest names all."
    return [Section("Images that could not be read", [Table(["image", "reason"], rows, caption)])]


def _images(atlas: Atlas, firings: Sequence[Firing]) -> Block:
    from clipprobe.report import Images

    items = [(_thumbnail(atlas, firing.image), _caption(firing)) for firing in firings]
    return Images(items, columns=N_IMAGES)


def _caption(firing: Firing) -> str:
    where = "" if firing.token is None else f", token {firing.token}"
    if firing.place is not None:
        where = f", row {firing.place[0]}, column {firing.place[1]}"
    return f"{firing.value:.3g}: {firing.label or firing.id}{where}"


def _images_in(part: Bin) -> str:
    return f"{part.n_images} image" + ("" if part.n_images == 1 else "s")


def _peak(unit: Unit) -> str:
    return "undefined (constant)" if np.isnan(unit.peak) else f"{unit.peak:.1f} σ"


def _thumbnail(atlas: Atlas, image: int) -> Image.Image:
    """A small copy of the picture; a crossed square where it can no longer be read."""
    try:
        picture = atlas.picture(image)
    except UnreadableImageError:
        picture = Image.new("RGB", (_SIDE, _SIDE), (225, 225, 225))
        draw = ImageDraw.Draw(picture)
        draw.line((0, 0, _SIDE, _SIDE), (150, 150, 150), 2)
        draw.line((0, _SIDE, _SIDE, 0), (150, 150, 150), 2)
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return picture
