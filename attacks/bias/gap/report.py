"""What an explained gap leaves on disk: units, removals, summary and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bias.gap.task import GapTask
from attacks.bias.sections.caveats import Caveats, limits_section, method_section, question_section
from clipprobe.arrays import Floats
from clipprobe.report import (
    Block,
    Chart,
    Numbers,
    Page,
    Paragraph,
    Section,
    Table,
    Warning,
)
from clipprobe.statistics import Estimate, difference_of_means
from clipprobe.study import Outcome
from clipprobe.tracing.sizes import ENOUGH

if TYPE_CHECKING:
    from clipprobe.tracing import Contributions, Removal

N_SHOWN = 25


@dataclass(frozen=True, kw_only=True)
class GapReport:
    """An explained gap, ready to be written.

    ``before``: scores of the images with the model as it is, ``(n,)``. ``absent``: kinds of unit
    that the model lacks -> why. ``heading``: the group column in words. ``caveats``: what is
    known about the images.
    """

    task: GapTask
    before: Floats
    ranked: Sequence[Contributions]
    removals: Sequence[Removal]
    absent: Mapping[str, str]
    heading: str
    words: Sequence[str]
    templates: Sequence[str]
    n_boot: int
    seed: int
    provenance: Mapping[str, Any]
    caveats: Caveats

    def outcome(self) -> Outcome[None]:
        """What is written."""
        import pyarrow as pa

        return Outcome(
            value=None,
            files=[("units.csv", pa.Table.from_pylist(_unit_rows(self.ranked)))],
            summary=self.summary,
            page=lambda run: self.page(run.read_json("summary.json")),
            used=len(self.task.rows),
            **self.caveats.people.counts,
        )

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``."""
        task, before, half = self.task, self.before, ~self.task.fit
        inside = task.score.inside
        assert inside is not None
        gap = difference_of_means(
            before[half & inside],
            before[half & ~inside],
            n_boot=self.n_boot,
            seed=self.seed,
        )
        return {
            "kind": "bias-gap",
            "headline": _headline(gap, self.removals),
            "word": task.word,
            "column": self.heading,
            "group": task.group,
            "reference": task.reference,
            "gap": gap,
            "n": {
                "pictures": len(task.rows),
                "measured": int(half.sum()),
                "clusters": len(set(task.clusters.tolist())),
                "failed": len(self.caveats.people.failures),
            },
            "words": list(self.words),
            "templates": list(self.templates),
            "removals": [one.to_json() for one in self.removals],
            "absent": dict(self.absent),
            **self.caveats.summary,
        }

    def page(self, summary: Mapping[str, Any]) -> Page:
        """The report, from the summary as it is on disk."""
        task = self.task
        return Page(
            title="Which units carry a gap between perceived or annotated groups",
            subtitle=f"“{task.word}” by {self.heading}: {task.group} against {task.reference}, "
            f"{len(task.rows):,} images",
            sections=_sections(summary, self.ranked, self.caveats),
            provenance={
                **self.provenance,
                "dataset": self.caveats.people.description,
                "seed": self.seed,
            },
        )


def _headline(gap: Any, removals: Sequence[Removal]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "name": "gap",
            "estimate": gap,
            "meaning": "mean score of the group less that of the others, on the measuring half",
        }
    ]
    for one in removals:
        if one.chosen:
            rows.append(
                {
                    "name": f"gap removed with {one.k} {one.kind}{'s' if one.k > 1 else ''}",
                    "estimate": one.removed,
                    "meaning": f"share of the gap that is gone without them; "
                    f"{len(one.random)} random sets of as many units of the same hook points "
                    f"remove {one.random.mean():.2f} on average and {one.random.max():.2f} at most "
                    f"(p {one.p:.3f})",
                }
            )
    return rows


def _unit_rows(ranked: Sequence[Contributions]) -> list[dict[str, Any]]:
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


def _sections(
    summary: Mapping[str, Any], ranked: Sequence[Contributions], caveats: Caveats
) -> list[Section]:
    word, group, reference = summary["word"], summary["group"], summary["reference"]
    opening: list[Block] = [
        *caveats.warnings,
        Paragraph(
            f"Asked: which heads and neurons of the image tower make “{word}” closer to images "
            f"annotated “{group}” than to those annotated “{reference}”, and what "
            "is left of that without them?"
        ),
        Numbers([(h["name"], h["estimate"], h["meaning"]) for h in summary["headline"]]),
    ]
    if summary["gap"]["low"] <= 0 <= summary["gap"]["high"]:
        opening.append(
            Warning(
                "The gap is not told from 0 on the half that measures, so no share of it is given: "
                "what follows ranks units by noise."
            )
        )
    opening += [Warning(reason) for reason in summary["absent"].values()]
    sections = [question_section(opening), caveats.section]
    of = f"of the gap by {summary['column']}"
    for one in ranked:
        rows = [r for r in summary["removals"] if r["kind"] == one.kind]
        sections.append(
            Section(f"Without the strongest {one.kind}s {of}", _removal(rows, one.kind))
        )
        sections.append(Section(f"The strongest {one.kind}s {of}", [_units(one)]))
    method = [
        "The images are cut in two halves, group by group, clusters whole. One half ranks the "
        "units, the other measures what their removal does: units that look best on some images "
        "look better there than they are.",
        "Contribution: the derivative of an image's score by the unit's activation, times the "
        "activation less its mean, summed over tokens; the mean over the group less that over the "
        "others (attribution patching, arXiv:2310.10348). Removal: the unit's activation is "
        "replaced by its mean over the ranking half, place by place, on every token.",
        "Control: sets of other units, with as many from each hook point, drawn at random; p "
        "counts those that remove at least as much. The number of units was chosen on the ranking "
        f"half (the fewest that remove {100 * ENOUGH:.0f} % there).",
        "A unit that carries a gap is not a unit for a group: it may carry whatever else differs "
        "between these images. Removing it changes other answers too; "
        "`clipprobe audit mitigate` measures what that costs.",
    ]
    sections.append(method_section([Paragraph(text) for text in method]))
    sections.append(limits_section(summary["limits"]))
    return sections


def _removal(rows: Sequence[Mapping[str, Any]], kind: str) -> list[Block]:
    from clipprobe.figures.bias_gap import removal_chart

    sentence = "; ".join(
        f"{r['k']}: {r['removed']['value']:.2f}" for r in rows if r["removed"]["value"] is not None
    )
    return [
        Chart(
            removal_chart(rows, kind),
            f"Share of the gap that is gone by the number of {kind}s taken out "
            f"({sentence or 'undefined'}), over the middle 95 % of random sets.",
        ),
        Table(
            ["taken out", "gap removed", "on the ranking half", "random sets", "at most", "p"],
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
            "the gap grew.",
        ),
    ]


def _units(one: Contributions) -> Table:
    rows = [
        [
            unit,
            Estimate(
                value=float(one.values[i]), low=float(one.low[i]), high=float(one.high[i]),
                n=one.n, method="Welch, 95 %",
            ),
        ]
        for i, unit in enumerate(one.units[:N_SHOWN])
    ]  # fmt: skip
    return Table(
        [one.kind, "contribution to the gap"],
        rows,
        f"The {len(rows)} of {len(one.units):,} that add most, on the ranking half; all of them in "
        "units.csv. The first of a long list are too large on average.",
    )
