"""What words and captions say about a unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clipprobe.neurons.sheet.views.rows import Rows, UnitRows, interval, number

if TYPE_CHECKING:
    from clipprobe.runs import RunView
    from clipprobe.statistics import Estimate


_N_WORDS = 10
"""Words at either end."""


def words(run: RunView, found: Mapping[str, Rows]) -> list[UnitRows]:
    summary = run.summary
    (unit,) = found["units.parquet"]
    tables = []
    for end, word in (("top", "strongest"), ("bottom", "weakest")):
        rows = [row for row in found["topwords.parquet"] if row["end"] == end][:_N_WORDS]
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
                run=run,
                caption=caption if end == "top" else "The other end of the list.",
                columns=(f"{word} words", "activation less mean", "z"),
                rows=tuple(
                    (row["word"], _centred(row) if fonts > 1 else row["centred"], row["z"])
                    for row in rows
                ),
            )
        )
    control = UnitRows(
        run=run,
        caption="What any writing does to it: the mean over words, and the controls. "
        f"{summary['n_scrambled']} strings of scrambled letters are no words.",
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


def captions(run: RunView, found: Mapping[str, Rows]) -> list[UnitRows]:
    rows = found["captions.parquet"]
    name = f"{rows[0]['site']}:{rows[0]['unit']}"
    unit = next(one for one in run.read_json("units.json") if one["unit"] == name)
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
            run=run,
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


def _centred(row: Mapping[str, Any]) -> Estimate:
    return interval(row["centred"], row["low"], row["high"], row["n_renderings"], "no spread")
