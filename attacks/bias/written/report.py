"""The page: what was asked, rates and shifts by group, differences beside chance, limits."""

from __future__ import annotations

import math
from typing import Any

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.cells import Key
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.report.page import coarse_p_values, key_figures, shared_sections
from attacks.bias.sections.caveats import method_section, question_section
from attacks.bias.sections.findings import Context
from attacks.bias.sections.wording import strongest, with_list
from attacks.bias.written.lead import lead_of
from attacks.bias.written.measures import difference_of, gap_of
from attacks.bias.written.question import Question
from attacks.bias.written.shifts import MARGIN_SHIFT, PROBE, SHIFT
from attacks.bias.written.tables import amount, column_section, unit
from clipprobe.report import Block, Code, Page, Paragraph, Section, Table, Warning

QUESTION = (
    "A word is written on images of people. Does it move the rate of a label more for one "
    "perceived or annotated group than for another?"
)
CONTENT_WARNING = (
    "Content warning: labels or words of this report have been used to degrade people ({words}). "
    "They are written and asked because models give them to people; no group is meant by them."
)
_MAX_NAMED = 6


def build_page(context: Context, question: Question, attack: dict[str, Any]) -> Page:
    """The whole page; the limits are part of it whatever was asked."""
    data, groups, limits = shared_sections(context)
    columns = [column_section(context, question, column) for column in context.evaluation.columns]
    return Page(
        title="Words written on images, by perceived or annotated group",
        subtitle=(
            f"{context.n_used:,} images, "
            f"{len(question.words)} word{'s' if len(question.words) > 1 else ''}, "
            f"{context.evaluation.family_size:,} tests corrected together; perceived groups, never "
            "what a person is"
        ),
        sections=[
            _opening(context, question),
            data,
            groups,
            *columns,
            _method(context, question, attack),
            limits,
        ],
        provenance=context.provenance,
        lead=lead_of(context, question),
    )


def content_warning(question: Question) -> str:
    """The warning before denigrating labels and words; empty where there is none."""
    if not question.denigrating:
        return ""
    return CONTENT_WARNING.format(words=", ".join(question.denigrating))


def sentence(context: Context, column: GroupColumn, shift: Key) -> str:
    """One neutral sentence: how many differences were tested, how many stand out, which."""
    cells = context.evaluation.select(difference_of(shift), column.name)
    tested = [cell for cell in cells if not math.isnan(cell.p)]
    start = f"By {column.heading}"
    if not tested:
        return (
            f"{start}: nothing was tested, because no two groups are large enough (30 images, and "
            "10 clusters where clusters are named)."
        )
    flagged = strongest(tested)
    text = f"{start}: {len(flagged)} of {len(tested)} differences of {shift}s stand out"
    if not flagged:
        widest = max(tested, key=lambda c: (c.high - c.low, c.item))
        return (
            f"{text} (q ≤ {context.settings.alpha:g}); the intervals below say which sizes remain "
            f"possible, the widest from {amount(shift, widest.low)} to "
            f"{amount(shift, widest.high)}{unit(shift)}."
        )
    names = [
        f"{c.item}: {amount(shift, c.value)}{unit(shift)} for {c.group} against {c.reference}"
        for c in flagged
    ]
    return with_list(text, names, _MAX_NAMED)


def _opening(context: Context, question: Question) -> Section:
    blocks = context.caveats.stamps
    warning = content_warning(question)
    blocks += [Warning(warning)] if warning else []
    blocks.append(Paragraph(QUESTION))
    blocks.append(key_figures(context))
    texts = [
        sentence(context, column, shift)
        for column in context.evaluation.columns
        for shift in (SHIFT, MARGIN_SHIFT)
    ]
    blocks += [Paragraph(text) for text in dict.fromkeys(texts)]
    people = context.caveats.people
    n_failed = len(people.failures) + len(people.unusable)
    if n_failed:
        blocks.append(
            Warning(
                f"{n_failed} image(s) could not be read or written on and take no part; "
                "the manifest names each with its reason."
            )
        )
    return question_section(blocks)


def _method(context: Context, question: Question, attack: dict[str, Any]) -> Section:
    options, label_set = context.settings, question.label_set
    family = context.evaluation.family_size
    knobs = ", ".join(f"{name} {value}" for name, value in sorted(attack.items()))
    blocks: list[Block] = [
        Paragraph(
            "Each image was answered clean and, for each word, with the word, a blank label and "
            "a nonsense word of the same length and shape in one place and size. Words written: "
            f"{', '.join(map(repr, question.words))}. How they were written: {knobs}."
        ),
        Paragraph(
            f"Intervals of differences are {100 * options.level:g} % percentile bootstraps within "
            f"groups ({options.n_boot:,} draws); p-values come from {options.n_permutations:,} "
            "permutations of the group labels (of whole clusters where clusters lie in one group, "
            "within clusters where they span groups), two-sided. Where all images of a side "
            "answer alike, the two sides' own intervals are put together (Zou and Donner 2008). "
            "The gap is the largest shift less the smallest; it is above 0 by chance, so it stands "
            "beside its null. Every difference "
            "between groups of 30 images and more was tested, and every gap over more than two "
            f"groups; the {family:,} tests were corrected together (Benjamini-Hochberg). A cell is "
            f"flagged where q ≤ {options.alpha:g}. Shifts themselves are not tested: their "
            f"intervals speak. Seed: {options.seed}."
        ),
        Paragraph(
            "A difference of shifts depends on the scale. A group whose rate is near 1 before the "
            "word is written cannot be moved up, and one whose images are far from the label may "
            "not be moved at all: look at the rates before the word, and at the gap of other "
            "labels, before reading a difference as a difference in reading. A word can also be "
            "harder to read on one group's images because of their colours, crowding or size."
        ),
        Paragraph(
            f"The closest of {len(label_set.labels)} labels was taken (several sentences of a "
            "label are averaged). Every label with its sentences:"
        ),
    ]
    lines = [f"{label}: {'; '.join(label_set.sentences(label))}" for label in label_set.labels]
    blocks.append(Code("\n".join(lines)))
    rows = [[o.word, o.label, o.why] for o in question.outcomes]
    blocks.append(Table(["word", "label followed", "why"], rows, "Whose rates were followed"))
    return method_section([*blocks, *coarse_p_values(context)])


def make_headline(evaluation: Evaluation, question: Question) -> list[dict[str, Any]]:
    """Of each word the label that it names (else the first followed): its shift, and the gaps
    between groups that are large enough."""
    headline: list[dict[str, Any]] = []
    for word in question.words:
        item = next(o.item for o in question.outcomes if o.word == word)
        first = evaluation.columns[0]
        whole = [c for c in evaluation.select(SHIFT, first.name) if c.item == item and not c.group]
        headline += [
            {
                "name": f"reading shift of {item}",
                "estimate": cell.estimate(),
                "meaning": "rate of the label with the word less that with a nonsense word in its "
                f"place, over the images compared by {first.heading}",
            }
            for cell in whole
        ]
        for column in evaluation.columns:
            headline += [
                {
                    "name": f"gap of reading shifts of {item} by {column.heading}",
                    "estimate": cell.estimate(),
                    "meaning": "largest shift less the smallest over groups; where groups do not "
                    f"matter it would be {cell.null_mean:.3f} on average and below "
                    f"{cell.null_high:.3f} in 95 % of cases",
                }
                for cell in evaluation.select(gap_of(SHIFT), column.name, probe=PROBE)
                if cell.item == item and cell.status == "inferred"
            ]
    return headline
