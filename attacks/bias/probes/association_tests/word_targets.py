"""Words as targets: X and Y are two word sets, A and B the images of a group and of the others.

What all word sets and comparisons of a column have in common is computed once: sums over the images
of each group under every resample, from which the mean cosine of each side follows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from attacks.bias.measures.association_cells import Effects
from attacks.bias.measures.draws import Floats, chunk_rows, generator
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.group_sums import resampled_sums
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.subjects import percentile_interval
from attacks.bias.probes.association_tests.effect import (
    LEAST_DEFINED,
    Association,
    effect_sizes_of,
    seeded_test,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampled:
    """Cosines of every word summed over resampled images.

    ``sums``: ``(n_boot, n_groups, words)``; ``copies``: images, ``(n_boot, n_groups, 1)``.
    """

    sums: Floats
    copies: Floats

    def leans(self, group: int, words: slice) -> Floats:
        """Mean cosine with the group less that with the others, ``(n_boot, words)``."""
        sums, copies = self.sums[:, :, words], self.copies
        own, n_own = sums[:, group], copies[:, group]
        result: Floats = own / n_own - (sums.sum(1) - own) / (copies.sum(1) - n_own)
        return result


def resample(frame: Frame) -> Resampled:
    """The sums of all columns of a frame's scores under its bootstrap draws."""
    resamples = resampled_sums(frame.scores, frame.labels, frame.weights, len(frame.sizes))
    sums, copies = zip(*resamples, strict=True)
    return Resampled(sums=np.concatenate(sums), copies=np.concatenate(copies)[:, :, None])


def word_targets(
    words: slice,
    half: int,
    resampled: Resampled,
    images: Sequence[Effects],
    place: int,
    name: str,
) -> list[Association]:
    """The test of one word pair for every comparison.

    Args:
        words: Their columns in the frame's scores, X before Y. half: how many of them are X.
        images: The same pair with the images as targets, in column ``place``.
    """
    rows = []
    frame, settings = images[0].subject.frame, images[0].subject.settings
    words_of_half = _halves(frame, half, words.stop - words.start, settings, name)
    for one in images:
        [group] = one.subject.groups
        inside = frame.labels == group
        scores = frame.scores[:, words]
        s = scores[inside].mean(axis=0) - scores[~inside].mean(axis=0)
        test_name = f"{name}/{frame.column.name}/{group}"
        over_words = seeded_test(s[:half], s[half:], settings, test_name)
        leans = resampled.leans(group, words)
        x, y = (np.take_along_axis(leans, of, axis=1) for of in words_of_half)
        low, high = percentile_interval(
            effect_sizes_of(x, y), settings.level, least_defined=LEAST_DEFINED
        )
        # Words of one set resemble each other, so chance in the images moves them together and
        # makes the partitions of words look clear. The finding must hold over images as well.
        value, null = float(one.value[place]), one.null[:, place]
        undefined = math.isnan(value) or math.isnan(over_words.d)
        over_images = math.nan if undefined else one.subject.p(value, null)
        rows.append(replace(over_words, low=low, high=high, p=max(over_words.p, over_images)))
    return rows


def _halves(
    frame: Frame, half: int, n_words: int, settings: Settings, name: str
) -> tuple[Any, Any]:
    """Which words of X and of Y each draw takes, ``(n_boot, ...)``; the same for every group."""
    rng = generator(settings.seed, "words as targets", name, frame.column.name)
    x, y = [], []
    for rows in chunk_rows(settings.n_boot, len(frame.labels)):
        x.append(rng.integers(0, half, (rows, half)))
        y.append(rng.integers(half, n_words, (rows, n_words - half)))
    return np.concatenate(x), np.concatenate(y)
