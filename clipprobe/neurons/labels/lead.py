"""The opening of a labelling: how many units have a name that holds, beside random twins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.neurons.labels.result import Labels

if TYPE_CHECKING:
    from clipprobe.report import Lead

_N_ROWS = 8
_N_UNDEFINED = 3


def lead_of(labels: Labels) -> Lead:
    """The verdict of a labelling, with the best labels, kept or not, as its figure."""
    from clipprobe.report import Intervals, Lead
    from clipprobe.report.words import value_of

    labelled, n = labels.labelled(), len(labels.rows)
    rest = sorted(
        (row for row in labels.rows if row.label is None and row.validation.auroc.defined),
        key=lambda row: (-value_of(row.validation.auroc), row.address),
    )
    rows = (labelled + rest)[:_N_ROWS] or list(labels.rows[:_N_UNDEFINED])
    twins = (
        f"by the same rules {labels.twin_labelled:,} of {labels.twin_units:,} units of random "
        "twins get one"
        if labels.twin_units
        else "no random twin was labelled, so how many get one by chance is not known"
    )
    evidence = (
        f"Labels were chosen among {labels.n_concepts:,} concepts on {labels.n_choose:,} images "
        f"and scored on {labels.n_held_out:,} others, corrected over {labels.family:,} units; "
        f"{twins}."
    )
    if labelled:
        best = labelled[0]
        verdict = (
            f"{len(labelled):,} of {n:,} units have a label that holds on held-out images, first "
            f"“{best.formula or best.label}”"
        )
    elif labels.family:
        verdict = f"No label holds on held-out images for any of {n:,} units"
    else:
        verdict = f"No label of {n:,} units could be tested"
        evidence += (
            f" Of the first unit: {labels.rows[0].reason.rstrip('.')}." if labels.rows else ""
        )
    if labels.circular:
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
            labels.note,
            "A label names the best of the concepts that were offered; a unit may respond to "
            "something that is not on the list, or to several things.",
            "The units of the figure were picked because they score highest, so their scores are "
            "a little too high.",
        ],
    )
