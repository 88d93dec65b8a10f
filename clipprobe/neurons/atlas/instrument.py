"""An atlas as an instrument: the ends of one unit's range, from its table alone."""

from __future__ import annotations

from collections.abc import Mapping

from clipprobe.neurons.instruments.instrument import Instrument, Property
from clipprobe.neurons.instruments.rows import UnitRows
from clipprobe.neurons.instruments.store import Rows, Store


def ends_of(store: Store, tables: Mapping[str, Rows]) -> list[UnitRows]:
    summary = store.summary
    inputs = "images" if summary["tower"] == "vision" else "texts"
    return [
        UnitRows(
            caption=f"The {word} of {summary['n_images']:,} {inputs}, by activation pooled by "
            f"{summary['pool']}; ties in order of id.",
            columns=(f"{word} {inputs}", "activation"),
            rows=tuple(
                (row["id"], row["value"]) for row in tables["topk.parquet"] if row["end"] == end
            ),
        )
        for end, word in (("top", "strongest"), ("bottom", "weakest"))
    ]


ATLAS = Instrument(
    name="atlas",
    kind="atlas",
    title="Atlas",
    question="Which inputs drive it most and least, and what lies between?",
    verb="neurons scan",
    flags={"images": "IMAGES", "sites": "{site}", "pool": "{pool}", "out": "{beside}/atlas"},
    tables=("topk.parquet",),
    view=ends_of,
    towers=("vision", "text"),
    properties=(
        Property(
            name="selective",
            meaning="not constant; ranked by peak, how far the mean of the strongest lies above "
            "the mean of all, in standard deviations",
        ),
        Property(name="dead", meaning="never above 0 on any of the {n} {inputs}"),
        Property(name="always-on", meaning="above 0 on every one of the {n} {inputs}"),
        Property(name="constant", meaning="the same value on every one of the {n} {inputs}"),
    ),
    place=0,
)
