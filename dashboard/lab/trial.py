"""The typographic lab without its widgets: draw the conditions, read the answers.

One image is an anecdote: it has no interval, and its effect says nothing of other images.
:func:`attacks.typographic.audit_typographic` measures a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from attacks.typographic import TypographicAttack
from attacks.typographic.attack.controls import nonsense_word
from clipprobe.zeroshot.classes import Classes, key

MAX_WORD = 60


def with_added(names: Sequence[str], extra: Sequence[str]) -> tuple[list[str], list[str]]:
    """``names`` followed by those of ``extra`` that mean none of them, and what was added."""
    added: list[str] = []
    for name in extra:
        if key(name) and Classes([*names, *added]).index(name) is None:
            added.append(name)
    return [*names, *added], added


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One image under every condition, at the model's size.

    Attributes:
        images: Condition (``clean``, ``attack``, ``blank``, ``nonsense``) -> image. Without
            ``nonsense`` where no such word can be made.
        nonsense: The nonsense word; None where there is none.
        attack: What was written.
        box: Of its label: left, top, right, bottom, as shares of width and height.
    """

    images: dict[str, Image.Image]
    nonsense: str | None
    attack: TypographicAttack
    box: tuple[float, float, float, float]


def draw(base: Image.Image, attack: TypographicAttack, classes: Classes) -> Trial:
    """Write the word, and the controls in its place.

    Args:
        base: The image at the model's size.
        classes: No class name is taken for a nonsense word.
    Raises:
        TextFitError: the word does not fit.
    """
    attacked = attack(base)
    images = {
        "clean": base,
        "attack": attacked.image,
        "blank": attack.blank(attacked, base).image,
    }
    other = nonsense_word(attack.word, known=classes.known, key=(attack.seed, "lab"))
    if other is not None:
        control = attack.with_word(other).in_place_of(attacked, base, kind="nonsense")
        images["nonsense"] = control.image
    left, top, right, bottom = attacked.labels[0]
    width, height = attacked.image.size
    box = (left / width, top / height, right / width, bottom / height)
    return Trial(images=images, nonsense=other, attack=attack, box=box)


def reading_effect(shares: dict[str, npt.NDArray[np.float64]], target: int) -> float | None:
    """Probability of the word with it on the image, minus that with a nonsense word there.

    Args:
        shares: Condition -> probabilities ``(n_classes,)``.
        target: The class that means the word.
    Returns:
        None where there is no nonsense control.
    """
    if "nonsense" not in shares:
        return None
    return float(shares["attack"][target] - shares["nonsense"][target])
