"""How many images and texts a study sends through the towers, told before it does."""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN = "the study does not say it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Passes through the towers of a model: rows, not batches.

    An image that cannot be read counts, and what a killed run left is not taken off.

    Example:
        >>> (Workload(images=3, texts=2) + Workload(images=4, texts=0, at_most=True)).images
        7
    """

    images: int | None = None
    """Images through the vision tower, forward; None where nobody knows it before."""
    texts: int | None = None
    """Texts through the text tower; None where nobody knows it before."""
    gradients: int = 0
    """How many of the images also go backward."""
    at_most: bool = False
    """Whether the numbers are upper bounds."""
    reason: str = ""
    """Why they are, or why a number is not known."""

    def __post_init__(self) -> None:
        if not self.reason and (self.images is None or self.texts is None):
            object.__setattr__(self, "reason", UNKNOWN)

    def __add__(self, other: Workload) -> Workload:
        """Of both, one after the other."""
        reasons = dict.fromkeys(one for one in (self.reason, other.reason) if one)
        return Workload(
            images=_sum(self.images, other.images),
            texts=_sum(self.texts, other.texts),
            gradients=self.gradients + other.gradients,
            at_most=self.at_most or other.at_most,
            reason="; ".join(reasons),
        )


def nothing() -> Workload:
    """Of a study that reads runs, and asks no model."""
    return Workload(images=0, texts=0)


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b
