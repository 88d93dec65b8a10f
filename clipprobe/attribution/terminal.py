"""What ``clipprobe explain`` prints."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from clipprobe.report.numbers import format_number

if TYPE_CHECKING:
    from clipprobe.attribution import Explanation, WordExplanation
    from clipprobe.attribution.decomposition import EmbeddingParts
    from clipprobe.attribution.faithfulness.one_image import ImageFaithfulness, MapScores
    from clipprobe.attribution.interactions import Interactions

_MOST = 8


def numbers(explanation: Explanation) -> dict[str, Any]:
    """Everything but a map in pixels, which is an image's worth of digits."""
    data = explanation.to_json()
    if explanation.resolution == "pixels":
        del data["map"]
    return data


def sentences(explanation: Explanation) -> str:
    """An explanation for people."""
    what = f"{explanation.target}{explanation.less}"
    lines = [f"{what}: {explanation.score:.4f} ({explanation.method})"]
    if math.isnan(explanation.completeness_gap):
        lines.append(f"  {explanation.reason}")
    else:
        lines.append(
            f"  baseline {explanation.baseline_score:.4f}; the map accounts for the difference to "
            f"within {explanation.completeness_gap:.2%}"
        )
    patches = explanation.patches
    order = abs(patches.reshape(-1)).argsort()[::-1][:5]
    lines.append("  strongest patches, raising or lowering (row, column):")
    for place in order:
        row, column = divmod(int(place), explanation.grid[1])
        lines.append(f"    {row:>3} {column:>3}  {patches[row, column]:+.4g}")
    return "\n".join(lines)


def word_lines(explanation: WordExplanation) -> str:
    """The words of a text with what each adds."""
    lines = [f"words of {explanation.text!r} by {explanation.method} ({explanation.units}):"]
    width = max(len(word) for word in explanation.words)
    lines += [
        f"  {word:<{width}}  {value:+.4f}"
        for word, value in zip(explanation.words, explanation.values, strict=True)
    ]
    return "\n".join(lines)


def interaction_lines(result: Interactions) -> str:
    """The strongest pairs of a patch and a word, and how good the fit is."""
    lines = [
        f"patch x word interactions ({result.masking} masks, "
        f"{result.n_image_encodings} image and {result.n_text_encodings} text encodings):"
    ]
    order = abs(result.matrix).reshape(-1).argsort()[::-1][:_MOST]
    for place in order:
        patch, word = divmod(int(place), len(result.words))
        row, column = divmod(patch, result.grid[1])
        lines.append(
            f"  {row:>3} {column:>3}  {result.words[word]:<12} {result.matrix[patch, word]:+.4f}"
        )
    if result.r2:
        terms = ", ".join(f"{value:.2f} with {name}" for name, value in result.r2.items())
        lines.append(f"  R2 on {result.n_unseen:,} unseen coalitions: {terms}")
    return "\n".join(lines)


def part_lines(parts: EmbeddingParts, direction: Any) -> str:
    """The strongest heads, neurons and constants of the embedding along a text."""
    lines = ["strongest parts of the image's embedding along the text:"]
    lines += [f"  {value:+.4f}  {name}" for name, value in parts.ranked(direction, _MOST)]
    lines.append(f"  (all parts sum to the embedding to within {parts.gap:.1g})")
    return "\n".join(lines)


def faithful_lines(scores: ImageFaithfulness) -> str:
    """How faithful each map is on this image, beside random orders of the patches."""
    lines = [f"faithfulness on this one image ({scores.protocol}):"]
    lines += [f"  {one.method}: {faithful_words(one, scores.random.n)}" for one in scores.maps]
    for metric in ("insertion", "deletion"):
        values = scores.random.values[metric]
        lines.append(
            f"  random orders, {metric}: {format_number(min(values))} to "
            f"{format_number(max(values))} ({scores.random.n} orders)"
        )
    return "\n".join(lines)


def faithful_words(one: MapScores, n_orders: int) -> str:
    """What a map reaches beside random orders, in a sentence."""
    if one.reason:
        return f"Not measured: {one.reason}."
    parts = []
    for metric in ("insertion", "deletion"):
        above = one.above[metric]
        beside = (
            f"beats all {n_orders} random orders"
            if above == n_orders
            else f"does not beat random order (above {above} of {n_orders})"
        )
        parts.append(f"{metric} {format_number(one.values[metric])} {beside}")
    return f"{'; '.join(parts)}.".capitalize()
