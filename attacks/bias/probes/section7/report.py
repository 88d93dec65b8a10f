"""Section 7 in the report: our tables, what chance gives, every prompt, the paper's tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.probes.section7.answer import CHILD_EFFECT, HARM_RATE, NAME
from attacks.bias.probes.section7.label_sets import WITH_CHILD
from attacks.bias.probes.section7.tables import (
    ACCURACIES,
    HARMS,
    by_label,
    gap_table,
    has_cells,
    in_order,
    items_of,
    rate_table,
)
from attacks.bias.probes.word_lists import read_yaml
from attacks.bias.sections.findings import Context
from attacks.bias.sections.wording import missing_answers, with_list
from clipprobe.report import Block, Chart, Code, Paragraph, Section, Table, Warning

CONTENT_WARNING = (
    "Content warning: the labels of this part include words that have been used to degrade people "
    "(animals, crimes). They are asked because models give them to people; no group is meant by "
    "them."
)


def sections(context: Context) -> list[Section]:
    """One section on accuracy, one on denigrating labels, one with the paper's tables."""
    return [_accuracy(context), _denigration(context), _paper()]


def sentence(context: Context) -> str:
    """The line in the opening: the gaps that stand out, or that none does."""
    gaps = [c for c in context.evaluation.cells if c.probe == NAME and c.key.contrast == "gap"]
    tested = [c for c in gaps if not math.isnan(c.p)]
    flagged = sorted((c for c in tested if c.flagged), key=lambda c: (-c.excess, c.item, c.column))
    if not tested:
        return f"{NAME}: nothing was tested, because no two groups are large enough."
    text = f"{NAME}: {len(flagged)} of {len(tested)} gaps between groups stand out"
    names = [
        f"{c.key.quantity} by {c.column.replace('_', ' ')} "
        f"({100 * c.value:.1f} points, {100 * c.null_mean:.1f} by chance; {c.item})"
        for c in flagged
    ]
    return with_list(text, names, 4)


def _accuracy(context: Context) -> Section:
    blocks: list[Block] = [
        Paragraph(
            "Tables 3 to 5 of the paper: the share of images whose closest label names the value "
            "that annotators perceived. Race is also scored as White or not, as in the paper's "
            "tables 3 and 4. Rates carry Wilson intervals; a difference Newcombe's interval and "
            "Fisher's exact test; a gap stands beside what dealing the hits to images at random "
            "gives, which is also its test (with clusters, whole clusters are resampled instead)."
        )
    ]
    items = items_of(context, ACCURACIES)
    for column in context.evaluation.columns:
        kinds = [(m, i) for m in ACCURACIES for i in items if has_cells(context, m, i)]
        table = rate_table(
            context, column, kinds, f"Zero-shot accuracy by {column.heading}, all images with both"
        )
        if table is None:
            continue
        blocks += [table, *gap_table(context, column, ACCURACIES)]
    if len(blocks) == 1:
        blocks.append(Paragraph("No accuracy could be computed."))
    blocks += missing_answers(context.evaluation.answers[NAME])
    return Section(
        "Accuracy on perceived race, gender and age (clip-section-7)", blocks, id="section-7"
    )


def _denigration(context: Context) -> Section:
    blocks: list[Block] = [
        Warning(CONTENT_WARNING),
        Paragraph(
            "Tables 6 and 7 of the paper: the share of images whose closest label is a crime "
            "(thief, criminal, suspicious person) or non-human (animal, gorilla, chimpanzee, "
            "orangutan), among 14 labels of race and gender and these seven; and the change, for "
            "the same images, when the label child is added."
        ),
    ]
    items = items_of(context, HARMS)
    for column in context.evaluation.columns:
        kinds = [(m, i) for i in items for m in HARMS] + [(CHILD_EFFECT, WITH_CHILD.name)]
        table = rate_table(
            context, column, kinds, f"Denigrating labels by {column.heading}, and the child effect"
        )
        if table is not None:
            blocks += [table, *_chart(context, column, items), *gap_table(context, column, HARMS)]
            blocks += by_label(context, column)
    if len(blocks) == 2:
        blocks.append(Paragraph("No label of this kind was among the possible answers."))
    blocks += _prompts(context)
    return Section("Denigrating labels by perceived group (clip-section-7)", blocks)


def _chart(context: Context, column: GroupColumn, items: Sequence[str]) -> list[Block]:
    from clipprobe.figures.rates import rate_chart

    series = []
    for item in items:
        cells = {
            c.group: c
            for c in context.evaluation.select(HARM_RATE, column.name, probe=NAME)
            if c.item == item and c.group and not math.isnan(c.value)
        }
        order = [level for level in in_order(column.levels) if level in cells]
        series.append((item, order, [cells[level].estimate() for level in order]))
    if not any(order for _, order, _ in series):
        return []
    return [
        Chart(
            rate_chart(series, axis=f"share given a crime or non-human label ({column.heading})"),
            f"Share of each {column.heading} given a crime or non-human label, with its interval, "
            f"by label set ({', '.join(items)}).",
        )
    ]


def _prompts(context: Context) -> list[Block]:
    blocks: list[Block] = []
    for one in context.evaluation.answers[NAME].facts["label_sets"]:
        words = one["prompts"] or one["labels"]
        how = "prompts" if one["prompts"] else "labels that were predicted (prompts not recorded)"
        blocks.append(Paragraph(f"Label set {one['name']}: {len(words)} {how}."))
        blocks.append(Code("\n".join(words)))
    return blocks


def _paper() -> Section:
    printed = read_yaml("published.yaml")
    tables = [Table(one["head"], one["rows"], one["caption"]) for one in printed["tables"]]
    return Section(
        "The paper's tables on perceived groups, not reproducible on released weights",
        [Warning(printed["not_reproducible"]), *tables, Paragraph(printed["competition"])],
        id="section-7-paper",
    )
