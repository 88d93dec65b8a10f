"""What a multimodality test found, what it amounts to, and where it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clipprobe.neurons.multimodality.contents import MultimodalityContents
from clipprobe.neurons.multimodality.summary import summary_of, verdict_of


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Multimodality(MultimodalityContents):
    """The result of :func:`clipprobe.multimodality`."""

    @property
    def verdict(self) -> str:
        """The number of strong units beside its controls, and whether it is evidence."""
        return verdict_of(self)

    def summary(self) -> dict[str, Any]:
        """The headline numbers as plain JSON."""
        return summary_of(self)

    def to_json(self) -> dict[str, Any]:
        """The summary with its provenance, as plain JSON; the tables are in the run folder."""
        return {**self.summary(), "provenance": self.provenance}
