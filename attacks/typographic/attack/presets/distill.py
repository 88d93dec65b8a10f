"""The attack of the Distill article: nine words, eight places (Goh et al. 2021, CC-BY 4.0).

Places, size and outline were read off the published pair of a Chihuahua before and after
(``static/typographic/small_attacks``, 288 x 288 px): DejaVu Sans of 20 px per em with a black
outline of 2 px, the pen at ``(x, y)`` on the baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from pydantic import TypeAdapter

from attacks.typographic.attack.presets.record import Preset

SIDE = 288
#: Where the pen begins, in pixels of a 288 px image.
_PEN = (22, 41)
_STEPS = ((0, 0), (50, 25), (0, 50), (50, 75), (100, 100), (150, 125), (100, 150), (150, 175))
#: Line height of DejaVu Sans at 20 px per em.
_LINE_PX = 19.375

DISTILL = Preset(
    name="distill",
    pixels=SIDE,
    knobs={
        "font": "DejaVuSans",
        "size": _LINE_PX / SIDE,
        "color": "white",
        "outline": "black",
        "outline_width": 2 / _LINE_PX,
        "copies": 8,
        "position": tuple(((_PEN[0] + x) / SIDE, (_PEN[1] + y) / SIDE) for x, y in _STEPS),
        "anchor": "baseline",
    },
    source="Goh et al. 2021, doi:10.23915/distill.00030, CC-BY 4.0",
    note="Places, font, size and outline are measured on the published pair; the article's own "
    "code is not published.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillPair:
    """One published attack: linear probe on CLIP RN50x4, 1,000 ImageNet validation images."""

    target: str
    """The class that the word should bring about."""
    word: str
    """What is written."""
    cover: float
    """Share of pixels that differ from the clean image, mean over the images."""
    success: float
    """Share of images whose answer changed to the target."""
    already: float
    """Share of images that were answered with the target before."""


#: ``static/typographic/small_attacks.json`` of the article, rounded to 0.01 %.
DISTILL_PAIRS = TypeAdapter(tuple[DistillPair, ...]).validate_json(
    (resources.files("clipprobe") / "assets" / "typographic" / "distill_pairs.json").read_bytes()
)
