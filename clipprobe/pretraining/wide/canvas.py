"""An image in the making, with the ground truth that the losses and patch dropping need."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from clipprobe.pretraining.reading import IGNORE, NO_LETTER, letters_along
from clipprobe.pretraining.wide.backgrounds import any_colour, draw_background
from clipprobe.pretraining.wide.looks import draw_sprite, finish
from clipprobe.stimuli import Concept
from clipprobe.stimuli.splits import Bands, draw_from
from clipprobe.stimuli.text import Label

Place = tuple[float, float]
#: Sides of one picture, in bands: those of the studio and smaller ones; evaluations draw between.
WIDE_SIZES: Bands = ((0.25, 0.35), (0.42, 0.60), (0.70, 1.0))
#: Of drawings, whose strokes must be told apart, and of pictures that get a label.
LARGER_SIZES = WIDE_SIZES[1:]


@dataclass(slots=True)
class Canvas:
    """What is on a background so far. Places and sizes are fractions of the side."""

    image: Image.Image
    patch_px: int
    things: npt.NDArray[np.bool_]
    """Pixels of things, ``(h, w)``."""
    writing: npt.NDArray[np.bool_]
    """Pixels of ink."""
    background: str = ""
    """Name of the background's colour, where it has one."""
    letters: npt.NDArray[np.int64] = field(init=False)
    """``(grid, grid, 3)`` letter targets, as in :func:`letter_targets`."""

    def __post_init__(self) -> None:
        side = self.image.width // self.patch_px
        self.letters = np.full((side, side, 3), IGNORE, dtype=np.int64)

    @property
    def side(self) -> int:
        """Width and height in pixels."""
        return self.image.width

    def pixels(self, side: float) -> int:
        """A side in pixels."""
        return max(8, round(side * self.side))

    def place(self, concept: Concept, rng: np.random.Generator, sizes: Bands = WIDE_SIZES) -> None:
        """Put a thing of some size where it is seen."""
        side = draw_from(sizes, rng)
        self.put(concept, side, draw_center(side, rng), rng)

    def put(self, concept: Concept, side: float, center: Place, rng: np.random.Generator) -> None:
        """Put a thing at a place, in some style and look."""
        self.paste(draw_sprite(concept.name, self.pixels(side), rng), center)

    def paste(self, drawing: Image.Image, center: Place) -> None:
        """Put a sprite on it; what reaches beyond the edge is cut off."""
        x0 = round(center[0] * self.side - drawing.width / 2)
        y0 = round(center[1] * self.side - drawing.height / 2)
        alpha = drawing.getchannel("A")
        self.image.paste(drawing, (x0, y0), alpha)
        cover = Image.new("L", self.image.size)
        cover.paste(alpha, (x0, y0))
        self.things |= np.asarray(cover) > 127

    def name_letters(
        self, text: str, font: str, label: Label, xy: tuple[int, int], rotation: float
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
        self.image = finish(self.image, rng)


def draw_center(side: float, rng: np.random.Generator) -> Place:
    """A centre from which little of a thing, or nothing, reaches beyond the edge."""
    beyond = 0.2 * side if rng.random() < 0.2 else 0.0
    room = (1 - side) / 2 + beyond
    x, y = 0.5 + rng.uniform(-room, room, 2)
    return float(x), float(y)


def blank(rng: np.random.Generator, *, size_px: int, patch_px: int) -> Canvas:
    """A canvas with nothing but its background."""
    empty = np.zeros((2, size_px, size_px), dtype=bool)
    image, colour = draw_background(rng, size_px)
    return Canvas(image, patch_px, empty[0], empty[1], colour)
