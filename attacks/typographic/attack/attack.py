"""One typographic attack: a word written on an image, with the mask of its ink.

A typographic attack makes a model follow what is written over what is shown (Goh et al. 2021,
doi:10.23915/distill.00030). :class:`TypographicAttack` is a frozen description of one; calling it
on an image gives the attacked image. The same description, seed and image id give the same
pixels, in any order and from any thread.

Text is drawn at the resolution of the image that is given. To fix the text's size as the model
sees it, give the image at the model's size (``clip.preprocess.to_grid(image)``), as the audit does.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic.dataclasses import dataclass

from attacks.typographic.attack.attack_label import attack_label
from attacks.typographic.attack.description import AttackDescription, check, check_varied
from attacks.typographic.attack.knobs import Case as Case
from attacks.typographic.attack.objects import checked_mask, object_boxes
from attacks.typographic.attack.placement import (
    band_boxes,
    band_px,
    boxes_at,
    checked_position,
    random_boxes,
    room,
)
from attacks.typographic.attack.result import AttackedImage, place_copies
from clipprobe.data.images import as_pil
from clipprobe.errors import ConfigError
from clipprobe.statistics.seeds import rng
from clipprobe.stimuli.text import Box, Label, rgb, writable

ImageLike = Image.Image | str | Path | npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class TypographicAttack(AttackDescription):
    """A word and how it is written.

    Example:
        >>> from PIL import Image
        >>> attack = TypographicAttack(word="ipod", size=0.2, position="center")
        >>> attacked = attack(Image.new("RGB", (224, 224), "green"))
        >>> attacked.boxes, attacked.spec["size_px"]
        ([(55, 87, 169, 138)], 44.75)
    """

    def __post_init__(self) -> None:
        check(self)
        if self.varies is not None:
            check_varied(self, VARIABLE)

    def __call__(
        self,
        image: ImageLike,
        *,
        image_id: str | None = None,
        object_mask: npt.ArrayLike | None = None,
    ) -> AttackedImage:
        """Write the word on a copy of ``image``.

        Args:
            image: A Pillow image, a path, or a uint8 array ``(h, w, 3)``.
            image_id: Name of the image for random places; by default a hash of its pixels.
            object_mask: ``(h, w)``, true on the object; for the positions ``on`` and ``off``.
        Raises:
            TextFitError: the word or its copies do not fit.
            UnreadableImageError, ConfigError: it is not an image, or the mask is not one.
        """
        canvas = as_pil(image)
        if image_id is None:
            image_id = hashlib.sha256(canvas.tobytes()).hexdigest()
        concrete = self._drawn_for(image_id)
        label = concrete._label(canvas.size)
        boxes = concrete._boxes(canvas.size, label, image_id, object_mask)
        return place_copies(concrete, canvas, label, boxes, kind="attack")

    def check_fit(self, size: tuple[int, int]) -> None:
        """Make sure that the word and its copies fit on an image, without drawing.

        Args:
            size: Width and height of the image, in pixels.
        Raises:
            TextFitError: they do not.
        """
        concrete = self._drawn_for("fit")
        concrete._boxes(size, concrete._label(size), "fit", None)

    def in_place_of(
        self, attacked: AttackedImage, image: Image.Image, *, kind: str
    ) -> AttackedImage:
        """Write this word where another attack stands: same centres, line height and colours.

        Args:
            attacked: The result whose place is taken.
            image: The image without text.
            kind: Name of the control, noted in the spec.
        """
        return self._like(attacked, image, kind=kind, letters=True)

    def blank(self, attacked: AttackedImage, image: Image.Image) -> AttackedImage:
        """The label of ``attacked`` without its letters: the control for hiding the image.

        Where the attack has a background box, that box; with bands, the empty bands; else a box
        in the colour of the letters over the box of their ink, which hides more of the image
        than the letters did.
        """
        return self._like(attacked, image, kind="blank", letters=False)

    def with_word(self, word: str) -> TypographicAttack:
        """The same attack with another word.

        Raises:
            GlyphError: the font lacks a glyph of it.
        """
        if not isinstance(word, str):
            return dataclasses.replace(self, word=word)
        other = copy.copy(self)  # whatever else was checked stays as it was
        object.__setattr__(other, "word", word)
        writable(other.text, other.font)
        return other

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> TypographicAttack:
        """The attack of a spec at the places where it stood; on the same image, the same pixels.

        Raises:
            ConfigError: the mapping is not a spec of an attack.
        """
        settings = _settings(spec)
        width, height = spec["image_size"]
        high = height + 2 * band_px(settings["band"], height)
        centres = [((b[0] + b[2]) / 2 / width, (b[1] + b[3]) / 2 / high) for b in spec["labels"]]
        return cls(**{**settings, "position": centres, "anchor": "center"})

    def _drawn_for(self, image_id: str) -> TypographicAttack:
        """The attack with its varying knobs drawn for one image."""
        if self.varies is None:
            return self
        choices = {
            name: values[int(rng(self.seed, image_id, "varies", name).integers(len(values)))]
            for name, values in self.varies.items()
        }
        return dataclasses.replace(self, varies=None, **choices)

    def _label(self, size: tuple[int, int], size_px: float | None = None) -> Label:
        free = room(size, band=self.band, copies=self.copies)
        return attack_label(self, min(size), free, size_px)

    def _boxes(
        self, size: tuple[int, int], label: Label, image_id: str, object_mask: npt.ArrayLike | None
    ) -> list[Box]:
        places = checked_position(self.position, self.copies)
        if self.band:
            position = None if isinstance(places, str) else places
            return band_boxes(label.size, size, self.band, self.copies, position)
        if not isinstance(places, str):
            centres = [(x * size[0], y * size[1]) for x, y in places]
            if self.anchor == "baseline":  # the pen begins there; the label turns about its centre
                flat = self._flat()._label(size, size_px=label.size_px)
                (pen_x, pen_y), (width, height) = flat.origin, flat.size
                centres = [(x - pen_x + width / 2, y - pen_y + height / 2) for x, y in centres]
            return boxes_at(centres, label.size, size)
        key = (self.seed, image_id, "place")
        if places == "random":
            return random_boxes(label.size, size, self.copies, key)
        mask = checked_mask(object_mask, size)
        return object_boxes(label.size, mask, self.copies, key, on=places == "on")

    def _flat(self) -> TypographicAttack:
        """The same lettering, not turned, tilted or blurred: where its pen begins is known."""
        return dataclasses.replace(
            self, rotation=0.0, perspective=0.0, blur=0.0, shadow=0.0, mirrored=False
        )

    def _like(
        self, attacked: AttackedImage, image: Image.Image, *, kind: str, letters: bool
    ) -> AttackedImage:
        spec = attacked.spec
        like = self
        if self.varies is not None:
            like = dataclasses.replace(
                self, varies=None, **{name: spec[name] for name in self.varies}
            )
        canvas = as_pil(image)
        label = like._label(canvas.size, size_px=spec["size_px"])
        centres = [((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in attacked.labels]
        edge = 0 if like.band else None
        boxes = boxes_at(centres, label.size, attacked.image.size, edge=edge)
        colors = [rgb(color) for color in spec["colors"]]
        return place_copies(like, canvas, label, boxes, kind=kind, letters=letters, colors=colors)


#: What may vary from image to image.
VARIABLE = tuple(
    field.name
    for field in dataclasses.fields(TypographicAttack)
    if field.name not in ("word", "seed", "varies")
)


def redraw(spec: Mapping[str, Any], image: ImageLike) -> AttackedImage:
    """Draw an attack or a control again from its spec; on the same image, the same pixels.

    The pixels of letters depend on Pillow's version, which the spec names.

    Raises:
        ConfigError: the mapping is not a spec, or it was drawn on an image of another size.
    """
    attack = TypographicAttack(**_settings(spec))
    canvas = as_pil(image)
    if list(canvas.size) != list(spec["image_size"]):
        raise ConfigError(
            f"The spec was drawn on an image of {spec['image_size']} px and this one has "
            f"{list(canvas.size)}: give the image that it was drawn on."
        )
    label = attack._label(canvas.size, size_px=spec["size_px"])
    return place_copies(
        attack,
        canvas,
        label,
        [(b[0], b[1], b[2], b[3]) for b in spec["labels"]],
        kind=spec["kind"],
        letters=bool(spec["text"]),
        colors=[rgb(color) for color in spec["colors"]],
    )


def _settings(spec: Mapping[str, Any]) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(TypographicAttack)]
    needed = [*names, "kind", "text", "size_px", "image_size", "labels", "colors"]
    if missing := [name for name in needed if name not in spec]:
        raise ConfigError(
            f"This is not a spec of an attack, it lacks {', '.join(missing[:3])}: give the spec of "
            "an AttackedImage as it was returned."
        )
    return {name: spec[name] for name in names}
