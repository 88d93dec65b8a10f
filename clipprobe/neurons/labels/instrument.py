"""Labels as an instrument: what a run says of one unit, and which units have a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clipprobe.arrays import missing
from clipprobe.neurons.instruments.instrument import Instrument, Search
from clipprobe.neurons.instruments.rows import (
    UnitRows,
    Verdict,
    descending,
    interval,
    level,
    short_of_one,
    with_interval,
)

if TYPE_CHECKING:
    from clipprobe.neurons.instruments.store import Rows, Store


def label_of(store: Store, tables: Mapping[str, Rows]) -> list[UnitRows]:
    (unit,) = tables["labels.parquet"]
    warning = (
        f"Circular: the judge {unit['judge']} that says what images show is the labelled model "
        "itself."
    )
    abstained = f" No label is given: {unit['reason']}." if unit["reason"] else ""

    def held_out(name: str) -> Any:
        if name not in unit:
            return "not measured"
        ends = unit[f"{name}_low"], unit[f"{name}_high"]
        return interval(unit[name], *ends, unit["n"], "it is undefined")

    row = {
        "label": unit["label"] or "none",
        "best concept": unit.get("explanation") or unit["candidate"],
        "held-out r": held_out("pearson"),
        "AUPRC lift": unit.get("lift"),
        "held-out AUROC": held_out("auroc"),
        "images showing it": unit["n_positive"],
        "q": unit["q"],
        "next best": unit["alternatives"],
    }
    return [
        UnitRows(
            warning=warning if unit["circular"] else "",
            caption="The best concept on one half of the images, and how well it holds on the "
            "other: Pearson's r, AUPRC over chance, AUROC; 95 % intervals. Judge: "
            f"{unit['judge']}.{abstained}",
            columns=tuple(row),
            rows=(tuple(row.values()),),
        )
    ]


def verdict_of(store: Store, tables: Mapping[str, Rows]) -> Verdict:
    (unit,) = tables["labels.parquet"]
    circular = " (circular: the judge is the model itself)" if unit["circular"] else ""
    if not unit["label"]:
        best = f"No name holds on images that did not choose it{circular}"
        return Verdict(
            text=f"{best}; the best is {unit['candidate']}: {unit['reason']}.", seeks_name=True
        )
    auroc = with_interval(unit["auroc"], unit["auroc_low"], unit["auroc_high"])
    text = (
        f"{unit['label']}: AUROC {auroc} on {unit['n']:,} images that did not choose the name, of "
        f"which {unit['n_positive']:,} show it; {level('q', unit['q'])}{circular}."
    )
    twin = store.summary.get("twin", {})
    if twin.get("n_units"):
        text += (
            f" At random weights {twin['n_labelled']:,} of {twin['n_units']:,} units get a name by "
            "the same rules."
        )
    rates = [
        f"{100 * unit[f'{kind}_rate']:.0f} % of fresh {called}"
        for kind, called in (("picture", "pictures"), ("drawing", "drawings"), ("word", "words"))
        if not missing(unit.get(f"{kind}_rate"))
    ]
    if rates and not missing(unit.get("others_rate")):
        text += (
            f" It responds to {', '.join(rates)} of it, and to {100 * unit['others_rate']:.0f} % "
            "of what other names stand for."
        )
    return Verdict(
        text=text,
        name=unit["label"],
        score=f"AUROC {short_of_one(unit['auroc'])} held out{circular}",
        seeks_name=True,
    )


LABELS = Instrument(
    name="labels",
    kind="labels",
    title="Label",
    question="What should it be called, and how well does that name predict it on images that "
    "did not choose it?",
    verb="neurons label",
    flags={
        "images": "IMAGES",
        "sites": "{site}",
        "pool": "{pool}",
        "out": "{beside}/labels",
    },
    tables=("labels.parquet",),
    view=label_of,
    verdict=verdict_of,
    searches={
        "concept": Search(
            table="labels.parquet",
            column="label",
            columns=("label", "auroc", "q"),
            order=lambda row: (descending(row["auroc"]),),
        )
    },
    place=40,
    cost="two forward passes per image that you give, one by the model and one by the judge",
)
