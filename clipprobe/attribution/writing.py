"""An explanation as a file: an image, a page to click through, or arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.errors import ConfigError
from clipprobe.runs.files import file_errors, write_atomically

if TYPE_CHECKING:
    from PIL import Image

    from clipprobe.attribution import Explanation, WordExplanation
    from clipprobe.attribution.decomposition import EmbeddingParts
    from clipprobe.attribution.faithfulness.one_image import ImageFaithfulness
    from clipprobe.attribution.interactions import Interactions
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFindings:
    """What was found of one score."""

    image: object
    """The image."""
    maps: Sequence[Explanation]
    """Of one target, at least one."""
    words: WordExplanation | None = None
    """What each word adds."""
    pairs: Interactions | None = None
    """Which patch with which word."""
    parts: EmbeddingParts | None = None
    """The image's embedding, taken apart."""
    faithful: ImageFaithfulness | None = None
    """How faithful the maps are on this image."""


def check_suffix(out: Path) -> None:
    """Refuse a name whose kind of file is not known.

    Raises:
        ConfigError: says which there are.
    """
    if out.suffix.lower() not in WRITERS:
        raise ConfigError(
            f"A map is written as an image (.png), a page (.html) or arrays (.safetensors), and "
            f"{out} ends otherwise: name it map.png."
        )


def write_explained(clip: Clip, findings: ScoreFindings, out: Path) -> None:
    """Write what the suffix says: ``.png``, ``.html`` or ``.safetensors``."""
    check_suffix(out)
    with file_errors(out):
        WRITERS[out.suffix.lower()](clip, findings, out)


def sheet_of(clip: Clip, findings: ScoreFindings) -> Image.Image:
    """A panel of one map or several side by side, a map per word, and the words in colours."""
    from clipprobe.figures.attribution import below, panel, side_by_side, words_in_colour

    view = clip.preprocess.to_grid(findings.image)
    first = findings.maps[0]
    maps: list[tuple[str, Any]] = [(one.method, one.patches) for one in findings.maps]
    if findings.pairs is not None:
        named = findings.pairs.words
        maps += [(f"with {word!r}", findings.pairs.map(n)) for n, word in enumerate(named)]
    if len(maps) == 1:
        sheet = panel(view, first.patches, first.map if first.resolution == "pixels" else None)
    else:
        sheet = side_by_side(view, maps)
    for title, words, values in _word_values(findings):
        sheet = below(sheet, words_in_colour(words, values, title=title, width=sheet.width))
    return sheet


def arrays(findings: ScoreFindings) -> dict[str, Any]:
    """Named arrays: each method's map, its patches, words, and the matrix of patches and words."""
    tensors: dict[str, Any] = {}
    for one in findings.maps:
        tensors |= {f"{one.method}.map": one.map, f"{one.method}.patches": one.patches}
    if findings.words is not None:
        tensors["words"] = findings.words.values
    if findings.pairs is not None:
        tensors |= {
            "interactions": findings.pairs.matrix,
            "interactions.words": findings.pairs.word_values,
        }
    return {name: np.ascontiguousarray(value) for name, value in tensors.items()}


def _word_values(findings: ScoreFindings) -> list[tuple[str, Sequence[str], Any]]:
    rows: list[tuple[str, Sequence[str], Any]] = []
    if findings.words is not None:
        rows.append(
            (f"words by {findings.words.method}", findings.words.words, findings.words.values)
        )
    if findings.pairs is not None:
        rows.append(("words alone", findings.pairs.words, findings.pairs.word_values))
    return rows


def _png(clip: Clip, findings: ScoreFindings, out: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    sheet = sheet_of(clip, findings)
    notes = PngInfo()
    for name in ("target", "method", "units", "score"):
        texts = dict.fromkeys(str(getattr(one, name)) for one in findings.maps)
        notes.add_itxt(name, " | ".join(texts))
    write_atomically(out, lambda path: sheet.save(path, "PNG", pnginfo=notes))


def _html(clip: Clip, findings: ScoreFindings, out: Path) -> None:
    from clipprobe.attribution.page import explanation_page
    from clipprobe.report import write_html

    page = explanation_page(
        clip,
        findings.image,
        findings.maps,
        words=findings.words,
        pairs=findings.pairs,
        parts=findings.parts,
        faithful=findings.faithful,
    )
    write_html(page, out)


def _arrays(clip: Clip, findings: ScoreFindings, out: Path) -> None:
    from clipprobe.runs.tables import write_arrays

    tensors = arrays(findings)
    write_atomically(out, lambda path: write_arrays(path, tensors))


WRITERS: Mapping[str, Callable[[Any, ScoreFindings, Path], None]] = {
    ".png": _png,
    ".html": _html,
    ".safetensors": _arrays,
}
"""Suffix -> what writes it."""
