"""The report of a labelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.neurons.labels.lead import lead_of
from clipprobe.neurons.labels.result import Labels

if TYPE_CHECKING:
    from clipprobe.report import Page

_N_ROWS = 60
_RATES = {
    "picture": "response to fresh pictures of the label",
    "drawing": "response to fresh drawings of it",
    "word": "response to its written word",
    "others": "response to what other labels name",
}


def page_of(labels: Labels) -> Page:
    """The report; whether it is circular stands first."""
    from clipprobe.report import Numbers, Page, Paragraph, Section, Table, Warning

    summary = labels.summary()
    numbers = Numbers(
        [
            ("units without a label", labels.abstention, "abstention; a census of the units"),
            ("units", summary["n_units"], f"{labels.family} of them could be tested"),
            ("units that share their label", labels.collisions(), "with one of their hook point"),
            ("units with a label on random twins", labels.twin_labelled, f"of {labels.twin_units}"),
            *(
                (_RATES[name], rate, "share above the level that 1 % of the images exceed")
                for name, rate in labels.rates().items()
            ),
            (
                "images",
                labels.n_choose,
                f"chose the labels; {labels.n_held_out} others scored them",
            ),
        ]
    )
    first = Warning(labels.note) if labels.circular else Paragraph(labels.note)
    rows = [
        [row.name, row.formula or row.label, row.validation.pearson, row.validation.lift,
         row.validation.auroc, row.validation.n_positive, row.validation.q,
         "; ".join(row.alternatives)]
        for row in labels.labelled()[:_N_ROWS]
    ]  # fmt: skip
    caption = (
        f"Units with a label, the highest held-out r first (at most {_N_ROWS}; labels.parquet "
        f"has all). Judge: {labels.judge}. An image counts as showing a label by {labels.truth}. "
        "Lift: AUPRC over what chance reaches. "
        "Shown for being the highest, so their scores are a little too high. "
        + ("Circular." if labels.circular else "")
    )
    columns = ["unit", "label", "held-out r", "AUPRC lift", "AUROC", "images showing it", "q",
               "next best"]  # fmt: skip
    how = (
        f"Labels were chosen by {labels.scorer} among {labels.n_concepts} concepts; a label is "
        f"kept if it passes Benjamini-Hochberg at {labels.settings['alpha']:g} over "
        f"{labels.family} units and the corrected lower end of its held-out Pearson's r exceeds "
        f"{labels.settings['threshold']:g}."
    )
    return Page(
        title="Labels of units",
        subtitle=f"Pooled by {labels.pool}; {labels.note}",
        sections=[
            Section("Overview", [first, numbers, Paragraph(how)]),
            Section("Units with a label", [Table(columns, rows, caption.strip())]),
        ],
        provenance={**labels.provenance, "data": labels.data, "settings": labels.settings},
        lead=lead_of(labels),
    )
