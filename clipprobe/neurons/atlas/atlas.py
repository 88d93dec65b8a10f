"""The atlas: how the units of a tower responded to a set of images, or of texts.

    atlas = clipprobe.scan(clip, "photos/", out="runs/atlas")
    atlas = clipprobe.Atlas.load("runs/atlas")
    atlas.unit("vision.blocks.3.mlp.post:17").top     # its strongest images
    atlas.search(label="dog")                          # units whose strongest images are dogs

An atlas reads no model: everything is in the run folder (``store`` says how).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipprobe.errors import ConfigError
from clipprobe.neurons.atlas.contents import AtlasContents
from clipprobe.neurons.atlas.merge import SAVED, merge_all, merge_two
from clipprobe.neurons.atlas.search import search
from clipprobe.neurons.atlas.settings import Save
from clipprobe.neurons.atlas.statistics.derived import twin_floor
from clipprobe.neurons.atlas.store import TOP
from clipprobe.neurons.atlas.summary import summarise
from clipprobe.neurons.atlas.tables import top_table
from clipprobe.neurons.instruments.store import InMemory, Store
from clipprobe.runs import load_run
from clipprobe.statistics import Estimate
from clipprobe.study import carry_out


@dataclass(frozen=True, kw_only=True, repr=False)
class Atlas(AtlasContents):
    """Contents of an atlas, searched, merged, written and read."""

    def search(
        self,
        *,
        kind: str | None = None,
        label: str | None = None,
        where: Sequence[str] = (),
        site: str | Sequence[str] = "*",
        limit: int = 20,
    ) -> list[dict[str, Any]]:
        """Units by property or by the label of their strongest images.

        Args:
            kind: ``selective``, ``dead``, ``always-on`` or ``constant``; see ``properties``.
            label: Units with the most images of this label among their top images.
            where: Conditions on statistics, such as ``"mean>0.5"``, all of which must hold.
            site: Only hook points that this glob means, or one of several.
            limit: At most N.
        """
        return search(self, kind=kind, label=label, where=where, site=site, limit=limit)

    def peak_floors(self, twin: Atlas) -> dict[str, Estimate]:
        """What the peaks of 95 % of a random twin's units stay below, by hook point.

        Args:
            twin: A scan of ``clipprobe.models.random_twin(clip)``: same images, same settings.
        Raises:
            ConfigError: it is of other images or settings, or lacks a hook point.
        """
        for name in ("data", "pool", "keep"):
            if self.config.get(name) != twin.config.get(name):
                raise ConfigError(
                    f"The twin's atlas differs in {name!r}: scan the twin with the same images and "
                    "settings."
                )
        return {name: twin_floor(twin.table(name).peak) for name in self.sites}

    def merge(self, other: Atlas) -> Atlas:
        """The atlas of the images of two shards of one scan.

        Raises:
            RunFolderError: they are of different scans, or overlap.
        """
        return Atlas.of(merge_two(self, other))

    def save(self, out: str | Path, *, overwrite: bool = False) -> Atlas:
        """Write the atlas as a run folder of its own.

        Raises:
            RunFolderError: ``out`` holds another run or cannot be written.
        """
        saved = carry_out(SAVED, Save(self, out=out, overwrite=overwrite), None)
        return Atlas.of(saved.value)

    def _store(self) -> Store:
        if self.path is not None:
            return load_run(self.path)
        top = {TOP: lambda: top_table(self.statistics, self.images)}
        return InMemory(top, lambda: summarise(self))


def merge_atlases(atlases: Sequence[Atlas]) -> Atlas:
    """All shards of a scan as one atlas, the same bytes in any order.

    Raises:
        RunFolderError: they are of different scans, overlap, or shards are missing.
    """
    return Atlas.of(merge_all(atlases))
