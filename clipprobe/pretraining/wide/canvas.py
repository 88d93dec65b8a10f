"""An image in the making, with the ground truth that the losses and patch dropping need."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from clipprobe.pretraining.reading import IGNORE, NO_LETTER, letters_along
from clipprobe.pretraining.wide.grounds import any_colour, draw_ground
from clipprobe.pretraining.wide.looks import finished
from clipprobe.stimuli import text as text_module
from clipprobe.stimuli.backgrounds import Rgb

Place = tuple[float, float]


@dataclass(slots=True)
class Canvas:
    """What was put on a ground so far. Places and sizes are fractions of the side."""

    image: Image.Image
    patch_px: int
    things: npt.NDArray[np.bool_]
    """Pixels of things, ``(h, w)``."""
    writing: npt.NDArray[np.bool_]
    """Pixels of ink."""
    ground: str = ""
    """Name of the ground's colour, where it has one."""
    letters: npt.NDArray[np.int64] = field(init=False)
    """``(grid, grid, 3)`` letter targets, as in :func:`letter_targets`."""

    def __post_init__(self) -> None:
        side = self.image.width // self.patch_px
        self.letters = np.full((side, side, 3), IGNORE, dtype=np.int64)

    @property
    def side(self) -> int:
        """Width and height in pixels."""
        return self.image.width

    def paste(self, drawing: Image.Image, center: Place) -> None:
        """Put a sprite on it; what reaches beyond the edge is cut off."""
        x0 = round(center[0] * self.side - drawing.width / 2)
        y0 = round(center[1] * self.side - drawing.height / 2)
        alpha = drawing.getchannel("A")
        self.image.paste(drawing, (x0, y0), alpha)
        cover = Image.new("L", self.image.size)
        cover.paste(alpha, (x0, y0))
        self.things |= np.asarray(cover) > 127

    def stamp(
        self,
        label: text_module.Label,
        xy: tuple[int, int],
        *,
        fill: Rgb,
        outline: Rgb | None = None,
        box: Rgb | None = None,
        letters: bool = True,
    ) -> None:
        """Put a label on it, with its letters or blank."""
        ink = np.zeros_like(self.writing)
        text_module.stamp(
            self.image, ink, label, xy, fill=fill, outline=outline, background=box, letters=letters
        )
        if letters:
            self.writing |= ink

    def name_letters(
        self, text: str, font: str, label: text_module.Label, xy: tuple[int, int], rotation: float
    ) -> None:
        """Say which letter stands in which patch."""
        x0, y0, x1, y1 = label.ink_box
        box = (x0 + xy[0], y0 + xy[1], x1 + xy[0], y1 + xy[1])
        self.letters[..., 1] = NO_LETTER
        letters_along(self.letters, text, font, box, rotation, self.patch_px)

    def hide(self, share: float, rng: np.random.Generator) -> None:
        """Cover about ``share`` of the things' frame with a flat shape."""
        rows, columns = np.flatnonzero(self.things.any(1)), np.flatnonzero(self.things.any(0))
        if not len(rows):
            return
        y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        aspect = float(np.exp(rng.uniform(-1, 1)))
        area = share * (x1 - x0) * (y1 - y0)
        w, h = min(x1 - x0, (area * aspect) ** 0.5), min(y1 - y0, (area / aspect) ** 0.5)
        x, y = rng.uniform(x0, x1 - w + 1), rng.uniform(y0, y1 - h + 1)
        pen = ImageDraw.Draw(self.image)
        shape = pen.rectangle if rng.random() < 0.6 else pen.ellipse
        shape((x, y, x + w, y + h), fill=any_colour(rng))

    def under(self, box: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
        """The pixels in a box, ``(n, 3)``."""
        return np.asarray(self.image.crop(box)).reshape(-1, 3)

    def finish(self, rng: np.random.Generator) -> None:
        """Change the whole image as cameras and files do."""
        self.image = finished(self.image, rng)


def blank(rng: np.random.Generator, *, size_px: int, patch_px: int) -> Canvas:
    """A canvas with nothing but its ground."""
    empty = np.zeros((2, size_px, size_px), dtype=bool)
    image, colour = draw_ground(rng, size_px)
    return Canvas(image, patch_px, empty[0], empty[1], colour)
