"""What an image is called, and how one thing comes to stand on it: what all kinds share.

An image has captions of its own, and near misses (another order, number, colour or thing) that no
image of the batch is called by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from clipprobe.pretraining import captions
from clipprobe.pretraining.wide.canvas import Canvas, Place
from clipprobe.pretraining.wide.looks import draw_sprite
from clipprobe.stimuli import Concept, concepts
from clipprobe.stimuli.splits import Bands, draw_from

#: Sides of one picture, in bands: those of the studio and smaller ones; evaluations draw between.
WIDE_SIZES: Bands = ((0.25, 0.35), (0.42, 0.60), (0.70, 1.0))
#: Of drawings, whose strokes must be told apart, and of pictures that get a label.
LARGER_SIZES = WIDE_SIZES[1:]


@dataclass(slots=True)
class Said:
    """What an image is called."""

    captions: list[str]
    """Its own; the first is the fullest."""
    wrong: list[str] = field(default_factory=list)
    """Near ones that are not true of it."""
    ink: str = ""
    """Colour of its letters, where a caption says it."""
    inks: dict[str, str] = field(default_factory=dict)
    """Those of ``captions`` and ``wrong`` that name a colour and nothing else, with the colour."""


#: Draws an image with some concepts, and says what it is called.
Kind = Callable[[Canvas, Sequence[Concept], np.random.Generator], Said]


def place(
    canvas: Canvas, concept: Concept, rng: np.random.Generator, sizes: Bands = WIDE_SIZES
) -> None:
    """Put a thing of some size where it is seen."""
    side = draw_from(sizes, rng)
    put(canvas, concept, side, spot(side, rng), rng)


def put(
    canvas: Canvas, concept: Concept, side: float, center: Place, rng: np.random.Generator
) -> None:
    """Put a thing at a place, in some style and look."""
    canvas.paste(draw_sprite(concept.name, pixels(canvas, side), rng), center)


def spot(side: float, rng: np.random.Generator) -> Place:
    """A centre from which little of the thing, or nothing, reaches beyond the edge."""
    beyond = 0.2 * side if rng.random() < 0.2 else 0.0
    room = (1 - side) / 2 + beyond
    x, y = 0.5 + rng.uniform(-room, room, 2)
    return float(x), float(y)


def pixels(canvas: Canvas, side: float) -> int:
    """A side in pixels."""
    return max(8, round(side * canvas.side))


def named(concept: Concept, special: tuple[str, ...], rng: np.random.Generator) -> Said:
    """The name of one thing in a sentence, general or of its modality."""
    noun = captions.noun(concept, rng)
    return Said([captions.sentence(noun, special, rng)])


def words() -> list[str]:
    """Every word that training knows a thing by."""
    return [concept.name for concept in concepts()]
