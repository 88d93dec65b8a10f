"""The report: what was asked, what can be said, the numbers, the planted truth, the limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attacks.bias.measures.small_cells import count_groups, said_of
from attacks.bias.probes.registry import get_probe
from attacks.bias.report.lead import lead_of
from attacks.bias.sections.caveats import limits_section, method_section, question_section
from attacks.bias.sections.findings import Context, association_section, finding, planted_section
from attacks.bias.sections.limits import LIMITS, ORGANISM
from attacks.bias.sections.rates import rates_section
from attacks.bias.sections.skew import retrieval_section
from attacks.bias.sections.wording import number
from clipprobe.report import Block, Images, Numbers, Page, Paragraph, Section, Table, Warning


def build_page(context: Context, images: Sequence[tuple[Any, str]] = ()) -> Page:
    """The whole page. The limits are part of it whatever was asked.

    Args:
        images: Some of the data set with their captions, where the user asked for them.
    """
    data, groups, limits = shared_sections(context)
    sections = [_opening(context), data, groups]
    for probe in context.questions:
        own = get_probe(probe).sections
        if own is not None:
            sections += own(context)
            continue
        for column in context.evaluation.columns:
            sections.append(association_section(context, probe, column))
            sections.append(retrieval_section(context, probe, column))
    for group in dict.fromkeys(c.planted.group for c in context.comparisons):
        sections.append(planted_section(context, group))
    sections += rates_section(context)
    sections += [*_power(context), *_images(images), _method(context), limits]
    return Page(
        title="Bias report by perceived or annotated group",
        subtitle=(
            f"{context.n_used:,} images, {context.evaluation.family_size:,} tests corrected "
            "together; perceived groups, never what a person is"
        ),
        sections=sections,
        provenance=context.provenance,
        lead=lead_of(context),
    )


def _opening(context: Context) -> Section:
    blocks = context.caveats.stamps
    blocks += [Paragraph(get_probe(name).question) for name in context.questions]
    blocks.append(key_figures(context))
    for probe in context.questions:
        sentence = get_probe(probe).sentence
        if sentence is not None:
            blocks.append(Paragraph(sentence(context)))
            continue
        blocks += [Paragraph(finding(context, probe, c)) for c in context.evaluation.columns]
    n_failed = len(context.caveats.people.failures)
    if n_failed:
        blocks.append(
            Warning(
                f"{n_failed} image(s) could not be read and take no part; the manifest "
                "names each with its reason."
            )
        )
    return question_section(blocks)


def key_figures(context: Context) -> Numbers:
    """The headline, and how many tests stand out."""
    flagged = sum(cell.flagged for cell in context.evaluation.cells)
    return Numbers(
        [
            *((item["name"], item["estimate"], item["meaning"]) for item in context.headline),
            (
                "flagged",
                f"{flagged} of {context.evaluation.family_size}",
                "tests that stand out, of all tests of this report, corrected together",
            ),
        ]
    )


def _groups(context: Context) -> Section:
    rows: list[list[Any]] = []
    for column in context.evaluation.columns:
        for value in column.sizes:
            size = column.shown_sizes.get(value, "not shown")
            rows.append([column.heading, value, size, said_of(column, value)])
    blocks: list[Block] = [
        Table(
            ["attribute", "annotated value", "images", "use"],
            rows,
            "Perceived or annotated groups and their sizes",
        )
    ]
    clusters = context.caveats.people.cluster_column
    if clusters:
        blocks.append(
            Paragraph(
                f"Images that share a value of {clusters!r} show one thing several times; "
                "they were resampled and permuted together."
            )
        )
    for name, counts in count_groups(context.evaluation.columns).items():
        blocks.append(Paragraph(f"{name.replace('_', ' ')}: {_sizes(counts)}"))
    return Section("Perceived or annotated groups", blocks, id="groups", short="Groups")


#: What becomes of groups of a size, in words.
_USES = {
    "inferred": "compared",
    "value_only": "insufficient to infer and shown without tests",
    "insufficient": "insufficient to show",
    "withheld": "withheld, because they would give a smaller group away",
}


def _sizes(sizes: Mapping[str, Any]) -> str:
    """What becomes of the groups of one column and of their images; no image is left out."""
    uses = []
    for use, meaning in _USES.items():
        if sizes["groups"][use]:
            images = f" ({sizes['images'][use]:,} images)" if use in sizes["images"] else ""
            uses.append(f"{sizes['groups'][use]}{images} are {meaning}")
    others = (
        f"; {sizes['not_shown']:,} images are in none of the groups shown or have no annotation"
        if sizes["not_shown"]
        else ""
    )
    return (
        f"{sizes['below_30']} of {sizes['n_groups']} groups have fewer than 30 images. Of the "
        f"groups {', '.join(uses)}{others}: {sizes['n_images']:,} images in all."
    )


def _power(context: Context) -> list[Section]:
    """The least effects that these sizes can show: without them nothing found means little."""
    if not context.power:
        return []
    rows = [
        [
            f"{one.column.replace('_', ' ')}: {one.group}", one.reference, one.n, one.n_reference,
            f"{one.alpha:.2g}", one.d, *map(number, (one.rise_from_5, one.rise_from_50)),
        ]
        for one in context.power
    ]  # fmt: skip
    first = context.power[0]
    return [
        Section(
            "What could have been found about perceived groups",
            [
                Paragraph(
                    f"The smallest true effect that a two-sided test finds with "
                    f"{100 * first.power:g} % power, at the level {first.alpha:g} and at that "
                    f"level over the {context.evaluation.family_size:,} tests of this report (the "
                    "Benjamini-Hochberg correction lies between). Smaller effects are likely to "
                    "be missed: that nothing is flagged says nothing about them. Where clusters "
                    "are named, clusters are counted."
                ),
                Table(
                    ["group", "against", "n", "n against", "level", "least |d|", "least rise of a "
                     "5 % rate", "of a 50 % rate"],
                    rows,
                    "Minimum detectable effect of each comparison of perceived or annotated groups",
                ),
            ],
            id="detectable",
            short="Power",
        )
    ]  # fmt: skip


def _method(context: Context) -> Section:
    options = context.settings
    blocks: list[Block] = [
        Paragraph(
            f"Intervals are at {100 * options.level:g} %: of associations percentile bootstraps "
            f"within groups ({options.n_boot:,} draws), of skews, Bias@k and entropy Wilson's on "
            "the k places, of rates Wilson's and Newcombe's (with clusters bootstraps of whole "
            f"clusters). p-values come from {options.n_permutations:,} permutations "
            f"of the group labels, two-sided for d. The {context.evaluation.family_size:,} tests "
            "were corrected together (Benjamini-Hochberg); a cell is flagged where q ≤ "
            f"{options.alpha:g}, a d or relative d only where also |d| ≥ {options.min_effect:g}. "
            "MaxSkew is tested against the dataset target, MinSkew and NDKL stand beside their "
            "null floors. Tied images share the places that are left. Seed: "
            f"{options.seed}."
        )
    ]
    controls = context.caveats.people.controls
    if controls:
        blocks.append(
            Paragraph(
                f"Group labels were permuted only among images that agree in "
                f"{', '.join(controls)}: p, q and null floors are about what these columns "
                "do not explain. Values and intervals are not adjusted."
            )
        )
    blocks += coarse_p_values(context)
    for name, (words, templates) in context.questions.items():
        if get_probe(name).answer is not None:
            continue  # its own section writes out every label and prompt
        blocks.append(
            Paragraph(
                f"Probe {name}. Sentences: {'; '.join(repr(t) for t in templates)} (several are "
                f"averaged). Words ({len(words)}): {', '.join(words)}. Default list: "
                f"{get_probe(name).words_source}."
            )
        )
    return method_section(blocks)


def coarse_p_values(context: Context) -> list[Block]:
    """A warning where too few permutations were made for the number of tests."""
    n, family = context.settings.n_permutations, context.evaluation.family_size
    if family <= context.settings.alpha * (n + 1):
        return []
    return [
        Warning(
            f"With {n:,} permutations a p-value cannot be smaller than {1 / (n + 1):.2g}, so a "
            f"single true difference among {family:,} tests could not be flagged: raise the "
            "number of permutations."
        )
    ]


def _images(images: Sequence[tuple[Any, str]]) -> list[Section]:
    if not images:
        return []
    return [
        Section(
            "Images of the annotated data set",
            [
                Warning(
                    "Images of people, included on request. They are a draw from the data set, "
                    "in no order and without any group: nothing is said about who is pictured."
                ),
                Images(list(images), exact=False),
            ],
            id="pictures",
            short="Images",
        )
    ]


def shared_sections(context: Context) -> tuple[Section, Section, Section]:
    """The data, the groups and the limits: what every report about groups holds."""
    first = [ORGANISM] if context.caveats.organism else []
    return context.caveats.section, _groups(context), limits_section([*first, *LIMITS])
