"""What is explained: an image, clean and with a word on it, beside two controls and the ink mask.

The drawing is the audit's own, so the same settings give the same pixels as
:func:`attacks.typographic.audit_typographic`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.render import Renderer
from attacks.typographic.task import Task
from clipprobe.data import Failure
from clipprobe.errors import TextFitError
from clipprobe.models import Clip
from clipprobe.zeroshot.classes import Classes

#: What each image is run as. ``blank`` and ``nonsense`` stand in the place of the attack.
CONDITIONS = ("clean", "blank", "nonsense", "attack")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedImage:
    """One image and the word to be written on it.

    ``label``, ``target``: numbers of the true class and of the class that the word means.
    """

    case: Case
    word: str
    label: int
    target: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageConditions:
    """A planned image under all conditions.

    ``images``: condition -> what the model sees, RGB.
    ``ink``: ``(n_patches,)`` whether a patch of the model's grid holds any ink of the attack.
    """

    planned: PlannedImage
    images: dict[str, Image.Image]
    ink: npt.NDArray[np.bool_]


def plan(
    task: Task,
    cases: Sequence[Case],
    *,
    vectors: npt.NDArray[np.float32],
    clean_logits: npt.NDArray[np.float32] | None,
) -> tuple[list[PlannedImage], list[Failure]]:
    """Choose the words as the audit does; leave out what has no logit to explain.

    Args:
        vectors: Unit text vectors of the classes, ``(n_classes, d)``.
        clean_logits: ``(n_cases, n_classes)``, for the strategy ``runner-up``.
    """
    planned: list[PlannedImage] = []
    left_out: list[Failure] = []
    for row, case in enumerate(cases):
        scores = None
        if task.words.strategy.endswith("-similar"):
            scores = vectors @ vectors[case.label]
        elif task.words.needs_clean_scores and clean_logits is not None:
            scores = clean_logits[row]
        words = task.words_of(case, scores)
        if not words:
            left_out.append(Failure(case.record.id, "every attack word means its true label"))
        for one in (of_word(case, word, task.classes) for word in words):
            if isinstance(one, Failure):
                left_out.append(one)
            else:
                planned.append(one)
    return planned, left_out


def of_word(case: Case, word: str, classes: Classes) -> PlannedImage | Failure:
    """The plan for one word, or why it cannot be explained."""
    target = classes.index(word)
    if target is None:
        return Failure(
            case.record.id, f"its word {word!r} means no class, so it has no logit to explain"
        )
    if classes.group[target] == classes.group[case.label]:
        return Failure(case.record.id, f"its word {word!r} means its true label")
    return PlannedImage(case=case, word=word, label=case.label, target=int(target))


@dataclass(frozen=True, slots=True)
class Drawer:
    """Draws planned images for one model."""

    clip: Clip
    renderer: Renderer
    """The audit's; it decides words' places and controls."""

    def draw(self, planned: PlannedImage) -> ImageConditions | Failure:
        """All conditions of one image, or why it is left out.

        Raises:
            UnreadableImageError: it cannot be decoded.
        """
        record = planned.case.record
        try:
            base = self.renderer.base(planned.case)
            written = {
                kind: image
                for kind, image in self.renderer.conditions(planned.case, base, planned.word)
                if kind in CONDITIONS
            }
        except TextFitError as error:
            return Failure(record.id, str(error))
        for kind in ("blank", "nonsense"):
            if kind not in written:
                return Failure(
                    record.id, f"there is no {kind} control for the word {planned.word!r}"
                )
        images = {"clean": base, **{kind: one.image for kind, one in written.items()}}
        return ImageConditions(
            planned=planned,
            images={kind: self._view(images[kind]) for kind in CONDITIONS},
            ink=self._ink(written["attack"].mask),
        )

    def all_of(self, planned: Sequence[PlannedImage]) -> list[ImageConditions]:
        """Images that are known to be drawable."""
        results = [self.draw(one) for one in planned]
        return [one for one in results if isinstance(one, ImageConditions)]

    def pixels(self, images: Sequence[ImageConditions], condition: str) -> Any:
        """Preprocessed pixels ``(b, 3, H, W)`` of one condition."""
        return self.clip.preprocess([one.images[condition] for one in images])

    def _view(self, image: Image.Image) -> Image.Image:
        if self.clip.preprocess.keeps(image.height, image.width):
            return image
        return self.clip.preprocess.to_grid(image)

    def _ink(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        if not self.clip.preprocess.keeps(*mask.shape):
            image = Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).convert("RGB")
            # A line thinner than a pixel of the model's grid is grey there, and still ink.
            mask = np.asarray(self.clip.preprocess.to_grid(image))[..., 0] > 32
        return ink_patches(mask, self.clip.grid)


def ink_patches(mask: npt.NDArray[np.bool_], grid: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Which patches hold any ink, row by row.

    Args:
        mask: ``(h, w)``, at the model's size.
        grid: Patch rows and columns.
    Returns:
        ``(rows * columns,)``.

    Example:
        >>> mask = np.zeros((4, 4), bool)
        >>> mask[0, 3] = True
        >>> ink_patches(mask, (2, 2)).tolist()
        [False, True, False, False]
    """
    rows, columns = grid
    height, width = mask.shape[0] // rows, mask.shape[1] // columns
    cut = mask[: rows * height, : columns * width]
    cells = cut.reshape(rows, height, columns, width)
    patches: npt.NDArray[np.bool_] = cells.any(axis=(1, 3)).reshape(-1)
    return patches
