"""The score of one class, to be traced: which heads and units carry a class, a count, a relation?

The number of an image is the logit of the class less the mean logit of the others that it could be
called (one vector for each class, as the classifier has them), and the value is its mean over the
images of the class less that over all others. So what every class shares has no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from clipprobe.errors import DataError
from clipprobe.people import refuse_person_groups
from clipprobe.tracing import Score
from clipprobe.zeroshot.classifier import build_classifier
from clipprobe.zeroshot.prompts import TEMPLATES

if TYPE_CHECKING:
    from clipprobe.models import Clip


def class_score(
    clip: Clip,
    classes: Sequence[str],
    name: str,
    labels: Sequence[str],
    templates: Sequence[str] = TEMPLATES,
) -> Score:
    """How much more the images of a class are called by its name than all other images.

    Args:
        classes: What an image may be called, two or more: things, numbers, relations.
        name: The class whose units are sought.
        labels: The true class of each image, ``(n,)``.
    Raises:
        DataError: the class is not one of the classes, or no image has it as its label.
        ConfigError: a class says what a person in an image is.

    Example:
        >>> score = class_score(clip, ["one dog", "two dogs"], "two dogs", labels)  # doctest: +SKIP
        >>> trace(clip, images, score).confirmed                                    # doctest: +SKIP
        ('vision.blocks.3.mlp.post:17',)
    """
    refuse_person_groups(classes, "class_score")
    check_class(classes, name)
    inside = np.array([label == name for label in labels])
    if not inside.any() or inside.all():
        raise DataError(
            f"{int(inside.sum())} of {len(inside)} images have the label {name!r}: give images of "
            "it and of others."
        )
    vectors = build_classifier(clip, classes, templates).astype(np.float64)
    own = vectors[list(classes).index(name)]
    others = [row for row, other in zip(vectors, classes, strict=True) if other != name]
    return Score(
        name=f"the score of {name!r}",
        direction=own - np.mean(others, axis=0),
        factor=float(clip.scale),
        inside=inside,
    )


def check_class(classes: Sequence[str], name: str) -> None:
    """Refuse a class that has no score.

    Raises:
        DataError: it is not one of the classes, or there is no other.
    """
    if name not in classes or len(classes) < 2:
        some = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
        raise DataError(
            f"{name!r} is not one of two or more classes ({some}): its score is its logit less "
            "that of the others."
        )
