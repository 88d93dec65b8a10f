"""The attack of the Distill article: nine words, eight places (Goh et al. 2021, CC-BY 4.0).

Places, size and outline were read off the published pair of a Chihuahua before and after
(``static/typographic/small_attacks``, 288 x 288 px): DejaVu Sans of 20 px per em, whose line height
is 19.375 px, with a black outline of 2 px, the pen at ``(x, y)`` on the baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from pydantic import TypeAdapter

from attacks.typographic.attack.presets.record import BUNDLED

DISTILL = BUNDLED["distill"]


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
