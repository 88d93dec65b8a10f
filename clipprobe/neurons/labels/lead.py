"""The opening of a labelling: how many units have a name that holds, beside random twins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.neurons.labels.result import Labels

if TYPE_CHECKING:
    from clipprobe.report import Lead

_N_SHOWN = 8
_N_UNDEFINED = 3


def lead_of(found: Labels) -> Lead:
    """The verdict of a labelling, with the best labels, kept or not, as its figure."""
    from clipprobe.report import Intervals, Lead
    from clipprobe.report.words import value_of

    kept, n = found.labelled(), len(found.rows)
    rest = sorted(
        (row for row in found.rows if row.label is None and row.validation.auroc.defined),
        key=lambda row: (-value_of(row.validation.auroc), row.address),
    )
    rows = (kept + rest)[:_N_SHOWN] or list(found.rows[:_N_UNDEFINED])
    twins = (
        f"by the same rules {found.twin_labelled:,} of {found.twin_units:,} units of random twins "
        "get one"
        if found.twin_units
        else "no random twin was labelled, so how many get one by chance is not known"
    )
    evidence = (
        f"Labels were chosen among {found.n_concepts:,} concepts on {found.n_choose:,} images and "
        f"scored on {found.n_held_out:,} others, corrected over {found.family:,} units; {twins}."
    )
    if kept:
        best = kept[0]
        verdict = (
            f"{len(kept):,} of {n:,} units have a label that holds on held-out images, first "
            f"“{best.formula or best.label}”"
        )
    elif found.family:
        verdict = f"No label holds on held-out images for any of {n:,} units"
    else:
        verdict = f"No label of {n:,} units could be tested"
        evidence += f" Of the first unit: {found.rows[0].reason.rstrip('.')}." if found.rows else ""
    if found.circular:
        verdict += " (by the model's own judgement)"
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[
                (
                    row.label or f"{row.candidate} (not kept)",
                    row.address,
                    [row.validation.auroc],
                )
                for row in rows
            ],
            axis="AUROC of the unit for images that show its label, on held-out images",
            alt="AUROC of the units with the best labels on held-out images",
            mark=("no preference", 0.5),
        ),
        limits=[
            found.note,
            "A label names the best of the concepts that were offered; a unit may respond to "
            "something that is not on the list, or to several things.",
            "The units of the figure were picked because they score highest, so their scores are "
            "a little too high.",
        ],
    )
