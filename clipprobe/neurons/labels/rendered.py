"""What a unit made of fresh renderings of its label; ``construct`` measures it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered(AsJson):
    """Rates of one unit on renderings of its label.

    ``picture``, ``drawing``, ``word``: share above ``level``, with Wilson's interval.
    ``others``: the same on renderings of the other labels of the run, all modalities together.
    ``level``: the activation that 1 % of the probe images exceed.
    """

    picture: Estimate
    drawing: Estimate
    word: Estimate
    others: Estimate
    level: float

    @classmethod
    def from_json(cls, data: Any) -> Rendered:
        """The inverse of :meth:`to_json`."""
        rates = ("picture", "drawing", "word", "others")
        estimates = {name: Estimate.from_json(data[name]) for name in rates}
        return cls(**estimates, level=data["level"])
