"""The atlas: what the units of a tower answered to a set of images, or of texts.

    atlas = clipprobe.scan(clip, "photos/", out="runs/atlas")
    atlas = clipprobe.Atlas.load("runs/atlas")
    atlas.unit("vision.blocks.3.mlp.post:17").top     # its strongest images
    atlas.search(label="dog")                          # units whose strongest images are dogs

An atlas reads no model: everything is in the run folder (``store`` says how).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from clipprobe.errors import RunFolderError, UnknownHookPointError
from clipprobe.hooks.units import Site
from clipprobe.neurons.atlas.accumulator import UnitStatistics
from clipprobe.neurons.atlas.images import ImageTable
from clipprobe.neurons.atlas.overview import UnitTable, search, unit_table
from clipprobe.neurons.atlas.unit import Unit, unit_of
from clipprobe.runs import jsonio

if TYPE_CHECKING:
    from clipprobe.runs import Run


@dataclass(frozen=True, kw_only=True)
class Atlas:
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
            f"Atlas({n_units} units of {len(self.sites)} hook points, {self.images.n_used} images, "
            f"pool={self.pool!r})"
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

    def search(
        self,
        *,
        kind: str | None = None,
        label: str | None = None,
        where: Sequence[str] = (),
        site: str = "*",
        limit: int = 20,
    ) -> list[dict[str, Any]]:
        """Units by property or by the label of their strongest images.

        Args:
            kind: ``selective``, ``dead``, ``always-on`` or ``constant``; see ``properties``.
            label: Units with the most images of this label among their top images.
            where: Conditions on statistics, such as ``"mean>0.5"``, all of which must hold.
            site: Only hook points that this glob means.
            limit: At most so many.
        """
        return search(self, kind=kind, label=label, where=where, site=site, limit=limit)

    def picture(self, image: int) -> Image.Image:
        """An image of the atlas by its number.

        Raises:
            UnreadableImageError: it is no longer where the scan found it, or was never a file.
        """
        return self.images.picture(image)

    def merge(self, other: Atlas) -> Atlas:
        """The atlas of the images of two shards of one scan.

        Raises:
            RunFolderError: they are of different scans, or overlap.
        """
        from clipprobe.neurons.atlas.merge import merge_two

        return merge_two(self, other)

    def write(self, run: Run) -> None:
        """Write everything into a run folder and complete it."""
        from clipprobe.neurons.atlas.store import write

        write(self, run)

    def save(self, out: str | Path, *, overwrite: bool = False) -> Atlas:
        """Write the atlas as a run folder of its own.

        Raises:
            RunFolderError: ``out`` holds another run or cannot be written.
        """
        from clipprobe.neurons.atlas.store import KIND
        from clipprobe.runs import Run

        with Run.open(out, kind=KIND, config=self.config, overwrite=overwrite) as run:
            if not run.complete:
                self.write(run)
            return Atlas.load(run.path)

    @classmethod
    def load(cls, path: str | Path) -> Atlas:
        """Read an atlas from its run folder.

        Raises:
            RunFolderError: there is no complete atlas.
        """
        from clipprobe.neurons.atlas.store import read

        return read(path)


def shard_of(atlas: Atlas) -> dict[str, Any]:
    """Which shards of how many an atlas holds.

    Raises:
        RunFolderError: it holds all.
    """
    shard: dict[str, Any] | None = atlas.config["shard"]
    if shard is None:
        raise RunFolderError(
            f"{atlas.path or 'This atlas'} is a whole scan and no shard: there is nothing to merge."
        )
    return shard


def merge_atlases(atlases: Sequence[Atlas]) -> Atlas:
    """All shards of a scan as one atlas, the same bytes in any order.

    Raises:
        RunFolderError: they are of different scans, overlap, or shards are missing.
    """
    if not atlases:
        raise RunFolderError("No atlas was given to merge: name the folders of all shards.")
    merged = atlases[0]
    shard_of(merged)
    for other in atlases[1:]:
        merged = merged.merge(other)
    shard = merged.config["shard"]
    if shard is not None:
        missing = sorted(set(range(shard["of"])) - set(shard["parts"]))
        raise RunFolderError(
            f"Of the {shard['of']} shards of this scan number "
            f"{', '.join(map(str, missing))} is missing: scan with --shard {missing[0]}/"
            f"{shard['of']} and give all of them."
        )
    return merged
