"""One typographic attack: a word written on a picture, with the mask of its ink.

A typographic attack makes a model follow what is written over what is shown (Goh et al. 2021,
doi:10.23915/distill.00030). :class:`TypographicAttack` is a frozen description of one; calling it
on an image gives the attacked image. The same description, seed and image id give the same
pixels, in any order and from any thread.

Text is drawn at the resolution of the image that is given. To fix the text's size as the model
sees it, give the image at the model's size (``clip.preprocess.to_grid(image)``), as the audit does.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from attacks.typographic.placement import (
    Position,
    boxes_at,
    boxes_like,
    checked_position,
    random_boxes,
    room,
)
from clipprobe.data.images import as_pil
from clipprobe.errors import ConfigError
from clipprobe.stimuli.text import (
    DEFAULT_FONT,
    Box,
    Color,
    Fit,
    Label,
    font_info,
    label,
    rgb,
    shifted,
    stamp,
    writable,
)

Case = Literal["as-is", "lower", "upper", "title"]
MAX_COPIES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedImage:
    """What an attack returns."""

    image: Image.Image
    """RGB, of the size of the image that was given."""
    mask: npt.NDArray[np.bool_]
    """Inked pixels, ``(h, w)``: letters and outline, not the background box. For a blank label,
    the pixels of the label."""
    boxes: list[Box]
    """Tight box of the ink of each copy: ``(x0, y0, x1, y1)`` in pixels, half-open."""
    labels: list[Box]
    """Box of each whole label, with background and padding."""
    spec: dict[str, Any]
    """Every setting, the text as written and its size after fitting; plain JSON types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypographicAttack:
    """A word and how it is written.

    Example:
        >>> from PIL import Image
        >>> attack = TypographicAttack(word="ipod", size=0.2, position="center")
        >>> attacked = attack(Image.new("RGB", (224, 224), "green"))
        >>> attacked.boxes, attacked.spec["size_px"]
        ([(55, 87, 169, 138)], 44.75)
    """

    word: str
    """What is written."""
    size: float = 0.2
    """Line height (top of ``d`` to foot of ``p``) as a fraction of the image's short side."""
    position: Position = "random"
    """``random``; ``center``, an edge or a corner such as ``top-left``; a cell ``r1c1`` to
    ``r4c4``; the centre of the label as fractions ``(x, y)``; or one such pair for each copy."""
    copies: int = 1
    """How often, 1 to 16; copies do not overlap."""
    color: Color = "white"
    """Colour of the letters."""
    opacity: float = 1.0
    """Of the whole label, above 0 and at most 1."""
    outline: Color | None = "black"
    """Colour of a line around the letters, 6 % of the line height and at least 1 px wide."""
    background: Color | None = None
    """Colour of a box behind the letters, a quarter of the line height larger than the ink."""
    rotation: float = 0.0
    """Degrees, counter-clockwise."""
    font: str = DEFAULT_FONT
    """A bundled font; :func:`clipprobe.stimuli.text.fonts` lists them."""
    case: Case = "as-is"
    """``as-is``, ``lower``, ``upper`` or ``title``."""
    fit: Fit = "shrink"
    """What to do with a word that is too long: ``shrink``, ``wrap`` or ``error``."""
    seed: int = 0
    """Decides the random places, together with the image's id."""

    def __post_init__(self) -> None:
        if not (_number(self.size) and 0 < self.size <= 1):
            raise ConfigError(
                f"size={self.size!r} is no fraction of the short side: give a number in (0, 1]."
            )
        if not (isinstance(self.copies, int) and 1 <= self.copies <= MAX_COPIES):
            raise ConfigError(f"copies={self.copies!r} is out of range: give 1 to {MAX_COPIES}.")
        if not (_number(self.opacity) and 0 < self.opacity <= 1):
            raise ConfigError(f"opacity={self.opacity!r} is out of range: give a number in (0, 1].")
        if not _number(self.rotation):
            raise ConfigError(f"rotation={self.rotation!r} is no angle: give degrees.")
        for name, choices in (("case", get_args(Case)), ("fit", get_args(Fit))):
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"{name}={getattr(self, name)!r} is unknown: use one of {', '.join(choices)}."
                )
        checked_position(self.position, self.copies)
        font_info(self.font)
        for color in (self.color, self.outline, self.background):
            if color is not None:
                rgb(color)
        writable(self.text, self.font)

    @property
    def text(self) -> str:
        """The word as it is written, in the chosen case."""
        changed = {"lower": self.word.lower(), "upper": self.word.upper()}
        return self.word.title() if self.case == "title" else changed.get(self.case, self.word)

    def __call__(
        self,
        image: Image.Image | str | Path | npt.NDArray[np.uint8],
        *,
        image_id: str | None = None,
    ) -> AttackedImage:
        """Write the word on a copy of ``image``.

        Args:
            image: A Pillow image, a path, or a uint8 array ``(h, w, 3)``.
            image_id: Name of the image for random places; by default a hash of its pixels.
        Raises:
            TextFitError: the word or its copies do not fit.
            UnreadableImageError, ConfigError: it is no image.
        """
        canvas = as_pil(image).copy()
        made = self._label(canvas.size)
        return self._apply(canvas, made, self._boxes(canvas, made, image_id), kind="attack")

    def in_place_of(
        self, attacked: AttackedImage, image: Image.Image, *, kind: str
    ) -> AttackedImage:
        """Write this word where another attack stands: same centres, same line height.

        Args:
            attacked: The result whose place is taken.
            image: The image without text.
            kind: Name of the control, noted in the spec.
        """
        canvas = image.copy() if image.mode == "RGB" else image.convert("RGB")
        made = self._label(canvas.size, size_px=attacked.spec["size_px"])
        boxes = boxes_like(attacked.labels, made.size, canvas.size)
        return self._apply(canvas, made, boxes, kind=kind)

    def blank(self, attacked: AttackedImage, image: Image.Image) -> AttackedImage:
        """The label of ``attacked`` without its letters: the control for hiding the picture.

        Where the attack has a background box, that box; else a box in the colour of the letters
        over the box of their ink, which hides more of the picture than the letters did.
        """
        canvas = image.copy() if image.mode == "RGB" else image.convert("RGB")
        made = self._label(canvas.size, size_px=attacked.spec["size_px"])
        boxes = boxes_like(attacked.labels, made.size, canvas.size)
        return self._apply(canvas, made, boxes, kind="blank", letters=False)

    def with_word(self, word: str) -> TypographicAttack:
        """The same attack with another word."""
        return dataclasses.replace(self, word=word)

    def to_json(self) -> dict[str, Any]:
        """Every setting, as plain JSON types."""
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in ("color", "outline", "background"):
            if settings[name] is not None:
                settings[name] = "#{:02x}{:02x}{:02x}".format(*rgb(settings[name]))
        if not isinstance(self.position, str):
            places = checked_position(self.position, self.copies)
            settings["position"] = [list(place) for place in places]
        return settings

    def _label(self, image_size: tuple[int, int], size_px: float | None = None) -> Label:
        asked = self.size * min(image_size)
        return label(
            self.text,
            font=self.font,
            size=asked if size_px is None else size_px,
            room=room(image_size),
            outline_px=0 if self.outline is None else max(1, round(0.06 * asked)),
            padding=0 if self.background is None else max(1, round(0.25 * asked)),
            rotation=self.rotation,
            fit=self.fit,
        )

    def _boxes(self, canvas: Image.Image, made: Label, image_id: str | None) -> list[Box]:
        places = checked_position(self.position, self.copies)
        if not isinstance(places, str):
            return boxes_at(places, made.size, canvas.size)
        if image_id is None:
            image_id = hashlib.sha256(canvas.tobytes()).hexdigest()
        return random_boxes(made.size, canvas.size, self.copies, (self.seed, image_id, "place"))

    def _apply(
        self,
        canvas: Image.Image,
        made: Label,
        boxes: Sequence[Box],
        *,
        kind: str,
        letters: bool = True,
    ) -> AttackedImage:
        mask = np.zeros((canvas.height, canvas.width), dtype=bool)
        for box in boxes:
            stamp(
                canvas,
                mask,
                made,
                box[:2],
                fill=self.color,
                opacity=self.opacity,
                outline=self.outline,
                background=self.background if letters else (self.background or self.color),
                letters=letters,
            )
        ink_box = made.ink_box if letters else (0, 0, *made.size)
        return AttackedImage(
            image=canvas,
            mask=mask,
            boxes=[shifted(ink_box, box[:2]) for box in boxes],
            labels=list(boxes),
            spec={
                **self.to_json(),
                "kind": kind,
                "text": self.text if letters else "",
                "size_px": made.size_px,
            },
        )


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
