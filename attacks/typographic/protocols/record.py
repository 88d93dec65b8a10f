"""What a protocol is: every choice that decides its numbers, and the rows published with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from clipprobe.zeroshot.text_bank import Averaging

Candidates = Literal["pairwise", "union", "full", "captions"]

#: What the three orders of averaging over templates do.
AVERAGING: dict[str, str] = {
    "unit-mean-unit": "each sentence to unit length, mean, to unit length",
    "unit-mean": "each sentence to unit length, mean, left as it is",
    "raw-mean-unit": "mean of the sentences as the model gives them, then to unit length",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One row of a published table."""

    model: str
    """As the source names it."""
    ids: tuple[str, ...]
    """Names under which clipprobe loads exactly these weights; empty where the source does not
    say which they are."""
    data: str
    """The data set."""
    n: int
    """Images behind the number."""
    value: tuple[float, float]
    """Percent: accuracy (or success, where the protocol measures it) on attacked images; the
    smallest and the largest that were published."""
    clean: tuple[float, float] | None = None
    """Percent: accuracy on the clean twins."""
    tag: str = "V"
    """V: read in the source's own files; S: read in a paper's text; D: recomputed from them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One published way to score."""

    name: str
    title: str
    source: str
    """Paper and code."""
    candidates: Candidates
    """``pairwise``: the label and the attack word; ``union``: all labels and attack words of the
    data, sorted; ``full``: the class list; ``captions``: four sentences about label and word."""
    templates: tuple[str, ...]
    """Sentences with ``{}``; with ``{}`` for the label and ``{word}`` for captions; empty where
    the source does not say, and the audit's own are used."""
    averaging: Averaging = "unit-mean-unit"
    ties: Literal["right", "wrong", "first"]
    """What a tie counts as; ``first``: of equals the first candidate wins."""
    measure: Literal["accuracy", "targeted_success"] = "accuracy"
    """What its table gives for attacked images."""
    definition: str
    """The measure in words."""
    data: tuple[str, ...]
    """Data sets that it was published for."""
    unknown: str = ""
    """What the source does not say, and what is done here instead."""
    tolerance: float = 0.1
    """Percentage points that number and row may differ by on the same images: what one image
    more or less, half precision and another image library change."""
    slack: int = 1
    """Images by which n may differ from the row's for the two to be comparable."""
    published: tuple[Published, ...] = ()

    def rows_for(self, model_id: str) -> tuple[Published, ...]:
        """The published rows of exactly this model; none where it is not recognised."""
        name = model_id.casefold().replace("-quickgelu/", "/")
        return tuple(row for row in self.published if name in {i.casefold() for i in row.ids})

    def to_json(self) -> dict[str, Any]:
        """The record without its table."""
        record = {**asdict(self), "averaging": AVERAGING[self.averaging]}
        return {name: value for name, value in record.items() if name not in ("slack", "published")}
