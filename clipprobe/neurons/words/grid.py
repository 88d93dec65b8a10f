"""How a word becomes images: every combination of a font, a size and a place, on plain ground.

The Distill article "Multimodal Neurons in Artificial Neural Networks" (Goh et al. 2021) shows its
models 10,000 words as images in several sizes and places, takes the mean over sizes and the maximum
over places. Here fonts are added, because a unit may know a typeface and not a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from PIL import Image

from clipprobe.errors import ClipprobeError, ConfigError
from clipprobe.stimuli.text import MIN_SIZE_PX, Color, font_info, label, rgb, stamp
from clipprobe.stimuli.text.places import NAMED_PLACES

#: Where a word can stand.
PLACES = NAMED_PLACES
_MARGIN = 1 / 64


@dataclass(frozen=True, slots=True, kw_only=True)
class WordGrid:
    """Fonts, sizes and places in which every word is drawn.

    Attributes:
        fonts: Names of bundled fonts.
        sizes: Line heights as shares of the image's side.
        places: Names from :data:`PLACES`.
        ink, ground: Colours of letters and of the rest.
    """

    fonts: Sequence[str] = ("DejaVuSans-Bold", "DejaVuSerif-Bold", "ComicNeue-Bold")
    sizes: Sequence[float] = (0.15, 0.25)
    places: Sequence[str] = ("center", "top", "bottom")
    ink: Color = field(default="black")
    ground: Color = field(default="white")

    def __post_init__(self) -> None:
        for name in ("fonts", "sizes", "places"):
            values = getattr(self, name)
            if isinstance(values, str) or not values or len(set(values)) < len(values):
                raise ConfigError(
                    f"{name}={values!r} is not a list of different {name}: give at least one, each "
                    "once."
                )
            object.__setattr__(self, name, tuple(values))
        for font in self.fonts:
            font_info(font)
        for size in self.sizes:
            if not 0 < size <= 1:
                raise ConfigError(
                    f"The size {size} is not a share of the image's side: give numbers above 0 and "
                    "at most 1, such as 0.2."
                )
        for place in self.places:
            if place not in PLACES:
                raise ConfigError(
                    f"The place {place!r} is not known: use some of {', '.join(PLACES)}."
                )
        if rgb(self.ink) == rgb(self.ground):
            raise ConfigError(
                f"Ink and ground are both {self.ink!r}, so no word could be seen: choose two "
                "colours."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of fonts, places and sizes: the order in which a word is drawn."""
        return len(self.fonts), len(self.places), len(self.sizes)

    @property
    def n_renderings(self) -> int:
        """Images of one word."""
        return int(np.prod(self.shape))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnWord:
    """The images of one word, or why there are none.

    Attributes:
        images: RGB, in order of font, then place, then size; empty where it cannot be drawn.
        n_shrunk: How many had to be drawn smaller than asked, to fit.
        reason: Why there are none; else empty.
    """

    images: tuple[Image.Image, ...] = ()
    n_shrunk: int = 0
    reason: str = ""


def draw_word(text: str, grid: WordGrid, side: int) -> DrawnWord:
    """Draw a word in every way of the grid; an empty text gives blank images.

    A word that is too wide is drawn smaller, down to 5 px letters; what does not fit even then, or
    has a letter that a font lacks, is not drawn at all, so that every word has all renderings.

    Args:
        side: Width and height of the images in pixels: the model's own input size.
    """
    margin = max(1, round(side * _MARGIN))
    free = side - 2 * margin
    images: list[Image.Image] = []
    n_shrunk = 0
    smallest = min(grid.sizes) * side
    if smallest < MIN_SIZE_PX:
        return DrawnWord(
            reason=f"letters of {smallest:.1f} px on an image of {side} px cannot be read: give "
            f"sizes of at least {MIN_SIZE_PX / side:.2f}",
        )
    try:
        for font in grid.fonts:
            labels = [
                label(text, font=font, size=size * side, room=(free, free)) if text else None
                for size in grid.sizes
            ]
            for place in grid.places:
                across, down = PLACES[place]
                for size, rendering in zip(grid.sizes, labels, strict=True):
                    image = Image.new("RGB", (side, side), rgb(grid.ground))
                    if rendering is not None:
                        x = margin + round(across * (free - rendering.size[0]))
                        y = margin + round(down * (free - rendering.size[1]))
                        mask = np.zeros((side, side), dtype=bool)
                        stamp(image, mask, rendering, (x, y), fill=grid.ink)
                        n_shrunk += rendering.size_px < size * side - 0.25
                    images.append(image)
    except ClipprobeError as error:
        return DrawnWord(reason=str(error))
    return DrawnWord(images=tuple(images), n_shrunk=n_shrunk)


def scrambled(words: Sequence[str], n: int, seed: int) -> list[str]:
    """Letter strings of the same letters as ``n`` of the words, spread over the list: no words.

    Words of fewer than four letters, and those that no order of letters turns into something that
    is not in the list, give none.
    """
    known = {word.casefold() for word in words}
    long = [word for word in words if len(word) >= 4]
    sample = [long[i] for i in np.linspace(0, len(long) - 1, min(n, len(long))).astype(int)]
    strings: dict[str, None] = {}
    for number, word in enumerate(sample):
        rng = np.random.default_rng([seed, number])
        for _ in range(20):
            text = "".join(word[i] for i in rng.permutation(len(word)))
            if text.casefold() not in known and text not in strings and text.strip() == text:
                strings[text] = None
                break
    return list(strings)
