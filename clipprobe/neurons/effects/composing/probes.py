"""Rows for sparse composition: images with labels, or texts read through the units' own outputs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clipprobe.errors import ConfigError, DataError, UnsupportedHookError
from clipprobe.zeroshot.prompts import check_templates, fill

if TYPE_CHECKING:
    from clipprobe.models import Clip

EMOTION_PROMPTS = ("i feel {}", "a photo of a {} face", "a person who is {}")
_EMOTIONS = Path(__file__).parents[3] / "assets" / "concepts" / "emotions.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledTexts:
    """Texts with classes. ``groups``: rows of one group (one word) are never split apart."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, str]]) -> LabelledTexts:
        """From rows of text, label and group."""
        texts, labels, groups = zip(*rows, strict=True)
        return cls(texts=texts, labels=labels, groups=groups)


def emotion_texts(prompts: Sequence[str] = EMOTION_PROMPTS) -> LabelledTexts:
    """Ten families of feelings with eight common English words each, in every prompt.

    The words were chosen for clipprobe from everyday English; they are not the feeling wheel that
    the article used, and ten families are not a theory of emotion.
    ``assets/concepts/emotions.csv``.
    """
    prompts = check_templates(prompts)
    with _EMOTIONS.open(encoding="utf-8", newline="") as handle:
        rows = [(row["family"], row["word"]) for row in csv.DictReader(handle)]
    return LabelledTexts.of(
        (text, family, word) for family, word in rows for text in fill(prompts, word)
    )


def read_texts(path: Path) -> LabelledTexts:
    """A CSV with the columns ``text``, ``label`` and, where rows belong together, ``group``.

    Raises:
        DataError: it cannot be read, lacks a column, or has an empty cell.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(csv.DictReader(handle, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(
            f"The table {path} could not be read ({reason}): give a UTF-8 CSV with the columns "
            "text and label."
        ) from None
    for number, row in enumerate(rows, start=1):
        if not row.get("text") or not row.get("label"):
            raise DataError(
                f"Row {number} of {path} has no text or no label: the columns are text, label and "
                "maybe group."
            )
    if not rows:
        raise DataError(f"The table {path} holds no row: write a text and its label in each.")
    return LabelledTexts.of(
        (row["text"], row["label"], row.get("group") or row["text"]) for row in rows
    )


def joint_weights(
    clip: Clip, sites: Sequence[str] | None = None
) -> tuple[NDArray[np.float64], list[str]]:
    """What one unit of activation of each neuron writes in the joint space, along the direct path.

    ``projection (gain * centred column)``: the last norm's scale is the same for all and is left
    out. Neurons that act through later blocks have more effect than this shows.

    Args:
        sites: ``mlp.post`` hook points or globs of the vision tower; None for every block.
    Returns:
        ``(u, d_embed)`` and the addresses.
    Raises:
        UnsupportedHookError: another hook point, or a tower without an exact decomposition.
    """
    from clipprobe.hooks import resolve
    from clipprobe.tracing.parts import TowerParts

    points = resolve(clip, joint_sites(clip, sites))
    parts = TowerParts(clip, "vision")
    rows, names = [], []
    for point in points:
        weight = None
        if point.tower == "vision" and point.site == "mlp.post" and point.block is not None:
            weight = parts.tower.columns(point.block)
        if weight is None:
            raise UnsupportedHookError(
                f"{point.name} has no output column per unit: texts are read through neurons of "
                "the vision tower, such as vision.blocks.*.mlp.post."
            )
        column = weight.double()
        column = (column - column.mean(dim=0)) * parts.readout.gain[:, None]
        rows.append((parts.readout.matrix @ column).T.cpu().numpy())
        names += [f"{point.name}:{unit}" for unit in range(point.n_units)]
    return np.concatenate(rows), names


def joint_sites(clip: Clip, sites: Sequence[str] | None = None) -> list[str]:
    """The hook points of :func:`joint_weights`, by name."""
    from clipprobe.hooks import resolve

    return [point.name for point in resolve(clip, list(sites or ["vision.blocks.*.mlp.post"]))]


def text_values(
    clip: Clip, texts: Sequence[str], sites: Sequence[str] | None = None
) -> tuple[NDArray[np.float64], list[str]]:
    """``(n, u)``: how each unit's output reads with each text (the article's ``W x_text``)."""
    if not len(texts):
        raise ConfigError("There is no text to read units with: give at least one.")
    weights, names = joint_weights(clip, sites)
    return clip.encode_texts(list(texts)).astype(np.float64) @ weights.T, names
