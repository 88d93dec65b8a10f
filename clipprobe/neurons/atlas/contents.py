"""What an atlas holds: statistics of units, and the images or texts that were scanned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from clipprobe.errors import UnknownHookPointError
from clipprobe.hooks.units import Site
from clipprobe.neurons.atlas.images import ImageTable
from clipprobe.neurons.atlas.statistics.accumulator import UnitStatistics
from clipprobe.neurons.atlas.unit import Unit, unit_of
from clipprobe.neurons.atlas.unit_table import UnitTable, unit_table
from clipprobe.runs import jsonio


@dataclass(frozen=True, kw_only=True)
class AtlasContents:
    """Statistics and images of units.

    Attributes:
        sites: Hook point name -> what is known of it, in the order of a forward pass.
        statistics: Hook point name -> statistics of its units.
        images: The images that were scanned.
        config: Everything that determined the numbers: model, weights' hash, preprocessing, data
            set, hook points, pooling, what is kept, and which shard this is.
        versions: Versions of the libraries that the numbers depend on.
        path: The run folder, where there is one.
    """

    sites: Mapping[str, Site]
    statistics: Mapping[str, UnitStatistics]
    images: ImageTable
    config: dict[str, Any]
    versions: dict[str, str]
    path: Path | None = None

    @property
    def pool(self) -> str:
        """How tokens became one number; part of every unit's name."""
        return str(self.config["pool"])

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

    def unit(self, address: str) -> Unit:
        """Everything known of one unit.

        Args:
            address: ``<hook point>:<index>``; negative block numbers count from the end.

        Raises:
            UnknownHookPointError: the atlas has no such hook point or unit; names the nearest.
        """
        from clipprobe.hooks.sites import parse_unit

        parsed = parse_unit(address)
        site = self.site(parsed.hook)
        if parsed.index >= site.n_units:
            raise UnknownHookPointError(
                f"{site.name}:{parsed.index} does not exist: {site.name} has {site.n_units} "
                f"{site.unit}s, numbered 0 to {site.n_units - 1}."
            )
        return unit_of(site, self.statistics[site.name], parsed.index, self.images, self.pool)

    def site(self, name: str) -> Site:
        """One hook point of the atlas.

        Raises:
            UnknownHookPointError: the atlas does not hold it; names the nearest that it holds.
        """
        from clipprobe.hooks.sites import SiteName, nearest, parse_name

        parsed = parse_name(name)
        if parsed.block is not None and parsed.block < 0:
            block = parsed.block + int(self.config["n_blocks"])
            parsed = SiteName(parsed.tower, block, parsed.site)
        if str(parsed) not in self.sites:
            raise UnknownHookPointError(
                f"This atlas holds no hook point {name!r}; the nearest of its {len(self.sites)} "
                f"are {', '.join(nearest(str(parsed), self.sites))}: scan with --sites {name!r} to "
                "have it."
            )
        return self.sites[str(parsed)]

    def table(self, site: str) -> UnitTable:
        """One row per unit of a hook point; see :class:`.overview.UnitTable`."""
        found = self.site(site)
        return unit_table(found, self.statistics[found.name], self.images)

    def picture(self, image: int) -> Image.Image:
        """An image of the atlas by its number.

        Raises:
            UnreadableImageError: it is no longer where the scan found it, or was never a file.
        """
        return self.images.picture(image)
