"""Atlases that are made without a model: of one that is in memory, and of the shards of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clipprobe.errors import RunFolderError
from clipprobe.lines import shortened
from clipprobe.neurons.atlas.contents import AtlasContents
from clipprobe.neurons.atlas.settings import Merge, Save
from clipprobe.neurons.atlas.store import KIND, plan_of, read, read_run
from clipprobe.neurons.atlas.thumbnails import among
from clipprobe.study import Plan, Study


def merge_all(atlases: Sequence[AtlasContents]) -> AtlasContents:
    """All shards of a scan as one atlas, the same bytes in any order.

    Raises:
        RunFolderError: they are of different scans, overlap, or shards are missing.
    """
    if not atlases:
        raise RunFolderError("No atlas was given to merge: name the folders of all shards.")
    merged = atlases[0]
    shard_of(merged)
    for other in atlases[1:]:
        merged = merge_two(merged, other)
    shard = merged.config["shard"]
    if shard is not None:
        missing = sorted(set(range(shard["of"])) - set(shard["parts"]))
        raise RunFolderError(
            f"Of the {shard['of']} shards of this scan number "
            f"{', '.join(map(str, missing))} is missing: scan with --shard {missing[0]}/"
            f"{shard['of']} and give all of them."
        )
    return merged


def merge_two(left: AtlasContents, right: AtlasContents) -> AtlasContents:
    """The atlas of both shards' images.

    Raises:
        RunFolderError: they are not shards of one scan, or share a shard.
    """
    mine, theirs = _key(left), _key(right)
    for name in sorted(mine):
        if mine[name] != theirs[name]:
            raise RunFolderError(
                f"These atlases are not shards of one scan, their {name} differs "
                f"({shortened(repr(mine[name]), 80)} and {shortened(repr(theirs[name]), 80)}): "
                "scan every shard with the same settings, data and versions."
            )
    parts = [*left.config["shard"]["parts"], *right.config["shard"]["parts"]]
    if len(set(parts)) < len(parts):
        twice = next(part for part in sorted(parts) if parts.count(part) > 1)
        raise RunFolderError(f"Shard {twice} was given twice: name each shard once.")
    n_shards = left.config["shard"]["of"]
    whole = len(parts) == n_shards
    shard = None if whole else {"of": n_shards, "parts": sorted(parts)}
    statistics = {name: one.merge(right.statistics[name]) for name, one in left.statistics.items()}
    return AtlasContents(
        sites=left.sites,
        statistics=statistics,
        images=left.images.merge(right.images),
        config={**left.config, "shard": shard},
        versions=left.versions,
        thumbnails=among([left.thumbnails, right.thumbnails], statistics.values()),
    )


def _key(atlas: AtlasContents) -> dict[str, Any]:
    """What two shards must share."""
    shard = shard_of(atlas)
    parts = {f"config {name}": value for name, value in atlas.config.items() if name != "shard"}
    return {**parts, "number of shards": shard["of"], "versions": atlas.versions}


def shard_of(atlas: AtlasContents) -> dict[str, Any]:
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


def prepare_save(settings: Save, clip: None) -> Plan[AtlasContents]:
    """The run of an atlas that is in memory."""
    return plan_of(settings.atlas)


def prepare_merge(settings: Merge, clip: None) -> Plan[AtlasContents]:
    """Read the shards, refuse what does not belong together, and put them together."""
    return plan_of(merge_all([read(folder) for folder in settings.atlases]))


SAVED = Study(kind=KIND, name="atlas-save", settings=Save, prepare=prepare_save, load=read_run)
MERGED = Study(kind=KIND, name="atlas-merge", settings=Merge, prepare=prepare_merge, load=read_run)
