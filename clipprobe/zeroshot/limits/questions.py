"""Questions about controlled images: scenes with known truth, and texts that claim things of them.

Every relation is asked in wordings that cross the order of mention with the relation word, because
a text tower that only keeps the order would otherwise look able. Objects are held out together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clipprobe.errors import DataError
from clipprobe.zeroshot.limits.items import Items

if TYPE_CHECKING:
    from PIL import Image

    from clipprobe.models import Clip
    from clipprobe.stimuli import Rendered, Scene


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageQuestion:
    """One image and the options about it."""

    scene: Scene
    options: tuple[str, ...]
    truth: int
    codes: tuple[tuple[int, ...], ...]
    """For each option, the entries of its code that are 1."""
    group: str
    wording: str
    cluster: str = ""
    """What intervals resample; the group where empty."""
    damage: Callable[[Rendered], Image.Image] | None = None
    """What is done to the rendered image, for which its mask is known."""


def shuffled(question: ImageQuestion, rng: np.random.Generator) -> ImageQuestion:
    """The same question with its options in another order, so that no place is right more often."""
    order = [int(i) for i in rng.permutation(len(question.options))]
    return replace(
        question,
        options=tuple(question.options[i] for i in order),
        truth=order.index(question.truth),
        codes=tuple(question.codes[i] for i in order),
    )


def encode(clip: Clip, questions: list[ImageQuestion], *, batch_size: int = 32) -> Items:
    """Vectors of questions; equal scenes and equal texts are encoded once.

    Raises:
        DataError: there is no question, or two options of one are the same text.
    """
    if not questions:
        raise DataError("There is no question: give at least one.")
    for one in questions:
        if len(set(one.options)) < len(one.options):
            raise DataError(f"Two options of a question are the same text: {one.options[0]!r}.")
    scenes = {id(one.scene): one for one in questions}
    place = {key: row for row, key in enumerate(scenes)}
    rendered = (image_of(one) for one in scenes.values())
    images = clip.encode_images(rendered, batch_size=batch_size)
    texts = list(dict.fromkeys(option for one in questions for option in one.options))
    vectors = dict(zip(texts, clip.encode_texts(texts), strict=True))
    width = 1 + max(entry for one in questions for code in one.codes for entry in code)
    codes = np.zeros((len(questions), len(questions[0].options), width))
    for row, one in enumerate(questions):
        for option, code in enumerate(one.codes):
            codes[row, option, list(code)] = 1
    return Items(
        images=images[[place[id(one.scene)] for one in questions]].astype(np.float64),
        texts=np.array([[vectors[o] for o in one.options] for one in questions], np.float64),
        truth=np.array([one.truth for one in questions]),
        codes=codes,
        groups=np.array([one.group for one in questions]),
        wordings=np.array([one.wording for one in questions]),
        clusters=np.array([one.cluster or one.group for one in questions]),
    )


def image_of(question: ImageQuestion) -> Image.Image:
    """The image of a question, with what was done to it."""
    from clipprobe.stimuli import render

    rendered = render(question.scene)
    return rendered.image if question.damage is None else question.damage(rendered)
