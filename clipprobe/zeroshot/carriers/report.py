"""What an audit of carriers leaves: its summary, its table of listed units, its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.report import Block, Page, Paragraph, Section, Table, Warning
from clipprobe.report.numbers import decimals
from clipprobe.report.sections import how_to_read, in_short
from clipprobe.tracing.report import (
    CONTROL,
    beside_random,
    removal_blocks,
    removal_lead,
    top_units,
    unit_table,
)

if TYPE_CHECKING:
    from clipprobe.runs import Run
    from clipprobe.tracing import Trace

_NOTES = (
    "The images are cut in two halves, of what is shown and of the rest, and whole pairs of things "
    "(or things) to one half where the images were rendered. One half ranks the units, the other "
    "measures: units that look best on some images look better there than they are.",
    "Contribution: the derivative of an image's score by the unit's activation, times the "
    "activation less its mean, summed over tokens; the mean over the images that show it less that "
    "over the others (attribution patching, arXiv:2310.10348). Removal: the activation is replaced "
    "by its mean over the ranking half, place by place, on every token.",
    "Confirmed: on the half that ranked nothing, a unit that is taken out by itself changes the "
    "score (labels permuted, Holm, p < 0.05), by at least a twentieth of it, and by more than "
    "97.5 % of random units of the same hook points.",
    CONTROL,
    "A unit that carries a score carries whatever differs between the images that show it and the "
    "others. Units that stand in for each other hide each other when one is taken out alone; the "
    "curve shows that.",
)
_NOT_THERE = (
    "{} is not told from 0 on the half that measures: the model does not tell these images apart "
    "by these texts, so no share of it is given, and what follows ranks units by noise."
)
_BELOW_0 = (
    "{} is below 0: the texts fit the images that show it less well than the others. Units are "
    "ranked by what they add to that."
)


def summarise(tracing: Trace, *, text: str, n_images: int, n_failed: int) -> dict[str, Any]:
    """The content of ``summary.json``."""
    value = tracing.estimate
    warnings = list(tracing.absent.values())
    score = tracing.score[0].upper() + tracing.score[1:]
    if value.low <= 0 <= value.high:
        warnings.insert(0, _NOT_THERE.format(score))
    elif value.high < 0:
        warnings.insert(0, _BELOW_0.format(score))
    return {
        "headline": [
            {
                "name": "score",
                "estimate": value.to_json(),
                "meaning": f"{tracing.score}, in logits: its mean over the images that show it "
                "less that over the others, on the half that measures",
            },
            *(
                {
                    "name": f"removed_by_{one.kind}s",
                    "estimate": one.removed.to_json(),
                    "meaning": f"without the {one.k} strongest: {beside_random(one, 'score')}",
                }
                for one in tracing.removals
                if one.chosen
            ),
        ],
        "warnings": warnings,
        "score": tracing.score,
        "asked": text,
        "n": {
            "images": n_images,
            "measured": tracing.n_measured,
            "measured_inside": tracing.n_inside,
            "failed": n_failed,
        },
        "listed": listed_rows(tracing),
        "random_units": {
            kind: {"n": len(ranking.random), "low": ranking.band[0], "high": ranking.band[1]}
            for kind, (_, ranking) in tracing.listed.items()
        },
        "removals": [one.to_json() for one in tracing.removals],
        "contributions": [
            {"kind": one.kind, "n_units": len(one.units), "top": top_units(one)}
            for one in tracing.ranked
        ],
    }


def listed_rows(tracing: Trace) -> list[dict[str, Any]]:
    """The strongest units of each kind, each taken out by itself."""
    return [
        {
            "kind": kind,
            "rank": one.rank,
            "unit": units[one.column],
            "confirmed": one.confirmed,
            "effect": one.effect.to_json(),
            "share": one.share.to_json(),
            "holm_p": one.holm_p,
        }
        for kind, (units, ranking) in tracing.listed.items()
        for one in ranking.units
    ]


def flat(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same rows for a table: estimates as columns."""
    return [
        {
            **{name: row[name] for name in ("kind", "rank", "unit", "confirmed", "holm_p")},
            **{
                f"{which}_{end}": row[which][end]
                for which in ("effect", "share")
                for end in ("value", "low", "high")
            },
            "n": row["effect"]["n"],
        }
        for row in rows
    ]


def build_page(run: Run, provenance: Mapping[str, Any]) -> Page:
    """The page, from the summary as it is on disk."""
    summary = run.read_json("summary.json")
    n = summary["n"]
    return Page(
        title="Which units carry it",
        subtitle=f"{summary['asked']}. {n['images']:,} images, {n['measured']:,} of them measure.",
        sections=sections_of(summary),
        provenance={**provenance, "settings": run.config},
        lead=removal_lead(
            summary["removals"],
            summary["headline"][0]["estimate"],
            what="score",
            named="the score",
            unit=" logits",
        ),
    )


def sections_of(summary: Mapping[str, Any]) -> list[Section]:
    """What the page says, from the summary alone."""
    sections = [in_short(summary, Paragraph(in_words(summary)))]
    for one in summary["contributions"]:
        kind = one["kind"]
        rows = [row for row in summary["removals"] if row["kind"] == kind]
        sections += [
            Section(
                f"Without the strongest {kind}s",
                removal_blocks(rows, kind, "score"),
                short=f"{kind.capitalize()}s out",
            ),
            Section(
                f"The strongest {kind}s",
                [*_listed(summary, kind), unit_table(kind, one["n_units"], one["top"], "score")],
                short=f"Top {kind}s",
            ),
        ]
    return [*sections, how_to_read(_NOTES)]


def in_words(summary: Mapping[str, Any]) -> str:
    """Which units the measuring half confirms, in a sentence."""
    confirmed = [row["unit"] for row in summary["listed"] if row["confirmed"]]
    listed = len(summary["listed"])
    if not confirmed:
        return f"None of the {listed} units that were taken out one by one is confirmed."
    return (
        f"{len(confirmed)} of the {listed} units that were taken out one by one are confirmed: "
        f"{', '.join(confirmed)}."
    )


def _listed(summary: Mapping[str, Any], kind: str) -> list[Block]:
    rows = [row for row in summary["listed"] if row["kind"] == kind]
    if not rows:
        return [Warning(f"No {kind} could be taken out.")]
    band = summary["random_units"][kind]
    return [
        Table(
            ["unit", "confirmed", "effect, logits", "share of the score", "Holm p"],
            [
                [
                    row["unit"],
                    "yes" if row["confirmed"] else "no",
                    row["effect"],
                    row["share"],
                    row["holm_p"],
                ]
                for row in rows
            ],
            f"Each taken out by itself, on the half that ranked nothing. 95 % of {band['n']} "
            f"random units of the same hook points lie between {decimals(band['low'])} and "
            f"{decimals(band['high'])} logits.",
        )
    ]
