"""What a sheet opens with: the unit's name and how well it holds, the sentence, the images."""

from __future__ import annotations

from collections.abc import Sequence

from clipprobe.lines import count_words
from clipprobe.neurons.atlas.showing import map_reach
from clipprobe.neurons.instruments.rows import Verdict
from clipprobe.neurons.sheet.context import SheetContext
from clipprobe.neurons.sheet.finding import finding, prevailing
from clipprobe.neurons.sheet.parts import distribution, firings_with_maps, maps_note
from clipprobe.report import Lead

NO_NAME = "no name held on fresh images"
#: Whose name is the unit's, the first that has one.
_NAMERS = ("labels", "multimodal")
_N_IMAGES = 6


def title_of(context: SheetContext) -> str:
    """``door · AUROC 0.97 held out``: what was found, as far as it was tested.

    A name of a run that tested it on images that did not choose it comes before the label that
    prevails among the strongest images, which nothing has tested.
    """
    named = best_name(context)
    if named is not None:
        return f"{named.name} · {named.score}"
    if any(one.seeks_name for _, _, one in context.verdicts):
        return f"{context.unit.address} · {NO_NAME}"
    unit = context.unit
    prevails = prevailing(unit, context.atlas.row(unit.address))
    if prevails is not None:
        label, n = prevails
        strongest = count_words(len(unit.top), "strongest image")
        return f"{label} · {n} of its {strongest}, not tested on others"
    return f"{unit.address} · not named yet"


def best_name(context: SheetContext) -> Verdict | None:
    """The name that holds, of the instrument that comes first."""
    for namer in (*_NAMERS, None):
        for instrument, _, verdict in context.verdicts:
            if verdict.name and namer in (instrument.name, None):
                return verdict
    return None


def evidence_of(context: SheetContext) -> str:
    """What stands behind the title, with n, interval and control; then what the atlas says."""
    named = best_name(context)
    texts: Sequence[str] = [one.text for _, _, one in context.verdicts if one.seeks_name]
    first = named.text if named is not None else next(iter(texts), "")
    atlas = finding(
        context.unit,
        context.atlas.row(context.unit.address),
        context.atlas.inputs,
        with_label=not first,
    )
    reach = map_reach(context.maps)
    below = (
        f" Below each image: its activation on every patch, full colour at ±{reach:.3g}."
        if context.maps
        else ""
    )
    return f"{first} {atlas}{below}".strip()


def lead_of(context: SheetContext) -> Lead | None:
    """The opening of a sheet; None for a unit of which no image gave a number."""
    limits = [
        "A name is the best of a list: what the unit responds to may be something that the list "
        "does not have. The strongest images say what activates it most, not all that does.",
        "That it responds to something does not say that the model uses it: see its effects, "
        "measured beside random units.",
    ]
    if context.unit.n_images and context.atlas.tower == "vision":
        figure = firings_with_maps(context, context.unit.top[:_N_IMAGES])
        limits += [note] if (note := maps_note(context)) else []
    else:
        section = distribution(context)
        if section is None:
            return None
        figure = section.blocks[0]
    return Lead(
        verdict=title_of(context),
        evidence=evidence_of(context),
        figure=figure,  # type: ignore[arg-type]  # images, or the histogram
        limits=limits,
    )
