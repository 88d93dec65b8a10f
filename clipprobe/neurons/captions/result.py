"""What captions say about units: one result for each of two different questions.

``cross-tower alignment``: which captions lie along what a *vision* unit writes into the joint
space. ``text tower alone``: which prompts activate a *text* unit most; that bears on neither claim
about multimodal units, because the article keeps the text tower out of them. What a vision unit
does with an *image* of words is a third thing, image-modality invariance, and belongs to
:mod:`clipprobe.neurons.words`. A result is of one kind and says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from clipprobe.neurons.instruments.store import Store
from clipprobe.neurons.instruments.value import UnitValue
from clipprobe.runs.jsonio import JsonRecord

ALIGNMENT = "cross-tower alignment"
TEXT_ALONE = "text tower alone"
CLAIM_TEXTS = {
    ALIGNMENT: "bears on cross-tower alignment (a vision unit against the text tower's captions); "
    "it says nothing on image-modality invariance",
    TEXT_ALONE: "is about the text tower alone: it bears neither on image-modality invariance nor "
    "on cross-tower alignment",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionScore:
    """One caption at one end of a unit's list.

    Attributes:
        caption: The text.
        score: Alignment: cosine of the caption's embedding, less the mean over captions, with the
            unit's direction. Text tower: pooled activation less the mean over captions.
        raw: The same with the mean still in it: cosine, or pooled activation.
        z: ``score`` in standard deviations over captions; NaN where all are alike.
    """

    caption: str
    score: float
    raw: float
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCaptions(JsonRecord):
    """The captions of one unit.

    Attributes:
        unit: ``<hook point>:<index>``.
        name: The unit, and for the text tower the pooling.
        claim: Which question the result answers; see the module.
        measure: What ``score`` is, in words.
        mean_subtracted: Whether the mean over captions was removed from ``score``.
        mean: What was or would have been removed: the cosine of the mean caption's embedding with
            the direction, or the mean activation.
        n_captions: Captions that were compared.
        chance: The highest ``z`` of a caption for a unit that means nothing: the mean over
            ``n_random`` random mixtures of the captions; for the text tower of a bell-shaped unit.
        p: Share of random directions whose highest z is at least this unit's, the unit itself
            counted in; NaN for the text tower.
        q: Benjamini-Hochberg's over all units of the call; NaN where p is.
        n_random: Random directions; 0 for the text tower.
        linearised_at, exact, agreement: Of the direction, see ``directions.UnitDirection``; empty,
            true and NaN for the text tower, whose activations are read as they are.
        top, bottom: The highest and lowest captions; ties in order of the list.
        reason: What is left out, or why a number is undefined; else empty.
    """

    unit: str
    name: str
    claim: str
    measure: str
    mean_subtracted: bool
    mean: float
    n_captions: int
    chance: float
    p: float
    q: float
    n_random: int
    linearised_at: str
    exact: bool
    agreement: float
    top: tuple[CaptionScore, ...]
    bottom: tuple[CaptionScore, ...]
    reason: str

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row per caption at either end, for tables."""
        site, _, index = self.unit.rpartition(":")
        for end, listed in (("top", self.top), ("bottom", self.bottom)):
            for rank, one in enumerate(listed):
                yield {
                    "site": site,
                    "unit": int(index),
                    "claim": self.claim,
                    "end": end,
                    "rank": rank,
                    **asdict(one),
                }


class CaptionRanking(list[UnitCaptions], UnitValue):
    """The captions of several units, in the order in which they were named."""

    instrument: ClassVar[str] = "captions"

    def __init__(self, units: Iterable[UnitCaptions], store: Store) -> None:
        super().__init__(units)
        self.store = store
