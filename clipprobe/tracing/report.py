"""A traced score on a page and in a table: units by contribution, and what is left without them.

What is traced is named in a word: the *gap*, the *score*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.arrays import missing
from clipprobe.figures.tracing import removal_chart
from clipprobe.report import Block, Chart, Intervals, Lead, Table
from clipprobe.report.opening import MOST_ROWS
from clipprobe.report.words import amount, chance_of, is_defined, parts_of, side_of, value_of
from clipprobe.statistics import Estimate
from clipprobe.tracing.sizes import ENOUGH

if TYPE_CHECKING:
    from clipprobe.tracing.contributions import Contributions
    from clipprobe.tracing.removal import Removal

N_SHOWN = 25
CONTROL = (
    "Control: sets of other units, with as many from each hook point, drawn at random; p counts "
    "those that remove at least as much. The number of units was chosen on the ranking half (the "
    f"fewest that remove {100 * ENOUGH:.0f} % there)."
)


def beside_random(one: Removal, what: str) -> str:
    """What the share of a removal means, and what random sets remove."""
    tested = "" if math.isnan(one.p) else f" (p {one.p:.3f})"
    return (
        f"share of the {what} that is gone without them; "
        f"{len(one.random)} random sets of as many units of the same hook points "
        f"remove {one.random.mean():.2f} on average and {one.random.max():.2f} at most{tested}"
    )


def removal_lead(
    removals: Sequence[Mapping[str, Any]], score: Any, *, what: str, named: str, unit: str
) -> Lead:
    """The opening of a traced score: how few units carry how much of it, beside random sets.

    Args:
        removals: In their JSON form.
        score: The estimate that is traced.
        what: It in a word. named: It in a sentence, without an article. unit: Of the estimate.
    """
    chosen = [row for row in removals if row["chosen"] and is_defined(row["removed"])]
    best = max(chosen, key=lambda row: value_of(row["removed"]), default=None)
    small = max((abs(x) for x in parts_of(score)[:3] if not missing(x)), default=1.0) < 0.1
    size = f"The {what} is {amount(score, 3 if small else 2)}{unit} on the half that measures."
    if side_of(score) == 0:
        verdict, evidence = (
            f"No {what} is shown: {named} is not told from 0",
            f"{size} What follows ranks units by noise.",
        )
    elif best is None:
        verdict, evidence = (
            f"Which units carry {named} cannot be said: no removal could be measured", size
        )  # fmt: skip
    else:
        units = f"{best['k']:,} {best['kind']}{'s' if best['k'] > 1 else ''}"
        random, share = best["random"], round(100 * value_of(best["removed"]))
        shown = best["p"] is not None and best["p"] <= 0.05 and side_of(best["removed"]) > 0
        verdict = (
            f"{units} carry {share} % of {named}; as many at random carry "
            f"{round(100 * random['mean'])} %"
            if shown
            else f"No few units are shown to carry {named}: taking {units} out removes {share} %, "
            f"random ones {round(100 * random['mean'])} %"
        )
        evidence = (
            f"Taken out on the half that ranked nothing: {amount(best['removed'])} of the {what}; "
            f"{random['n_sets']} random sets of as many remove at most {random['largest']:.2f} "
            f"({chance_of(best['p'])}). {size}"
        )
    kind = best["kind"] if best is not None else (removals[0]["kind"] if removals else "unit")
    own = [row for row in removals if row["kind"] == kind and is_defined(row["removed"])]
    step = max(1, -(-len(own) // MOST_ROWS))
    rows = [row for i, row in enumerate(own) if i % step == 0 or row["chosen"]][-MOST_ROWS:]
    figure = Intervals(
        rows=[(_out(row), "", [row["removed"], _band(row["random"])]) for row in rows]
        or [(f"the {what}", "", [score, None])],
        series=(f"the strongest {kind}s", "random ones, middle 95 %") if rows else ("", ""),
        axis=f"share of the {what} that is gone without them"
        if rows
        else f"{what}, in{unit}"
        if unit
        else what,
        alt=f"Share of the {what} that is gone by how many {kind}s are taken out, beside random "
        "sets",
        mark=("nothing gone" if rows else f"no {what}", 0.0),
        percent=bool(rows),
    )
    return Lead(verdict=verdict, evidence=evidence, figure=figure)


def _out(row: Mapping[str, Any]) -> str:
    return f"{row['k']:,} {row['kind']}{'s' if row['k'] > 1 else ''} out"


def _band(random: Mapping[str, Any]) -> dict[str, Any]:
    ends = {name: random[name] for name in ("low", "high")}
    return {"value": random["mean"], **ends, "n": random["n_sets"]}


def unit_rows(ranked: Sequence[Contributions]) -> list[dict[str, Any]]:
    """Every unit in the order of its contribution, for a table."""
    return [
        {
            "kind": one.kind,
            "rank": rank,
            "unit": unit,
            "contribution": float(one.values[rank - 1]),
            "low": float(one.low[rank - 1]),
            "high": float(one.high[rank - 1]),
            "n": one.n,
        }
        for one in ranked
        for rank, unit in enumerate(one.units, 1)
    ]


def removal_blocks(rows: Sequence[Mapping[str, Any]], kind: str, what: str) -> list[Block]:
    """The curve of one kind of unit, and its numbers.

    Args:
        rows: Removals in their JSON form.
    """
    sentence = "; ".join(
        f"{r['k']}: {r['removed']['value']:.2f}" for r in rows if r["removed"]["value"] is not None
    )
    return [
        Chart(
            removal_chart(rows, kind, what),
            f"Share of the {what} that is gone by the number of {kind}s taken out "
            f"({sentence or 'undefined'}), over the middle 95 % of random sets.",
        ),
        Table(
            ["taken out", f"{what} removed", "on the ranking half", "random sets", "at most", "p"],
            [
                [
                    f"{r['k']}{' (chosen)' if r['chosen'] else ''}",
                    r["removed"],
                    r["removed_on_ranking_half"],
                    f"{r['random']['mean']:.3f} [{r['random']['low']:.3f}, "
                    f"{r['random']['high']:.3f}] of {r['random']['n_sets']}",
                    r["random"]["largest"],
                    r["p"],
                ]
                for r in rows
            ],
            "Measured on the half that ranked nothing, 95 % intervals. A share under 0 means that "
            f"the {what} grew.",
        ),
    ]


def top_units(one: Contributions) -> list[dict[str, Any]]:
    """The units of one kind that add most, on the ranking half, with their contributions."""
    return [
        {
            "unit": unit,
            "contribution": Estimate(
                value=float(one.values[i]), low=float(one.low[i]), high=float(one.high[i]),
                n=one.n, method="Welch, 95 %",
            ).to_json(),
        }
        for i, unit in enumerate(one.units[:N_SHOWN])
    ]  # fmt: skip


def unit_table(kind: str, n_units: int, top: Sequence[Mapping[str, Any]], what: str) -> Table:
    """The units of one kind that add most.

    Args:
        n_units: Of that kind in the model.
        top: As :func:`top_units` gives them.
    """
    return Table(
        [kind, f"contribution to the {what}"],
        [[row["unit"], row["contribution"]] for row in top],
        f"The {len(top)} of {n_units:,} that add most, on the ranking half; all of them in "
        "units.csv. The first of a long list are too large on average.",
    )
