"""Words as an instrument: what a run says of one unit, and which units have a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clipprobe.neurons.instruments.instrument import Instrument, Search
from clipprobe.neurons.instruments.rows import UnitRows, Verdict, descending, interval, number

if TYPE_CHECKING:
    from clipprobe.neurons.instruments.store import Rows, Store
    from clipprobe.statistics import Estimate

_N_WORDS = 10
"""Words at either end."""
_N_NAMED = 5
"""Words in a sentence."""
LEAST_Z = 3.0
"""Standard deviations from which a word counts as a unit's own in a search. Of a short list every
word is among the strongest of every unit, and of ten words none can lie so far out."""


def words_of(store: Store, rows_by_table: Mapping[str, Rows]) -> list[UnitRows]:
    summary = store.summary
    (unit,) = rows_by_table["units.parquet"]
    tables = []
    for end, word in (("top", "strongest"), ("bottom", "weakest")):
        rows = [row for row in rows_by_table["topwords.parquet"] if row["end"] == end][:_N_WORDS]
        fonts = rows[0]["n_fonts"] if rows else 0
        over = f"[95 % over {fonts} fonts]" if fonts > 1 else "(one font, so no interval)"
        caption = (
            f"The {word} of {summary['n_words']:,} words, each drawn {summary['n_renderings']} "
            f"times: activation less the unit's mean over all words {over}, and in standard "
            "deviations over words. By chance the strongest word of a bell-shaped unit has z "
            f"{number(summary['z_floor'])}."
        )
        tables.append(
            UnitRows(
                caption=caption if end == "top" else "The other end of the list.",
                columns=(f"{word} words", "activation less mean", "z"),
                rows=tuple(
                    (row["word"], _centred(row) if fonts > 1 else row["centred"], row["z"])
                    for row in rows
                ),
            )
        )
    control = UnitRows(
        caption="What any writing does to it: the mean over words, and the controls. "
        f"{summary['n_scrambled']} strings of scrambled letters are not words.",
        columns=("shown", "activation", "less mean over words"),
        rows=tuple(
            (name, unit[key], unit[key] - unit["mean"] if key != "mean" else None)
            for name, key in (
                ("all words, mean", "mean"),
                ("no word (blank)", "blank"),
                ("scrambled letters, mean", "scrambled_mean"),
                ("scrambled letters, largest", "scrambled_high"),
            )
        ),
    )
    return [*tables, control]


def verdict_of(store: Store, tables: Mapping[str, Rows]) -> Verdict:
    top = [row for row in tables["topwords.parquet"] if row["end"] == "top"][:_N_NAMED]
    if not top:
        return Verdict(text="None of the words could be ranked.")
    return Verdict(
        text=f"The written words that activate it most: {', '.join(row['word'] for row in top)}. "
        f"The first lies {number(top[0]['z'])} standard deviations above its mean over "
        f"{store.summary['n_words']:,} words; by chance that of a bell-shaped unit lies "
        f"{number(store.summary['z_floor'])} above."
    )


def _centred(row: Mapping[str, Any]) -> Estimate:
    return interval(row["centred"], row["low"], row["high"], row["n_renderings"], "no spread")


WORDS = Instrument(
    name="words",
    kind="words",
    title="Words",
    question="Which written words, shown as images, activate it? Spelling and meaning are "
    "not told apart.",
    verb="neurons words",
    flags={"sites": "{site}", "pool": "{pool}", "out": "{beside}/words"},
    tables=("topwords.parquet", "units.parquet"),
    view=words_of,
    verdict=verdict_of,
    searches={
        "word": Search(
            table="topwords.parquet",
            column="word",
            columns=("word", "rank", "z"),
            order=lambda row: (row["rank"], descending(row["z"])),
            equal={"end": "top"},
            least=("z", LEAST_Z),
        )
    },
    place=10,
    cost="one forward pass of the vision tower per drawing: 10,000 words, 18 drawings each",
)
