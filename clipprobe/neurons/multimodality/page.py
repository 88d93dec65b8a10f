"""The report of a multimodality test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from clipprobe.data import ImageRecord, decode_image
from clipprobe.errors import UnreadableImageError
from clipprobe.figures.multimodality import modality_dots, ranked_scores, score_histogram
from clipprobe.neurons.multimodality.claims import claim_table
from clipprobe.neurons.multimodality.contents import CLAIM, MultimodalityContents
from clipprobe.neurons.multimodality.lead import lead_of
from clipprobe.neurons.multimodality.probes import Probes
from clipprobe.neurons.multimodality.summary import summary_of, verdict_of
from clipprobe.report import Block, Chart, Images, Numbers, Page, Paragraph, Section, Table, Warning
from clipprobe.report.numbers import format_cell

N_LISTED = 30
N_WITH_IMAGES = 10
N_IMAGES = 6
_SIDE = 96


def page_of(result: MultimodalityContents, probes: Probes) -> Page:
    """The report, with the images in it."""
    sections = [_overview(result), _nulls(result), _units(result), _image_sheets(result, probes)]
    sections += [_concepts(result), *_controls(result), *_failed(result)]
    n_images = sum(sum(counts) for counts in result.n_images.values())
    return Page(
        title="Multimodal neurons",
        subtitle=f"{len(result.units):,} units of {result.config['model']['id']}, "
        f"{len(result.concepts)} concepts in {', '.join(result.modalities)}, {n_images:,} images, "
        f"pooled by {result.pooling}",
        sections=sections,
        provenance=result.provenance,
        lead=lead_of(result),
    )


def _overview(result: MultimodalityContents) -> Section:
    headline = summary_of(result)["headline"]
    numbers: list[tuple[str, Any, str]] = [
        (item["name"], item["estimate"], item["meaning"]) for item in headline
    ]
    blocks: list[Block] = [
        Paragraph(verdict_of(result)),
        Paragraph(
            "The score of a unit for a concept is its smallest AUROC over the modalities, against "
            "images of other concepts in the same modality. A unit's concept is chosen on one half "
            "of the images; scores are from the other half, which shows the same drawings and "
            "words in another way. The tests of each unit use all images. For the shuffled "
            "counts the concepts of a modality change places, and units select and confirm anew."
        ),
        Numbers(numbers),
        _beside(result),
        Paragraph(CLAIM),
    ]
    return Section("Overview", [*blocks, *(Warning(note) for note in result.notes)])


def _beside(result: MultimodalityContents) -> Block:
    """Every count beside its controls."""
    columns, rows = claim_table(result)
    caption = (
        "Every count, and the same count when coincidence is all there is: mean ± sd of the "
        "shuffles, with the one-sided p of as many as seen. One concept: the exact test of the "
        "unit's best concept on all images, its selection included, each modality given the "
        "others. Modalities related: the same against modalities that are all unrelated, which two "
        "that look alike can refute alone. Profiles agree: Spearman's correlation over all "
        "concepts between every two modalities, the largest of the p-values. All three by "
        f"Benjamini-Hochberg over the units, at {result.alpha:g}."
    )
    return Table(columns, rows, caption)


def _nulls(result: MultimodalityContents) -> Section:
    nulls, floor = result.nulls, result.floor
    random = None
    if floor is not None:
        known = floor.score[np.isfinite(floor.score)]
        random = np.histogram(known, bins=100, range=(0, 1))[0]
    selected = result.units["score"].to_numpy()
    confirmed = np.histogram(selected[np.isfinite(selected)], bins=100, range=(0, 1))[0]
    return Section(
        "Seen and expected",
        [
            Chart(
                score_histogram(nulls.pairs, nulls.pairs_null, what="pairs of unit and concept"),
                "Confirmed scores of all pairs of unit and concept (bars), and their mean count "
                "when whole concepts change places within each modality (line). Logarithmic.",
            ),
            Chart(
                score_histogram(nulls.units, nulls.units_null, what="units"),
                "Each unit's best concept on the confirming images, and the best concept of a unit "
                "under permutation: the best of many is high by chance.",
            ),
            Chart(
                score_histogram(confirmed, None, what="units", random=random),
                "Confirmed score of the concept that the other half selected"
                + (", and the same at random weights." if floor is not None else "."),
            ),
            Chart(
                ranked_scores(selected, None if floor is None else floor.score),
                "The same scores from the best unit down.",
            ),
        ],
    )


def _units(result: MultimodalityContents) -> Section:
    rows = result.ranked(N_LISTED)
    names = [f"{row['address']} {row['concept']}" for row in rows]
    dots = {
        name: [(row[f"auroc_{name}"], row[f"low_{name}"], row[f"high_{name}"]) for row in rows]
        for name in result.modalities
    }
    columns = ["concept, unit", "score", *result.modalities]
    tests = {"one concept, q": "q_each", "related, q": "q_exact", "profiles, q": "q_profile"}
    tests = {title: name for title, name in tests.items() if name in result.units}
    columns += ["d'", "purity", "balance", *tests, "floor"]
    table = [
        [
            f"{row['concept']}, {row['address']}",
            result.estimate(row),
            *(row[f"auroc_{name}"] for name in result.modalities),
            min(row[f"dprime_{name}"] for name in result.modalities),
            min(row[f"purity_{name}"] for name in result.modalities),
            row["balance"],
            *(row[name] for name in tests.values()),
            row["floor"],
        ]
        for row in rows
    ]
    caption = (
        f"The {len(rows)} best units by the smaller score of the two halves; AUROCs confirmed on "
        f"held-out images, pooled by {result.pooling}. n counts the concept's confirming images "
        "over all modalities; d' and purity are the smallest over them. Floor: share "
        "of the units of the same network at random weights that "
        "score at least as much. The first two q are of the unit's best concept on all images "
        "(`concept_exact` of the table): each modality given the others, and against modalities "
        "that are all unrelated."
    )
    return Section(
        "Best units",
        [
            Table(columns, table, caption),
            Chart(
                modality_dots(names[:15], {name: part[:15] for name, part in dots.items()}),
                "AUROC of the best units in each modality, with simultaneous 95 % intervals; 0.5 "
                "means no preference.",
            ),
        ],
    )


def _image_sheets(result: MultimodalityContents, probes: Probes) -> Section:
    blocks: list[Block] = [
        Paragraph(
            "The strongest images of the best units, a modality at a time, whatever they show. The "
            "caption gives the activation and the concept shown."
        )
    ]
    for row in result.ranked(N_WITH_IMAGES):
        estimate = result.estimate(row)
        unit = f"{row['address']} ({result.pool_of(row['site'])})"
        blocks.append(Paragraph(f"{unit}: {row['concept']}, score {format_cell(estimate)}"))
        strongest = strongest_images(result, probes, row, N_IMAGES)
        items = [
            (image, f"{name}, {value:.3g}: {concept}")
            for name, images in strongest.items()
            for image, value, concept in images
        ]
        blocks.append(Images(items, columns=N_IMAGES))
    return Section("Strongest images", blocks)


def strongest_images(
    result: MultimodalityContents, probes: Probes, row: Mapping[str, Any], limit: int
) -> dict[str, list[tuple[Image.Image, float, str]]]:
    """Modality -> image, activation and concept of a unit's strongest images."""
    records = {record.id: record for record in probes.dataset}
    top = result.top_images
    mine = top[(top["site"] == row["site"]) & (top["unit"] == row["unit"])]
    images: dict[str, list[tuple[Image.Image, float, str]]] = {}
    for name in result.modalities:
        rows = mine[mine["modality"] == name].head(limit)
        images[name] = [
            (_thumbnail(records[one.id]), float(one.value), str(one.concept))
            for one in rows.itertuples()
        ]
    return images


