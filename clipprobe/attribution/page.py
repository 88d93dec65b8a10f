"""An explanation as one page to click through: by method, by word, by patch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.attribution.explanation import Explanation
from clipprobe.attribution.registry import NULLS
from clipprobe.report import Block, Chart, MapExplorer, MapLayer, Page, Paragraph, Section, Table
from clipprobe.report import Warning as Note
from clipprobe.report.numbers import format_number

if TYPE_CHECKING:
    from clipprobe.attribution.decomposition import EmbeddingParts
    from clipprobe.attribution.faithfulness.one_image import ImageFaithfulness
    from clipprobe.attribution.interactions import Interactions
    from clipprobe.attribution.words_explained import WordExplanation
    from clipprobe.models import Clip

_NOTES = (
    "Orange raises the score, blue lowers it; the scale of each map is its own, and printed. Maps "
    "in pixels are summed over each patch.",
    "Methods disagree, and some are at chance at telling things apart: `clipprobe audit "
    "faithfulness` measures which to believe on this model. Pointing at a thing is not the same as "
    "saying why the model scored it so.",
)

FAITHFULNESS = "How faithful is each map on this image?"
_CURVES = {
    "insertion": "patches uncovered, strongest first",
    "deletion": "patches covered, strongest first",
}
_HOW_TO_READ = (
    "Insertion is the mean cosine while the strongest patches are uncovered first, deletion the "
    "mean, negated, while they are covered first: higher is better. A map that knows nothing beats "
    "all {n} random orders on one image in {more}; one that is smooth may gain by that alone, as "
    "the method centre shows, which reads nothing of the model. The text is read as it is, "
    "whatever was subtracted from it. One image is an anecdote: clipprobe audit faithfulness "
    "measures the methods on a set."
)


def explanation_page(
    clip: Clip,
    image: object,
    maps: Sequence[Explanation],
    *,
    words: WordExplanation | None = None,
    pairs: Interactions | None = None,
    parts: EmbeddingParts | None = None,
    faithful: ImageFaithfulness | None = None,
) -> Page:
    """Everything that is known of one score; see :func:`clipprobe.report.write_html`.

    Args:
        image: The image that was explained.
        maps: Of one target, at least one.
        words: What each word adds.
        pairs: Which patch with which word.
        parts: The image's embedding, taken apart; ranked along the text.
        faithful: How faithful the maps are on this image.
    """
    first = maps[0]
    sections = [
        Section("Maps", _explored(clip, image, maps, words, pairs)),
        Section("Methods", [_methods(maps), *(Paragraph(text) for text in _NOTES)]),
    ]
    if faithful is not None:
        sections.append(faithfulness_section(faithful))
    if words is not None:
        sections.append(Section("Words", [_words(words)]))
    if pairs is not None:
        sections.append(Section("Patches with words", [_pairs(pairs)]))
    if parts is not None:
        direction = clip.encode_texts([first.target])[0]
        sections.append(Section("Heads, neurons and constants", [_parts(parts, direction)]))
    what = "Activation" if first.kind == "unit" else "Cosine similarity"
    return Page(
        title=f"Why {first.target}?",
        subtitle=f"{what}{first.less}: {format_number(first.score)}",
        sections=sections,
        provenance={**first.provenance, "methods": [one.method for one in maps]},
    )


def faithfulness_section(scores: ImageFaithfulness) -> Section:
    """Insertion and deletion of every map beside random orders: a table, curves, how to read it."""
    from clipprobe.figures.tracing import patch_chart

    n, charts = scores.random.n, list[Block]()
    for metric, what in _CURVES.items():
        chart = patch_chart(
            scores.shares,
            {one.method: one.curves[metric] for one in scores.maps if not one.reason},
            (scores.random.low[metric], scores.random.high[metric]),
            what=what,
            axis="cosine",
            control=f"{n} random orders, lowest to highest",
        )
        alt = f"{metric.capitalize()}: cosine of the image with “{scores.text}” by method, {what}"
        charts.append(Chart(chart, alt))
    return Section(
        FAITHFULNESS,
        [Paragraph(_HOW_TO_READ.format(n=n, more=n + 1)), _faithful(scores), *charts],
    )


def _faithful(scores: ImageFaithfulness) -> Table:
    """The controls lead, so that they stay in sight where a long table is folded."""
    n = scores.random.n
    rows = []
    for name, end in (("lowest", min), ("highest", max)):
        ends = [format_number(end(scores.random.values[metric])) for metric in _CURVES]
        rows.append([f"{name} random order", "the control", *ends])
    for one in sorted(scores.maps, key=lambda one: one.method not in NULLS):
        beaten = [metric for metric in _CURVES if one.above[metric] == n]
        rows.append([one.method, one.reason or " and ".join(beaten) or "neither"])
        for metric in _CURVES:
            value = format_number(one.values[metric])
            above = one.above[metric]
            rows[-1].append(value if above is None else f"{value}, above {above} of {n}")
    controls = "random orders"
    if any(one.method in NULLS for one in scores.maps):
        controls += ", and maps that know nothing of the model"
    return Table(
        ["method", "beats random order by", *_CURVES],
        rows,
        f"n = 1 image, no interval; {scores.n_encodings:,} images were encoded; {scores.protocol}. "
        f"First the controls: {controls}.",
    )


def _explored(
    clip: Clip,
    image: object,
    maps: Sequence[Explanation],
    words: WordExplanation | None,
    pairs: Interactions | None,
) -> list[Block]:
    layers = [MapLayer(one.method, one.patches.tolist(), one.units) for one in maps]
    named: list[tuple[str, float | None]] = []
    if pairs is not None:
        named = [
            (word, float(value)) for word, value in zip(pairs.words, pairs.word_values, strict=True)
        ]
        layers += [
            MapLayer(
                f"patches with the word {word}",
                pairs.map(number).tolist(),
                "cosine similarity that the patch and the word add together",
                number,
            )
            for number, word in enumerate(pairs.words)
        ]
    if words is not None:
        named = [
            (word, float(value)) for word, value in zip(words.words, words.values, strict=True)
        ]
    rows, columns = maps[0].grid
    alt = (
        f"What the model sees, {rows} x {columns} patches, under {len(layers)} maps of "
        f"{maps[0].target}"
    )
    explorer = MapExplorer(clip.preprocess.to_grid(image), layers, alt, named)
    cautions = dict.fromkeys(f"{one.caution}." for one in maps if one.caution)
    return [explorer, *(Note(text[0].upper() + text[1:]) for text in cautions)]


def _methods(maps: Sequence[Explanation]) -> Table:
    return Table(
        ["method", "what the numbers are", "sum of the map", "constant", "completeness gap"],
        [
            [
                one.method,
                one.units,
                format_number(float(one.map.sum())),
                format_number(one.constant) if one.constant else "",
                one.reason
                if math.isnan(one.completeness_gap)
                else f"{one.completeness_gap:.2%} of "
                f"{format_number(one.score - one.baseline_score)}",
            ]
            for one in maps
        ],
        "What each map is, and whether it sums to the score.",
    )


def _words(explanation: WordExplanation) -> Table:
    return Table(
        ["word", "adds"],
        [
            [word, float(value)]
            for word, value in zip(explanation.words, explanation.values, strict=True)
        ],
        f"By {explanation.method}: {explanation.units}.",
    )


def _pairs(result: Interactions) -> Table:
    fits = ", ".join(f"{value:.2f} with {name}" for name, value in result.r2.items())
    rows = [
        [word, float(value), float(column.max()), float(column.min())]
        for word, value, column in zip(
            result.words, result.word_values, result.matrix.T, strict=True
        )
    ]
    return Table(
        ["word", "alone", "with its best patch", "with its worst patch"],
        rows,
        f"Second order, {result.n_image_encodings:,} image and "
        f"{result.n_text_encodings:,} text encodings. R2 on {result.n_unseen:,} unseen "
        f"coalitions: {fits or 'not measured'}.",
    )


def _parts(parts: EmbeddingParts, direction: Any) -> Table:
    return Table(
        ["part", "cosine similarity"],
        [[name, value] for name, value in parts.ranked(direction, 20)],
        f"The strongest of all parts; together they are the embedding to {parts.gap:.1g}.",
    )
