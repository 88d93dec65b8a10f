"""One gap to be explained: the images of two groups, cut in two halves, and a score.

The score of an image is its cosine with one word, less its mean cosine over all words of the list
where there are three or more: what is particular to the word (the *relative* score of the report).
The gap is the mean score of the group less that of all other images.

Units are ranked on one half and measured on the other: the units that look best on some images
look better there than they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.bias.groups.columns import LEAST_CLUSTERS, GroupColumn
from clipprobe.arrays import Floats, Ints
from clipprobe.errors import DataError, nearest
from clipprobe.lines import count_words
from clipprobe.tracing import Score
from clipprobe.tracing.split import halves


@dataclass(frozen=True, slots=True, kw_only=True)
class GapTask:
    """A gap and the images that show it.

    ``word``, ``group``, ``reference``: whose score, whose gap, against whom.
    ``rows``: numbers of the images that take part, ``(n,)``.
    ``score``: of these images; its value is the gap.
    ``clusters``: ``(n,)``; images of one cluster are not independent.
    ``fit``: whether each ranks the units; the others measure, ``(n,)``.
    """

    word: str
    group: str
    reference: str
    rows: Ints
    score: Score
    clusters: Ints
    fit: NDArray[np.bool_]


def gap_task(
    texts: Floats,
    words: Sequence[str],
    word: str,
    column: GroupColumn,
    group: str,
    *,
    clusters: Ints | None,
    seed: int,
) -> GapTask:
    """Cut the images of a group column in two halves and set up one gap.

    Args:
        texts: Unit vectors of the words, ``(m, d)``.
        clusters: ``(n,)`` over all images; each image by itself where None.
    Raises:
        DataError: the word or the group is not there, or a side is too small to be cut in two.
    """
    check_question(words, word, column, group)
    direction = texts[list(words).index(word)].copy()
    if len(words) >= 3:
        direction -= texts.mean(axis=0)
    rows = np.flatnonzero(column.labels >= 0)
    inside = column.labels[rows] == column.levels.index(group)
    members = (rows if clusters is None else clusters[rows]).astype(np.int64)
    fit = halves(inside, members, seed, what=repr(group))
    fewest = min(
        len(np.unique(members[half & side])) for half in (fit, ~fit) for side in (inside, ~inside)
    )
    if fewest < LEAST_CLUSTERS:
        raise DataError(
            f"A half of the images has only {count_words(fewest, 'cluster')} on one side of "
            f"{group!r}: what they have in common would pass for the gap, so each half "
            f"needs {LEAST_CLUSTERS} of both."
        )
    return GapTask(
        word=word,
        group=group,
        reference=column.levels[1 - column.levels.index(group)]
        if len(column.levels) == 2
        else "rest",
        rows=rows.astype(np.int64),
        score=Score(name="the gap", direction=direction, inside=inside),
        clusters=members,
        fit=fit,
    )


def check_question(words: Sequence[str], word: str, column: GroupColumn, group: str) -> None:
    """Refuse a word or a group that is not there.

    Raises:
        DataError: the word is not one of the words, or the group not one that can be shown.
    """
    if word not in words:
        raise DataError(
            f"The word {word!r} is not in the list of {len(words)} words: name one of the list, or "
            "give a list that holds it (--words FILE, words=[...])."
        )
    if group not in column.levels:
        raise DataError(
            f"{group!r} is not a group of {column.name!r} with enough images: "
            f"{nearest(group, column.levels)}"
        )