def _thumbnail(record: ImageRecord) -> Image.Image:
    try:
        image = decode_image(record)
    except UnreadableImageError:  # read a moment ago, and gone since
        return Image.new("RGB", (_SIDE, _SIDE), (225, 225, 225))
    image.thumbnail((2 * _SIDE, 2 * _SIDE), Image.Resampling.LANCZOS)
    return image


def _concepts(result: MultimodalityContents) -> Section:
    table = result.concept_table
    rows = [
        [
            row["concept"],
            *(row[f"n_{name}"] for name in result.modalities),
            f"{row['site']}:{row['unit']}",
            *(row[name] for name in ("score", "null_median", "null_95", "p_best", "q_best")),
        ]
        for row in table.head(N_LISTED).to_dict("records")
    ]
    columns = ["concept", *(f"n {name}" for name in result.modalities), "best unit", "score"]
    columns += ["null, median", "null, 95 %", "p", "q"]
    caption = (
        f"The {len(rows)} concepts with the best units, of {len(table)}. The null is the best of "
        "all units when whole concepts change places; p is the chance that it reaches the score, "
        "for one concept and all units."
    )
    return Section("Concepts", [Table(columns, rows, caption)])


def _controls(result: MultimodalityContents) -> list[Section]:
    if not len(result.controls):
        return []
    names = list(dict.fromkeys(result.controls["control"]))
    rows = []
    for (site, unit, concept), part in result.controls.groupby(
        ["site", "unit", "concept"], sort=False, observed=True
    ):
        cells = {row["control"]: _estimate(row) for row in part.to_dict("records")}
        rows.append([f"{site}:{unit}", concept, *(cells.get(name) for name in names)])
    caption = (
        "Words written anew in several fonts, sizes and places. Wrong words, nonsense, scrambled, "
        "blank: AUROC of the word over other concepts' words, random letters, its own letters in "
        "another order, and bare ground. Jitter: how far the mean response to the word moves with "
        "font, size and place, in standard deviations of the response to wrong words."
    )
    return [Section("Word controls", [Table(["unit", "concept", *names], rows, caption)])]


def _estimate(row: Mapping[str, Any]) -> Any:
    if str(row["control"]).startswith("jitter"):
        return float(row["value"])
    return {name: row[name] for name in ("value", "low", "high", "n", "reason")}


def _failed(result: MultimodalityContents) -> list[Section]:
    if not result.failures:
        return []
    rows = [[failure.id, failure.reason] for failure in result.failures[:N_LISTED]]
    caption = f"The first {len(rows)} of {len(result.failures)}; the manifest names all."
    return [Section("Images left out", [Table(["image", "reason"], rows, caption)])]
