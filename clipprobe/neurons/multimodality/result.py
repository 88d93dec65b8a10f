"""What a multimodality test found, what it amounts to, and where it is kept."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from clipprobe.neurons.multimodality.contents import MultimodalityContents
from clipprobe.neurons.multimodality.store import read
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

    @classmethod
    def load(cls, path: str | Path) -> Multimodality:
        """Read a result from its run folder.

        Raises:
            RunFolderError: there is no complete one.
        """
        return cls.of(read(path))

    @classmethod
    def of(cls, contents: MultimodalityContents) -> Multimodality:
        """The same contents with what is said of them."""
        return cls(**{field.name: getattr(contents, field.name) for field in fields(contents)})
