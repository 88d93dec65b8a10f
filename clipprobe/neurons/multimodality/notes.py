"""What a reader must know before using the numbers of one test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.multimodality.scoring.profile import MIN_CONCEPTS

WITHDRAWN = "q_selected"
"""A column of older runs that is not read any more."""
WITHDRAWN_NOTE = (
    "The column q_selected of this older run is withdrawn and not read: both halves of the images "
    "show the same drawings and words, so the half that confirms is not independent of the choice."
)


def notes_of(
    confirming: NDArray[np.int64], family: int, alpha: float, config: Mapping[str, Any]
) -> tuple[str, ...]:
    """Sentences about the family, the resolution of p, unequal counts and the split.

    Args:
        confirming: Confirming images, ``(m, c)``.
        family: Pairs that were tested.
    """
    n_modalities, n_concepts = confirming.shape
    floor = float(n_concepts) ** -n_modalities
    notes = [
        f"q is Benjamini-Hochberg over {family:,} pairs of unit and concept: the family of all "
        "that was tested."
    ]
    if family and floor * family > alpha:
        needed = math.ceil(floor * family / alpha)
        text = (
            f"With {n_concepts} concepts in {n_modalities} modalities no p is below {floor:.1e}, "
        )
        if needed > family:
            text += "so nothing can be significant: bring more concepts (or modalities)."
        else:
            text += (
                f"so at least {needed:,} pairs must be that extreme before one is significant: "
                "more concepts, or fewer units, make the test sharper."
            )
        notes.append(text)
    smallest = float(n_concepts) ** (1 - n_modalities)
    if smallest > alpha:
        notes.append(
            f"With {n_concepts} concepts in {n_modalities} modalities no exact p is below "
            f"{smallest:.1g}, so no unit can pass the exact test: bring more concepts."
        )
    if n_concepts < MIN_CONCEPTS:
        notes.append(
            f"The profile test needs at least {MIN_CONCEPTS} concepts, and there are {n_concepts}: "
            "it is left out."
        )
    if confirming.max() >= 2 * confirming.min():
        notes.append(
            f"Concepts have {confirming.min()} to {confirming.max()} confirming images in a "
            "modality. Those with few reach extreme scores more easily; whole concepts are "
            "exchangeable only where counts are alike."
        )
    if config["split_share"] == 0:
        notes.append(
            "No images were held out (split_share is 0): the score of a unit's best concept is "
            "the best of many on the same images, and flatters it."
        )
    return tuple(notes)
