"""The sections of a unit sheet that need only the atlas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from clipprobe.neurons.atlas.showing import (
    COLUMNS,
    firings_block,
    peak_words,
    range_block,
    share_words,
)
from clipprobe.neurons.sheet import commands

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.unit import Unit
    from clipprobe.neurons.sheet.context import SheetContext
    from clipprobe.report import Block, Section


def subtitle(context: SheetContext) -> str:
    """What kind of unit it is, of which model, on which inputs."""
    atlas, unit = context.atlas, context.unit
    return (
        f"A {unit.kind} of the {atlas.tower} tower of {atlas.config['model']['id']}, on "
        f"{unit.n_images:,} {atlas.inputs} of {atlas.config['data']['name']}"
    )


def numbers(context: SheetContext) -> Section:
    """The statistics, each with what it is of."""
    from clipprobe.report import Numbers, Paragraph, Section, Table

    unit, what = context.unit, context.atlas.inputs
    n = f"of {unit.n_images:,} {what}"
    items: list[tuple[str, Any, str]] = [
        (what, f"{unit.n_images:,}", f"{unit.n_outside} left out: not finite or 2^16 and more"),
        ("mean", unit.mean, n),
        ("standard deviation", unit.std, n),
        ("largest", unit.high, n),
        ("smallest", unit.low, n),
        ("above 0", share_words(round(unit.share_positive * unit.n_images), unit.n_images), n)
        if unit.n_images
        else ("above 0", None, n),
        ("sparsity", unit.sparsity, f"share of {what} at or below {unit.threshold:g}"),
        ("peak", peak_words(unit), peak_note(unit)),
    ]
    if not unit.n_images:
        return Section("Numbers", [Paragraph(f"Undefined: {unit.reason}.")])
    quantiles = Table(
        ["quantile", *(f"{share:.0%}".replace("%", " %") for share in unit.quantiles)],
        [["activation", *unit.quantiles.values()]],
        f"The smallest pooled activation that a share of the {what} does not exceed (inverse of "
        f"the empirical distribution), from the histogram: within {unit.bin_width:.2g}.",
    )
    return Section("Numbers", [Numbers(items), quantiles])


def distribution(context: SheetContext) -> Section | None:
    """All activations as a histogram."""
    from clipprobe.report import Histogram, Section
    from clipprobe.report.numbers import format_number

    unit = context.unit
    if not unit.n_images:
        return None
    chart = Histogram(
        edges=unit.histogram_edges.tolist(),
        counts=unit.histogram.tolist(),
        axis=f"activation ({context.site.pooled(unit.pool)})",
        what=context.atlas.inputs,
        marks=[("mean", unit.mean)],
        alt=f"The {unit.n_images:,} {context.atlas.inputs} by activation, from "
        f"{format_number(unit.low)} to {format_number(unit.high)}; the count "
        "axis is logarithmic, so that the few strongest are seen.",
    )
    return Section("Distribution", [chart])


def strongest(context: SheetContext) -> Section | None:
    """The top of the range."""
    return _end(context, top=True)


def weakest(context: SheetContext) -> Section | None:
    """The bottom of the range."""
    return _end(context, top=False)


def _end(context: SheetContext, *, top: bool) -> Section | None:
    from clipprobe.report import Paragraph, Section

    unit, what = context.unit, context.atlas.inputs
    firings = unit.top if top else unit.bottom
    if not firings:
        return None
    word = "strongest" if top else "weakest"
    framed = any(one.place is not None for one in firings)
    note = f"The {len(firings)} {word} of {unit.n_images:,} {what}, ties in order of id."
    if framed:
        note += (
            " Each is shown as the model saw it; the frame is the patch where the activation was "
            "read, which need not be where its cause lies."
        )
    blocks: list[Block] = [Paragraph(note)]
    blocks.append(
        firings_block(context.atlas, context.site, firings, side=context.side, columns=COLUMNS)
    )
    return Section(f"{word.capitalize()} {what}", blocks, id=word)


def along_the_range(context: SheetContext) -> Section | None:
    """What stands for each activation bin."""
    from clipprobe.report import Paragraph, Section

    unit = context.unit
    if not unit.bins:
        return None
    return Section(
        "Across the whole range",
        [
            Paragraph(
                f"{context.atlas.inputs.capitalize()} drawn evenly, by a hash of their names, from "
                "each stretch of equal width, the strongest first. What the few strongest show "
                "need not hold further down."
            ),
            range_block(context.atlas, context.site, unit.bins, side=round(context.side * 0.75)),
        ],
        id="range",
    )


def again(context: SheetContext) -> Section:
    """The commands that make the sheet, and the atlas under it."""
    from clipprobe.report import Code, Paragraph, Section

    return Section(
        "Make this page again",
        [
            Code(context.command),
            Paragraph(
                f"The atlas under it was made by this command, with the {context.atlas.inputs} of "
                f"{context.atlas.config['data']['name']} (the fingerprint below tells whether "
                "they are the same):"
            ),
            Code(commands.scan(context.atlas)),
        ],
        id="again",
    )


def peak_note(unit: Unit) -> str:
    """What to compare a peak with."""
    if math.isnan(unit.peak):
        return unit.reason
    return (
        f"mean of the {len(unit.top)} strongest above the mean of all; 95 % of "
        f"{unit.peak_floor_of} stay below {unit.peak_floor:.1f} σ"
    )
