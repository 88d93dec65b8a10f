"""Where a label goes: cells, corners, free places, random places that do not overlap.

A place is the centre of a label, as a fraction of width and height, so it means the same on any
image. A label that would stand out over the edge is moved inside. Cells are those of a 4 x 4 grid,
``r1c1`` (top left) to ``r4c4``, as in TypoD (Cheng et al. 2024, arXiv:2402.19150).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches
from numbers import Real

from clipprobe.errors import ConfigError, TextFitError
from clipprobe.statistics.seeds import rng
from clipprobe.stimuli.text import Box
from clipprobe.stimuli.text.places import NAMED_PLACES

Place = tuple[float, float]
Position = str | Place | Sequence[Place]

#: Distance kept from the image's edge, as a fraction of the short side.
MARGIN = 0.03
_TRIES = 200

#: Positions that are chosen for each image: anywhere, or by where the object is.
RULES = ("random", "on", "off")

PLACES: dict[str, Place] = {
    **NAMED_PLACES,
    **{
        f"r{row}c{column}": ((column - 0.5) / 4, (row - 0.5) / 4)
        for row in range(1, 5)
        for column in range(1, 5)
    },
}


def checked_position(position: Position, copies: int) -> str | tuple[Place, ...]:
    """``random``, ``on`` or ``off``, or one place for each copy.

    Raises:
        ConfigError: an unknown name, a place outside the image, or another number of places.
    """
    if isinstance(position, str):
        if position in RULES:
            return position
        if position not in PLACES:
            near = get_close_matches(position, [*RULES, *PLACES], n=3, cutoff=0.3)
            raise ConfigError(
                f"The position {position!r} is unknown: use random, on, off, a pair of fractions, "
                f"or a name such as {', '.join(near or ['center', 'top-left', 'r2c3'])}."
            )
        places: tuple[Place, ...] = (PLACES[position],)
    else:
        values = list(position)
        pairs = [values] if values and not isinstance(values[0], Sequence) else values
        places = tuple(_pair(pair, position) for pair in pairs)
    if len(places) != copies:
        raise ConfigError(
            f"{copies} copies were asked for and {len(places)} places given: give one place for "
            "each copy, or position='random'."
        )
    return places


def _pair(pair: object, position: object) -> Place:
    numbers = list(pair) if isinstance(pair, Sequence) and not isinstance(pair, str) else []
    inside = [isinstance(n, Real) and math.isfinite(n) and 0 <= float(n) <= 1 for n in numbers]
    if len(numbers) != 2 or not all(inside):
        raise ConfigError(
            f"The position {position!r} is not a place: give the centre of the label as fractions "
            "of width and height, such as (0.5, 0.25)."
        )
    return float(numbers[0]), float(numbers[1])


def margin(image_size: tuple[int, int]) -> int:
    """Pixels kept free at the image's edge."""
    return math.ceil(MARGIN * min(image_size)) if min(image_size) >= 16 else 0


def band_px(band: float, height: int) -> int:
    """Height in pixels of a band that is a fraction of the image's height."""
    return math.ceil(band * height)


def room(image_size: tuple[int, int], *, band: float = 0.0, copies: int = 1) -> tuple[int, int]:
    """Width and height that a label may take; with bands, its share of one."""
    edge = 2 * margin(image_size)
    if band:
        return (image_size[0] - edge) // math.ceil(copies / 2), band_px(band, image_size[1])
    return image_size[0] - edge, image_size[1] - edge


def band_boxes(
    size: tuple[int, int],
    image_size: tuple[int, int],
    band: float,
    copies: int,
    places: Sequence[Place] | None = None,
) -> list[Box]:
    """Boxes in the bands, the first on top, the second at the bottom, and so on; or on places.

    Args:
        image_size: Without the bands.
        places: Centres as fractions of the image with its bands.
    """
    added = band_px(band, image_size[1])
    whole = (image_size[0], image_size[1] + 2 * added)
    if places is None:
        columns = math.ceil(copies / 2)
        middles = (added / 2, whole[1] - added / 2)
        places = [((i // 2 + 0.5) / columns, middles[i % 2] / whole[1]) for i in range(copies)]
    return boxes_at([(x * whole[0], y * whole[1]) for x, y in places], size, whole, edge=0)


def boxes_at(
    centres: Sequence[tuple[float, float]],
    size: tuple[int, int],
    image_size: tuple[int, int],
    *,
    edge: int | None = None,
) -> list[Box]:
    """Boxes of a label of ``size`` on centres in pixels, moved inside where they stand out.

    Args:
        edge: Distance kept from the image's edge; None for :func:`margin`.
    """
    edge = margin(image_size) if edge is None else edge
    boxes = []
    for cx, cy in centres:
        x = min(max(math.floor(cx - size[0] / 2 + 0.5), edge), image_size[0] - edge - size[0])
        y = min(max(math.floor(cy - size[1] / 2 + 0.5), edge), image_size[1] - edge - size[1])
        boxes.append((x, y, x + size[0], y + size[1]))
    return boxes


def random_boxes(
    size: tuple[int, int], image_size: tuple[int, int], copies: int, key: Sequence[object]
) -> list[Box]:
    """Boxes at random places, none over another.

    Raises:
        TextFitError: there is no room for that many copies.
    """
    source = rng(*key)
    edge = margin(image_size)
    free = (image_size[0] - size[0] - 2 * edge, image_size[1] - size[1] - 2 * edge)
    boxes: list[Box] = []
    for _ in range(_TRIES * copies):
        u, v = source.random(2)
        x, y = edge + int(u * (free[0] + 1)), edge + int(v * (free[1] + 1))
        box = (x, y, x + size[0], y + size[1])
        if not any(_overlap(box, other) for other in boxes):
            boxes.append(box)
            if len(boxes) == copies:
                return boxes
    raise TextFitError(
        f"Only {len(boxes)} of {copies} copies of {size[0]} x {size[1]} px found room without "
        f"overlap in an image of {image_size[0]} x {image_size[1]} px: use fewer or smaller ones."
    )


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
