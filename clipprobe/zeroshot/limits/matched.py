"""Two images, two captions: which goes with which?

The scores of Winoground (arXiv:2204.03162, section 3.1), for examples whose captions swap: *text*,
each image is nearer to its own caption; *image*, each caption is nearer to its own image; *group*,
both. Equal cosines are not right. Four scores in a random order are right in 1/4, 1/4 and 1/6 of
the examples: both own cosines must be the two largest of four.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Floats
from clipprobe.statistics import Estimate, wilson
from clipprobe.zeroshot.limits.items import Items

CHANCE: Mapping[str, float] = {"text score": 1 / 4, "image score": 1 / 4, "group score": 1 / 6}
MEANINGS: Mapping[str, str] = {
    "text score": "Share of the examples in which each image is nearer to its own caption.",
    "image score": "Share of the examples in which each caption is nearer to its own image.",
    "group score": "Share of the examples in which both hold.",
}
Right = npt.NDArray[np.bool_]


def right(cosines: Floats) -> dict[str, Right]:
    """Which examples are right, by score.

    Args:
        cosines: Of images and captions, ``(n, 2, 2)``; equal places belong together.

    Example:
        >>> found = right(np.array([[[0.3, 0.1], [0.4, 0.5]]]))
        >>> {name: one.tolist() for name, one in found.items()}
        {'text score': [True], 'image score': [False], 'group score': [False]}
    """
    own = np.diagonal(cosines, axis1=1, axis2=2)
    text: Right = np.all(own > cosines[:, [0, 1], [1, 0]], axis=1)
    image: Right = np.all(own > cosines[:, [1, 0], [0, 1]], axis=1)
    return {"text score": text, "image score": image, "group score": text & image}


def scores(items: Items) -> dict[str, Estimate]:
    """The three scores of the examples among some pairs; empty where there is none.

    An example is a group of two items, whose false caption is the other's true one.
    """
    cosines = []
    for group in dict.fromkeys(items.groups.tolist()):
        rows = np.flatnonzero(items.groups == group)
        if len(rows) != 2 or items.texts.shape[1] != 2:
            continue
        truth = items.truth[rows]
        own, other = items.texts[rows, truth], items.texts[rows, 1 - truth]
        if np.array_equal(own, other[::-1]):
            cosines.append(items.images[rows] @ own.T)
    if not cosines:
        return {}
    return {
        name: wilson(int(one.sum()), len(one)) for name, one in right(np.stack(cosines)).items()
    }
