"""What a multimodality test and a labelling say about a unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from clipprobe.neurons.multimodality.notes import WITHDRAWN, WITHDRAWN_NOTE
from clipprobe.neurons.sheet.views.rows import Rows, UnitRows, interval, missing, of_row

if TYPE_CHECKING:
    from clipprobe.runs import RunView


def multimodal(run: RunView, found: Mapping[str, Rows]) -> list[UnitRows]:
    (unit,) = found["units.parquet"]
    summary = run.summary
    names: Sequence[str] = summary["modalities"]
    n = sum(unit[f"n_{name}"] for name in names)
    score = interval(unit["score"], unit["low"], unit["high"], n, "it is undefined")
    floor = unit["floor"]
    verdict = summary.get("verdict", "This run has no count with shuffled concepts beside it.")
    tables = [
        UnitRows(
            run=run,
            warning=WITHDRAWN_NOTE if WITHDRAWN in unit else "",
            caption="The concept was chosen on half of the images and everything else is of the "
            "other half. Score: the smallest AUROC over modalities. q: "
            f"Benjamini-Hochberg over all {summary['family_size']:,} pairs of unit and concept. "
            "Floor: share of units of the same network at random weights that score as much. "
            f"Balance: weakest over strongest standardised response. {verdict}",
            columns=("concept", "score", "q over pairs", "floor", "balance"),
            rows=(
                (
                    unit["concept"],
                    score,
                    unit["q"],
                    None if missing(floor) else f"{floor:.1%}",
                    unit["balance"],
                ),
            ),
        ),
        UnitRows(
            run=run,
            caption=f"{unit['concept']} against other concepts of the same modality; n counts "
            "its images, intervals hold for all modalities at once. Purity: share of the unit's "
            "strongest images of the modality that show it.",
            columns=("modality", "AUROC", "d'", "purity"),
            rows=tuple(
                (
                    name,
                    interval(
                        unit[f"auroc_{name}"],
                        unit[f"low_{name}"],
                        unit[f"high_{name}"],
                        unit[f"n_{name}"],
                        "it is undefined",
                    ),
                    unit[f"dprime_{name}"],
                    unit[f"purity_{name}"],
                )
                for name in names
            ),
        ),
    ]
    controls = found["controls.parquet"]
    against = [row for row in controls if not row["control"].startswith("jitter")]
    if against:
        tables.append(
            UnitRows(
                run=run,
                caption=f"The written word {unit['concept']} against controls: AUROC, 0.5 where "
                "the control does as much.",
                columns=("control", "AUROC of the word over it"),
                rows=tuple((row["control"], of_row(row)) for row in against),
            )
        )
    jitter = [row for row in controls if row["control"].startswith("jitter")]
    if jitter:
        tables.append(
            UnitRows(
                run=run,
                caption="How much the way of writing moves it: spread of the activation, in "
                "standard deviations over wrong words.",
                columns=("what changes", "spread"),
                rows=tuple((row["control"].removeprefix("jitter of "), row["value"])
                           for row in jitter),
            )
        )  # fmt: skip
    return tables


def labels(run: RunView, found: Mapping[str, Rows]) -> list[UnitRows]:
    (unit,) = found["labels.parquet"]
    warning = ""
    if unit["circular"]:
        warning = (
            f"Circular: the judge {unit['judge']} that says what images show is the labelled "
            "model itself."
        )
    abstained = f" No label is given: {unit['reason']}." if unit["reason"] else ""
    auroc = interval(
        unit["auroc"], unit["auroc_low"], unit["auroc_high"], unit["n"], "it is undefined"
    )
    return [
        UnitRows(
            run=run,
            warning=warning,
            caption=f"The best concept on one half of the images, and how well it holds on the "
            f"other: AUROC with 95 % interval. Judge: {unit['judge']}.{abstained}",
            columns=(
                "label",
                "best concept",
                "held-out AUROC",
                "images showing it",
                "q",
                "next best",
            ),
            rows=(
                (
                    unit["label"] or "none",
                    unit["candidate"],
                    auroc,
                    unit["n_positive"],
                    unit["q"],
                    unit["alternatives"],
                ),
            ),
        )
    ]
