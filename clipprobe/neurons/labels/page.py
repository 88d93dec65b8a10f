"""The report of a labelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.neurons.labels.lead import lead_of
from clipprobe.neurons.labels.result import Labels

if TYPE_CHECKING:
    from clipprobe.report import Page

_N_SHOWN = 60
_RATES = {
    "picture": "response to fresh pictures of the label",
    "drawing": "response to fresh drawings of it",
    "word": "response to its written word",
    "others": "response to what other labels name",
}


def page_of(found: Labels) -> Page:
    """The report; whether it is circular stands first."""
    from clipprobe.report import Numbers, Page, Paragraph, Section, Table, Warning

    summary = found.summary()
    numbers = Numbers(
        [
            ("units without a label", found.abstention, "abstention; a census of the units"),
            ("units", summary["n_units"], f"{found.family} of them could be tested"),
            ("units that share their label", found.collisions(), "with one of their hook point"),
            ("units with a label on random twins", found.twin_labelled, f"of {found.twin_units}"),
            *(
                (_RATES[name], rate, "share above the level that 1 % of the images exceed")
                for name, rate in found.rates().items()
            ),
            ("images", found.n_choose, f"chose the labels; {found.n_held_out} others scored them"),
        ]
    )
    first = Warning(found.note) if found.circular else Paragraph(found.note)
    rows = [
        [row.name, row.formula or row.label, row.validation.pearson, row.validation.lift,
         row.validation.auroc, row.validation.n_positive, row.validation.q,
         "; ".join(row.alternatives)]
        for row in found.labelled()[:_N_SHOWN]
    ]  # fmt: skip
    caption = (
        f"Units with a label, the highest held-out r first (at most {_N_SHOWN}; labels.parquet "
        f"has all). Judge: {found.judge}. An image counts as showing a label by {found.truth}. "
        "Lift: AUPRC over what chance reaches. "
        "Shown for being the highest, so their scores are a little too high. "
        + ("Circular." if found.circular else "")
    )
    columns = ["unit", "label", "held-out r", "AUPRC lift", "AUROC", "images showing it", "q",
               "next best"]  # fmt: skip
    how = (
        f"Labels were chosen by {found.scorer} among {found.n_concepts} concepts; a label is kept "
        f"if it passes Benjamini-Hochberg at {found.settings['alpha']:g} over {found.family} units "
        "and the corrected lower end of its held-out Pearson's r exceeds "
        f"{found.settings['threshold']:g}."
    )
    return Page(
        title="Labels of units",
        subtitle=f"Pooled by {found.pool}; {found.note}",
        sections=[
            Section("Overview", [first, numbers, Paragraph(how)]),
            Section("Units with a label", [Table(columns, rows, caption.strip())]),
        ],
        provenance={**found.provenance, "data": found.data, "settings": found.settings},
        lead=lead_of(found),
    )
