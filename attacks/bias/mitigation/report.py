"""What a mitigation run leaves on disk: changes, summary and report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.groups.suppression import taking_part
from attacks.bias.mitigation.lead import lead_of
from attacks.bias.mitigation.measures import LEAST
from attacks.bias.sections.caveats import Caveats, limits_section, method_section, question_section
from clipprobe.report import Block, Chart, Numbers, Page, Paragraph, Section, Table, Warning
from clipprobe.study import Outcome

if TYPE_CHECKING:
    from attacks.bias.mitigation.work import MitigationResult, Work

WHAT = {
    "projection": "Calibrated projection of the texts (Chuang et al. 2023, arXiv:2302.00070)",
    "clip-clip": "CLIP-clip: dimensions that tell the groups apart are dropped (Wang et al. 2021, "
    "arXiv:2109.05433)",
    "ablation": "Ablation: the neurons that add most to the gaps are replaced by their means",
}


@dataclass(frozen=True, kw_only=True)
class MitigationReport:
    """Mitigations that were measured, ready to be written.

    ``work``: what was done to which images. ``absent``: methods that the model does not allow ->
    why. ``caveats``: what is known about the images.
    """

    work: Work
    results: Sequence[MitigationResult]
    absent: Mapping[str, str]
    caveats: Caveats

    def outcome(self) -> Outcome[None]:
        """What is written."""
        work, people = self.work, self.work.people
        provenance = {
            **work.clip.provenance(),
            "dataset": people.description,
            "seed": work.settings.seed,
        }
        return Outcome(
            value=None,
            files=self.files(),
            summary=self.summary,
            page=lambda run: _page(run.read_json("summary.json"), self.caveats, provenance),
            used=int(self.shown.sum()),
            **people.counts,
        )

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Which images are in a shown group of a column, ``(n,)``: no others are in a figure."""
        return taking_part(self.work.people.columns)

    def files(self) -> Iterator[tuple[str, Any]]:
        """The table, and each mitigation as an edit."""
        import pyarrow as pa

        yield "changes.csv", pa.Table.from_pylist(_rows(self.results))
        for one in self.results:
            yield one.file, one.edit.to_bytes()

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``."""
        work, failed = self.work, len(self.work.people.failures)
        target, *others = work.people.columns
        n_scored = int((self.shown & ~work.halves[0].fit).sum())
        return {
            "kind": "bias-mitigation",
            "headline": _headline(self.results),
            "column": target.heading,
            "others": [column.heading for column in others],
            "n": {"pictures": int(self.shown.sum()), "scored": n_scored, "failed": failed},
            "words": work.words,
            "templates": work.templates,
            "group_prompts": work.prompts,
            "methods": self.results,
            "absent": self.absent,
            **self.caveats.summary,
        }


def _headline(results: Sequence[MitigationResult]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{one.method}: change of aligned d",
            "estimate": one.changes[0].difference,
            "meaning": "after less before, on images that fitted nothing; 0 would be no change, "
            f"minus {one.changes[0].before.value:.3f} would leave none",
        }
        for one in results
    ]


def _rows(results: Sequence[MitigationResult]) -> list[dict[str, Any]]:
    rows = []
    for one in results:
        for change in one.changes:
            data = change.to_json()
            row = {"method": one.method, "measure": change.measure, "about": change.about}
            for part in ("before", "after", "difference"):
                row |= {f"{part}_{key}": data[part][key] for key in ("value", "low", "high")}
            rows.append(row | {"n": change.difference.n, "p": data["p"]})
    return rows


def _page(summary: Mapping[str, Any], caveats: Caveats, provenance: Mapping[str, Any]) -> Page:
    n = summary["n"]
    opening: list[Block] = [
        *caveats.warnings,
        Paragraph(
            f"Asked: does a mitigation take the association of {len(summary['words'])} words with "
            f"{summary['column']} away, on images that it was not fitted on, and what does it "
            "cost?"
        ),
        Numbers([(h["name"], h["estimate"], h["meaning"]) for h in summary["headline"]]),
        *(Warning(f"{name} was not possible: {why}") for name, why in summary["absent"].items()),
    ]
    sections = [question_section(opening), caveats.section]
    for one in summary["methods"]:
        title = f"By {summary['column']}: {WHAT[one['method']]}"
        sections.append(
            Section(title, _method(one), id=one["method"], short=one["method"].capitalize())
        )
    notes = [
        f"Half of the images of each group fitted the methods, the other ({n['scored']:,} of "
        f"{n['pictures']:,}) scored them; clusters stayed whole. All measures before and after are "
        "paired over the same images.",
        "Aligned d: for each word the sign of its relative d on the fitting half, times its "
        "relative d on the scoring half, averaged over words. It is 0 on average where nothing is "
        f"associated. Groups need {LEAST} images in each half.",
        "Prompts that named the groups: "
        + "; ".join(f"{group}: {text!r}" for group, text in summary["group_prompts"].items())
        + ". Words: " + ", ".join(summary["words"]) + ".",
        "An association that is gone from these words may remain in others, and in a classifier "
        "that is trained on the vectors: a change of the space is not proof that the group cannot "
        "be told any more.",
    ]  # fmt: skip
    sections.append(method_section([Paragraph(text) for text in notes]))
    sections.append(limits_section(summary["limits"]))
    return Page(
        title="Mitigations by perceived or annotated group, measured",
        subtitle=f"{n['pictures']:,} images, {len(summary['methods'])} methods, target "
        f"{summary['column']}",
        sections=sections,
        provenance=provenance,
        lead=lead_of(summary),
    )


def _method(one: Mapping[str, Any]) -> list[Block]:
    from clipprobe.figures.bias import change_chart

    changes = [c for c in one["changes"] if c["difference"]["value"] is not None]
    sentence = "; ".join(
        f"{c['measure']} ({c['about']}) {c['before']['value']:.3f} to {c['after']['value']:.3f}"
        for c in changes
    )
    blocks: list[Block] = [
        Chart(
            change_chart(changes), f"Before and after: {sentence or 'nothing could be measured'}."
        ),
        Table(
            ["measure", "before", "after", "difference", "p"],
            [
                [f"{c['measure']}, {c['about']}", c["before"], c["after"], c["difference"], c["p"]]
                for c in one["changes"]
            ],
            "The first line is what the method is for; further attributes are side effects; the "
            "AUC says how well a linear probe still tells the groups from the images' vectors "
            "(0.5: not at all); the last line is the cost. 95 % intervals; p is McNemar's.",
        ),
    ]
    blocks.append(
        Paragraph(
            f"This mitigation is an edit of the model, {one['edit']} in the folder of the run: "
            f"--edit {one['edit']} runs any audit under it."
        )
    )
    if one["method"] == "ablation":
        blocks.append(Paragraph(_control(one["fitted"])))
    return blocks


def _control(fitted: Mapping[str, Any]) -> str:
    listing = ", ".join(
        f"{k} {'leaves' if len(fitted['left_on_fitting_half']) == 1 else 'leave'} {value:.3f}"
        for k, value in sorted(
            fitted["left_on_fitting_half"].items(), key=lambda item: int(item[0])
        )
    )
    random = ", ".join(f"{value:.3f}" for value in fitted["random_sets"])
    return (
        f"{fitted['n_units']} neurons were taken out. Aligned d on the fitting half: {listing}. "
        f"Control: {len(fitted['random_sets'])} random sets of as many other neurons of the same "
        f"hook points leave {random} on the scoring half."
    )
