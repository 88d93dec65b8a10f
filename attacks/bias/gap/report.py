"""What an explained gap leaves on disk: units, removals, summary and report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attacks.bias.gap.task import GapTask
from attacks.bias.measures.subjects import percentile_interval
from attacks.bias.sections.caveats import Caveats, limits_section, method_section, question_section
from clipprobe.arrays import Floats
from clipprobe.report import Block, Numbers, Page, Paragraph, Section, Warning
from clipprobe.report.words import side_of
from clipprobe.statistics import Estimate, difference_of_means
from clipprobe.statistics.resampling import nested
from clipprobe.study import Outcome
from clipprobe.tracing.report import (
    CONTROL,
    beside_random,
    removal_blocks,
    removal_lead,
    top_units,
    unit_rows,
    unit_table,
)

if TYPE_CHECKING:
    from clipprobe.tracing import Contributions, Removal


@dataclass(frozen=True, kw_only=True)
class GapReport:
    """An explained gap, ready to be written.

    ``before``: scores of the images with the model as it is, ``(n,)``. ``absent``: kinds of unit
    that the model lacks -> why. ``weights``: resamples ``(n_boot, n_measuring)`` of the measuring
    half, clusters whole. ``heading``: the group column in words. ``caveats``: what is known about
    the images.
    """

    task: GapTask
    before: Floats
    weights: Floats
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
            files=[("units.csv", pa.Table.from_pylist(unit_rows(self.ranked)))],
            summary=self.summary,
            page=lambda run: self.page(run.read_json("summary.json")),
            used=len(self.task.rows),
            **self.caveats.people.counts,
        )

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``."""
        task, half, gap = self.task, ~self.task.fit, self.gap()
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

    def gap(self) -> Estimate:
        """The gap on the measuring half; images of one cluster are resampled together."""
        task, before, half = self.task, self.before, ~self.task.fit
        inside = task.score.inside
        assert inside is not None
        if len(np.unique(task.clusters)) == len(task.clusters):
            return difference_of_means(
                before[half & inside],
                before[half & ~inside],
                n_boot=self.n_boot,
                seed=self.seed,
            )
        draws = task.score.values(before, half, self.weights)
        low, high = percentile_interval(draws, 0.95)
        defined = low < high
        # One cluster that spans the sides, and all are drawn over both at once.
        within = (
            " within groups" if nested(inside[half].astype(np.int64), task.clusters[half]) else ""
        )
        return Estimate(
            value=task.score.value(before, half),
            low=low if defined else math.nan,
            high=high if defined else math.nan,
            n=int(half.sum()),
            method=f"percentile bootstrap of clusters{within}, {len(draws)} draws, 95 %",
            reason=""
            if defined
            else "no interval: a resample left a group empty, or all gave the same value",
        )

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
            lead=removal_lead(
                summary["removals"],
                summary["gap"],
                what="gap",
                named=f"the gap of “{task.word}” between {task.group} and {task.reference}",
                unit="",
            ),
        )


def _headline(gap: Any, removals: Sequence[Removal]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "name": "gap",
            "estimate": gap,
            "meaning": "mean score of the group less that of the others, on the measuring half",
        }
    ]
    return rows + [
        {
            "name": f"gap removed with {one.k} {one.kind}{'s' if one.k > 1 else ''}",
            "estimate": one.removed,
            "meaning": beside_random(one, "gap"),
        }
        for one in removals
        if one.chosen
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
    if side_of(summary["gap"]) == 0:
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
            Section(
                f"Without the strongest {one.kind}s {of}",
                removal_blocks(rows, one.kind, "gap"),
                short=f"{one.kind.capitalize()}s out",
            )
        )
        table = unit_table(one.kind, len(one.units), top_units(one), "gap")
        title = f"The strongest {one.kind}s {of}"
        sections.append(Section(title, [table], short=f"Top {one.kind}s"))
    method = [
        "The images are cut in two halves, group by group, clusters whole. One half ranks the "
        "units, the other measures what their removal does: units that look best on some images "
        "look better there than they are.",
        "Contribution: the derivative of an image's score by the unit's activation, times the "
        "activation less its mean, summed over tokens; the mean over the group less that over the "
        "others (attribution patching, arXiv:2310.10348). Removal: the unit's activation is "
        "replaced by its mean over the ranking half, place by place, on every token.",
        CONTROL,
        "A unit that carries a gap is not a unit for a group: it may carry whatever else differs "
        "between these images. Removing it changes other answers too; "
        "`clipprobe audit mitigate` measures what that costs.",
    ]
    sections.append(method_section([Paragraph(text) for text in method]))
    sections.append(limits_section(summary["limits"]))
    return sections
