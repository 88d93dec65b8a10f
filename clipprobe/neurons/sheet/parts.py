"""The sections of a unit sheet that need only the atlas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from clipprobe.neurons.atlas.showing import (
    COLUMNS,
    firings_block,
    map_reach,
    peak_words,
    range_block,
    share_words,
)
from clipprobe.neurons.atlas.unit import Firing, Unit
from clipprobe.neurons.sheet import commands
from clipprobe.neurons.sheet.context import SheetContext
from clipprobe.report import Block, Code, Histogram, Numbers, Paragraph, Section, Table
from clipprobe.report.numbers import format_number

WITHOUT_MAPS = "The activation on each patch is drawn where the model of the atlas is at hand"


def subtitle(context: SheetContext) -> str:
    """What kind of unit it is, of which model, on which inputs."""
    atlas, unit = context.atlas, context.unit
    model, data = atlas.config["model"]["id"], atlas.config["data"]["name"]
    return (
        f"{unit.name}: a {unit.kind} of the {atlas.tower} tower of {model}, on "
        f"{unit.n_images:,} {atlas.inputs} of {data}"
    )


def numbers(context: SheetContext) -> Section:
    """The statistics, each with what it is of."""
    unit, what = context.unit, context.atlas.inputs
    if not unit.n_images:
        return Section("Numbers", [Paragraph(f"Undefined: {unit.reason}.")])
    n = f"of {unit.n_images:,} {what}"
    items: list[tuple[str, Any, str]] = [
        (what, f"{unit.n_images:,}", f"{unit.n_outside} left out: not finite or 2^16 and more"),
        ("mean", unit.mean, n),
        ("standard deviation", unit.std, n),
        ("largest", unit.high, n),
        ("smallest", unit.low, n),
        ("above 0", share_words(round(unit.share_positive * unit.n_images), unit.n_images), n),
        ("sparsity", unit.sparsity, f"share of {what} at or below {unit.threshold:g}"),
        ("peak", peak_words(unit), peak_note(unit)),
    ]
    quantiles = Table(
        ["quantile", *(f"{share:.0%}".replace("%", " %") for share in unit.quantiles)],
        [["activation", *unit.quantiles.values()]],
        f"The smallest pooled activation that a share of the {what} does not exceed (inverse of "
        f"the empirical distribution), from the histogram: within {unit.bin_width:.2g}.",
    )
    return Section("Numbers", [Numbers(items), quantiles])


def distribution(context: SheetContext) -> Section | None:
    """All activations as a histogram."""
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
    """The bottom of the range; none where the pooling is the maximum.

    A low maximum says that no patch was high, which holds of most images of a neuron that is
    mostly off.
    """
    return None if context.unit.pool == "max" else _end(context, top=False)


def firings_with_maps(context: SheetContext, firings: Sequence[Firing]) -> Block:
    """Images as the model saw them, and below each the activation on every patch."""
    return firings_block(
        context.atlas,
        context.site,
        firings,
        side=context.side,
        columns=COLUMNS,
        maps=context.maps,
    )


def maps_note(context: SheetContext) -> str:
    """How the maps are read; empty where there are none."""
    if not context.maps:
        return ""
    by_class_token = any(one.token == 0 and one.place is None for one in context.unit.top)
    elsewhere = (
        " Where the caption says class token, the value was read there, and it has no place on the "
        "image: the patches show what the unit does beside it."
        if by_class_token
        else ""
    )
    return (
        "Below each image stands the unit's activation on every patch: orange above 0, blue below, "
        f"full colour at ±{map_reach(context.maps):.3g} on all of them. It says where the "
        "activation is, which need not be where its cause lies: patches of later blocks gather "
        f"from the whole image.{elsewhere}"
    )


def _end(context: SheetContext, *, top: bool) -> Section | None:
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
    if top and (maps := maps_note(context)):
        blocks.append(Paragraph(maps))
    elif top and framed:
        blocks.append(Paragraph(f"{WITHOUT_MAPS}."))
    blocks.append(firings_with_maps(context, firings))
    return Section(f"{word.capitalize()} {what}", blocks, id=word)


def along_the_range(context: SheetContext) -> Section | None:
    """What stands for each activation bin."""
    unit, what = context.unit, context.atlas.inputs
    if not unit.bins:
        return None
    low = (
        f" The weakest {what} are not listed: by the maximum, a low value says only that no place "
        "was high."
        if unit.pool == "max"
        else ""
    )
    return Section(
        "Across the whole range",
        [
            Paragraph(
                f"{what.capitalize()} drawn evenly, by a hash of their names, from each stretch of "
                f"equal width, the strongest first. What the few strongest show need not hold "
                f"further down.{low}"
            ),
            range_block(context.atlas, context.site, unit.bins, side=round(context.side * 0.75)),
        ],
        id="range",
    )


def again(context: SheetContext) -> Section:
    """The commands that make the sheet, and the atlas under it."""
    return Section(
        "Make this page again",
        [
            Code(context.command),
            Paragraph(
                f"The atlas under it was made by this command, from {context.atlas.inputs} whose "
                "fingerprint below tells whether they are the same:"
            ),
            Code(commands.scan(context.atlas, context.typed)),
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
