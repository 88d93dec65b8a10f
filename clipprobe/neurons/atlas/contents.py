"""What an atlas holds: statistics of units, and the images or texts that were scanned."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PIL import Image

from clipprobe.errors import ConfigError
from clipprobe.hooks.units import Site
from clipprobe.identity import Identity
from clipprobe.neurons.atlas.images import ImageTable
from clipprobe.neurons.atlas.statistics.accumulator import UnitStatistics
from clipprobe.neurons.atlas.statistics.floors import TWIN, floors_beside
from clipprobe.neurons.atlas.unit import Firing, Unit, ranked, unit_of
from clipprobe.neurons.atlas.unit_table import UnitTable, unit_table
from clipprobe.neurons.instruments.value import WithSites
from clipprobe.origin import Origin, absolute
from clipprobe.runs import jsonio
from clipprobe.statistics import Estimate

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, kw_only=True)
class AtlasContents(WithSites):
    """Statistics and images of units.

    Attributes:
        sites: Hook point name -> what is known of it, in the order of a forward pass.
        statistics: Hook point name -> statistics of its units.
        images: The images that were scanned.
        config: Everything that determined the numbers: model, weights' hash, preprocessing, data
            set, hook points, pooling, what is kept, and which shard this is.
        versions: Versions of the libraries that the numbers depend on.
        path: The run folder, where there is one.
        thumbnails: Number of an image -> a small copy of what the model saw, as WEBP; of the images
            that stand for a unit, where they were kept.
    """

    instrument: ClassVar[str] = "atlas"
    noun: ClassVar[str] = "atlas"
    sites: Mapping[str, Site]
    statistics: Mapping[str, UnitStatistics]
    images: ImageTable
    config: dict[str, Any]
    versions: dict[str, str]
    path: Path | None = None
    thumbnails: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def origin(self) -> Origin | None:
        """What reads it again; None for one that is in memory only."""
        if self.path is None:
            return None
        return Origin(opener="atlas", arguments={"path": absolute(self.path)})

    @property
    def tower(self) -> str:
        """``vision`` for an atlas of images, ``text`` for one of texts."""
        return str(self.config["tower"])

    @property
    def inputs(self) -> str:
        """What was scanned, in words: images or texts."""
        return "images" if self.tower == "vision" else "texts"

    @property
    def provenance(self) -> dict[str, Any]:
        """What the numbers come from, in alphabetical order."""
        counts = {"used": self.images.n_used, "failed": len(self.images.failures)}
        source = {**self.config, "sites": list(self.sites), "counts": counts}
        in_order: dict[str, Any] = jsonio.loads(jsonio.dumps({**source, "versions": self.versions}))
        return in_order

    def __repr__(self) -> str:
        n_units = sum(site.n_units for site in self.sites.values())
        return (
            f"{type(self).__name__}({n_units} units of {len(self.sites)} hook points, "
            f"{self.images.n_used} images, pool={self.pool!r})"
        )

    def refuse_other(self, clip: Clip) -> None:
        """Raise where a model is not the one that the atlas was made with.

        Raises:
            ConfigError: it has other weights or edits.
        """
        own = Identity.stored(self.config["model"])
        if clip.identity != own:
            raise ConfigError(
                f"The atlas is of {self.config['model']['id']} (weights {own}), and {clip.id} has "
                f"the weights {clip.identity}: give the model of the atlas (--model)."
            )

    def unit(self, address: str) -> Unit:
        """Everything known of one unit.

        Args:
            address: ``<hook point>:<index>``; negative block numbers count from the end.

        Raises:
            UnknownHookPointError: the atlas has no such hook point or unit; names the nearest.
        """
        site, index = self.site_and_index(address)
        unit = unit_of(site, self.statistics[site.name], index, self.images, self.pool)
        return replace(unit, **self._floor(site.name))

    def strongest(self, address: str, k: int) -> tuple[Firing, ...]:
        """The ``k`` strongest images of a unit, or as many as were kept.

        Raises:
            UnknownHookPointError: as for :meth:`unit`.
        """
        site, index = self.site_and_index(address)
        return ranked(site, self.statistics[site.name].top, index, self.images)[:k]

    def table(self, site: str) -> UnitTable:
        """One row per unit of a hook point; see :class:`.unit_table.UnitTable`."""
        return self._table(self.site(site), slice(None))

    def row(self, address: str) -> UnitTable:
        """The row of one unit in the table of its hook point, at the cost of one unit.

        Raises:
            UnknownHookPointError: as for :meth:`unit`.
        """
        site, index = self.site_and_index(address)
        return self._table(site, slice(index, index + 1))

    def _table(self, site: Site, block: slice) -> UnitTable:
        table = unit_table(site, self.statistics[site.name], self.images, block)
        return replace(table, **self._floor(site.name))

    @cached_property
    def _floors(self) -> Mapping[str, Estimate]:
        return floors_beside(self.path, self.config)

    def _floor(self, site: str) -> dict[str, Any]:
        """What a peak is compared with, where it is known from the random twin."""
        level = self._floors.get(site)
        return {} if level is None else {"peak_floor": level.value, "peak_floor_of": TWIN}

    def picture(self, image: int) -> Image.Image:
        """An image of the atlas by its number.

        Raises:
            UnreadableImageError: it is no longer where the scan found it, or was never a file.
        """
        return self.images.picture(image)

    def thumbnail(self, image: int) -> Image.Image | None:
        """A small copy of what the model saw of an image; None where none was kept."""
        data = self.thumbnails.get(image)
        return None if data is None else Image.open(io.BytesIO(data)).convert("RGB")
