"""The run folder of a labelling: ``labels.parquet``, summary and report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.runs import Run

if TYPE_CHECKING:
    from clipprobe.data import Dataset
    from clipprobe.models import Clip
    from clipprobe.neurons.labels.result import Labels
    from clipprobe.report import Page

KIND = "labels"
_N_SHOWN = 60


def open_run(
    out: str | Path,
    clip: Clip,
    dataset: Dataset,
    settings: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> Run:
    """Start the run, or recognise a complete one of the same model, data and settings."""
    config = {
        "model": clip.provenance()["model"],
        "data": dataset.describe(),
        "device": clip.device.type,
        **settings,
    }
    return Run.open(out, kind=KIND, config=config, overwrite=overwrite)


def write(found: Labels, run: Run) -> None:
    """Write everything, the report included, and complete the run."""
    import pyarrow as pa

    from clipprobe.report import write_html, write_markdown

    rows = found.table()
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    for name in ("label", "candidate", "site", "alternatives", "reason", "judge"):
        columns[name] = pa.array(columns[name], pa.string())
    run.write_table("labels.parquet", columns)
    run.write_json("summary.json", found.summary())
    page = page_of(found)
    write_html(page, run.file("report.html"))
    write_markdown(page, run.file("report.md"))
    run.finish(
        provenance=found.provenance,
        counts={
            "used": found.n_choose + found.n_held_out,
            "skipped": 0,
            "failed": len(found.failures),
        },
        failures=[failure.to_json() for failure in found.failures],
        seed=int(found.settings["seed"]),
        dataset=found.data,
    )


def page_of(found: Labels) -> Page:
    """The report; whether it is circular stands first."""
    from clipprobe.report import Numbers, Page, Paragraph, Section, Table, Warning

    summary = found.summary()
    numbers = Numbers(
        [
            ("units without a label", found.abstention, "abstention; a census of the units"),
            ("units", summary["n_units"], f"{found.family} of them could be tested"),
            ("images", found.n_choose, f"chose the labels; {found.n_held_out} others scored them"),
        ]
    )
    first = Warning(found.note) if found.circular else Paragraph(found.note)
    rows = [
        [row.name, row.label, row.validation.auroc, row.validation.n_positive, row.validation.q,
         "; ".join(row.alternatives)]
        for row in found.labelled()[:_N_SHOWN]
    ]  # fmt: skip
    caption = (
        f"Units with a label, the highest held-out AUROC first (at most {_N_SHOWN}; labels.parquet "
        f"has all). Judge: {found.judge}. An image counts as showing a label by {found.truth}. "
        "Shown for being the highest, so their AUROCs are a little too high. "
        + ("Circular." if found.circular else "")
    )
    columns = ["unit", "label", "held-out AUROC", "images showing it", "q", "next best"]
    how = (
        f"Labels were chosen by {found.scorer} among {found.n_concepts} concepts; a label is kept "
        f"if it passes Benjamini-Hochberg at {found.settings['alpha']:g} over {found.family} units "
        f"and the corrected lower end of its AUROC exceeds {found.settings['threshold']:g}."
    )
    return Page(
        title="Labels of units",
        subtitle=f"Pooled by {found.pool}; {found.note}",
        sections=[
            Section("Overview", [first, numbers, Paragraph(how)]),
            Section("Units with a label", [Table(columns, rows, caption.strip())]),
        ],
        provenance={**found.provenance, "data": found.data, "settings": found.settings},
    )
