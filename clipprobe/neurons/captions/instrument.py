"""Captions as an instrument: what a run says of one unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from clipprobe.neurons.instruments.instrument import Instrument, Search
from clipprobe.neurons.instruments.rows import UnitRows, Verdict, descending, level, number

if TYPE_CHECKING:
    from clipprobe.neurons.instruments.store import Rows, Store


def captions_of(store: Store, tables: Mapping[str, Rows]) -> list[UnitRows]:
    rows = tables["captions.parquet"]
    name = f"{rows[0]['site']}:{rows[0]['unit']}"
    unit = next(one for one in store.read_json("units.json") if one["unit"] == name)
    claim = f"Claim: {unit['claim']}. {unit['measure'][:1].upper()}{unit['measure'][1:]}"
    chance = f"By chance the first of {unit['n_captions']:,} captions has z "
    chance += number(unit["chance"])
    if unit["n_random"]:
        chance += (
            f" (mean over {unit['n_random']} random mixtures of captions; p {unit['p']:.2g}, q "
            f"{unit['q']:.2g} over the units of the run). Linearised at {unit['linearised_at']}, "
            f"agreement {number(unit['agreement'])}"
        )
    reason = unit["reason"]
    note = f" {reason[:1].upper()}{reason[1:]}." if reason else ""
    return [
        UnitRows(
            caption=f"{claim}. {chance}.{note}" if end == "top" else "The other end of the list.",
            columns=(f"{word} captions", "score less mean", "score", "z"),
            rows=tuple(
                (row["caption"], row["score"], row["raw"], row["z"])
                for row in rows
                if row["end"] == end
            ),
        )
        for end, word in (("top", "highest"), ("bottom", "lowest"))
    ]


def verdict_of(store: Store, tables: Mapping[str, Rows]) -> Verdict:
    first = next(row for row in tables["captions.parquet"] if row["end"] == "top")
    name = f"{first['site']}:{first['unit']}"
    unit = next(one for one in store.read_json("units.json") if one["unit"] == name)
    text = (
        f"Of {unit['n_captions']:,} captions “{first['caption']}” stands out most: "
        f"{number(first['z'])} standard deviations above their mean, "
        f"{number(unit['chance'])} by chance"
    )
    return Verdict(text=f"{text}; {level('p', unit['p'])}." if unit["n_random"] else f"{text}.")


CAPTIONS = Instrument(
    name="captions",
    kind="captions",
    title="Captions",
    question="Which captions lie along its effect on the joint space (a vision unit), or "
    "activate it most (a text unit)? Alignment across the towers does not say that a unit sees "
    "these things.",
    verb="neurons captions",
    flags={"sites": "{site}", "out": "{beside}/captions"},
    tables=("captions.parquet",),
    view=captions_of,
    verdict=verdict_of,
    towers=("vision", "text"),
    searches={
        "caption": Search(
            table="captions.parquet",
            column="caption",
            columns=("caption", "z"),
            order=lambda row: (descending(row["z"]),),
            equal={"end": "top"},
        )
    },
    place=20,
    cost="one forward pass of the text tower per caption, and a few per unit",
)
