"""Effects and similar units as instruments: what a run says of one unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clipprobe.neurons.instruments.instrument import Instrument
from clipprobe.neurons.instruments.rows import UnitRows, Verdict, interval, number, with_interval

if TYPE_CHECKING:
    from clipprobe.neurons.instruments.store import Rows, Store


def effects_of(store: Store, tables: Mapping[str, Rows]) -> list[UnitRows]:
    rows = tables["effects.parquet"]
    return [
        UnitRows(
            caption=f"Change of the logit when the unit is ablated ({rows[0]['method']}), mean "
            "over inputs, the largest measured first. Predicted: by attribution patching, along "
            "every path. Direct: its own path alone, with the last norm's scale held; first-order "
            "direct: with that scale moving. Measured: the whole model, 95 % interval over inputs. "
            "Where direct and measured differ, the unit acts through later parts.",
            columns=("logit of", "predicted", "direct", "first-order direct", "measured"),
            rows=tuple(
                (
                    row["target"],
                    row.get("attribution", math.nan),
                    row["predicted"],
                    row["first_order"],
                    interval(
                        row["measured"], row["measured_low"], row["measured_high"], row["n"],
                        "one input",
                    ),
                )
                for row in sorted(rows, key=lambda row: -abs(row["measured"]))
            ),
        )
    ]  # fmt: skip


def similar_of(store: Store, tables: Mapping[str, Rows]) -> list[UnitRows]:
    rows, summary = tables["similar.parquet"], store.summary
    captions = {
        "activation": f"Pearson's r of activations over {summary['n_images']:,} images, with "
        f"{summary['n_units']:,} units compared. The best of as many unrelated units exceeds "
        f"|r| = {number(summary['floor'])} in 5 % of cases.",
        "output": "Cosine of what the units write into the residual stream, from the weights.",
    }

    def shown(row: Mapping[str, Any]) -> Any:
        if row["measure"] == "output":
            return row["value"]
        return interval(row["value"], row["low"], row["high"], row["n"], "too few images")

    tables_of = []
    for measure, caption in captions.items():
        mine = [(row["other"], row["end"], shown(row)) for row in rows if row["measure"] == measure]
        if mine:
            columns = ("unit", "is", "r" if measure == "activation" else "cosine")
            tables_of.append(UnitRows(caption=caption, columns=columns, rows=tuple(mine)))
    return tables_of


def effect_verdict(store: Store, tables: Mapping[str, Rows]) -> Verdict:
    row = max(tables["effects.parquet"], key=lambda row: abs(row["measured"]))
    change = with_interval(row["measured"], row["measured_low"], row["measured_high"])
    return Verdict(
        text=f"Without it the logit of “{row['target']}” changes by {change} on average over "
        f"{row['n']:,} images, the most of {len(tables['effects.parquet']):,} texts; its direct "
        f"path predicts {number(row['predicted'])}."
    )


def similar_verdict(store: Store, tables: Mapping[str, Rows]) -> Verdict:
    alike = [row for row in tables["similar.parquet"] if row["measure"] == "activation"]
    if not alike:
        return Verdict(text="Units that write the same are listed below.")
    row = max(alike, key=lambda row: row["value"])
    return Verdict(
        text=f"The unit most like it is {row['other']}: r "
        f"{with_interval(row['value'], row['low'], row['high'])} over {row['n']:,} images. The "
        f"best of as many unrelated units exceeds {number(store.summary['floor'])} in 5 % of cases."
    )


EFFECTS = Instrument(
    name="effects",
    kind="effects",
    title="Effects",
    question="What does it do to the model's answers: what its direct path predicts, and what "
    "is measured when it is taken out?",
    verb="neurons predict",
    flags={
        "images": "IMAGES",
        "text": "TEXT",
        "sites": "{site}",
        "per-site": "{n_units}",
        "out": "{beside}/effects",
    },
    tables=("effects.parquet",),
    view=effects_of,
    verdict=effect_verdict,
    endings=("mlp.post", "attn.head_out"),
    place=50,
    cost="a forward pass per image for each unit that is taken out",
)
SIMILAR = Instrument(
    name="similar",
    kind="similar",
    title="Similar and opposed units",
    question="Which units respond to the same images and which to the opposite, and which write "
    "the same?",
    verb="neurons similar",
    flags={
        "": "{unit}",
        "images": "IMAGES",
        "pool": "{pool}",
        "out": "{beside}/similar-{slug}",
    },
    tables=("similar.parquet",),
    view=similar_of,
    verdict=similar_verdict,
    place=60,
    cost="one forward pass per image that you give",
)
