"""Atlases that are made without a model: of one that is in memory, and of the shards of a scan."""

from __future__ import annotations

from clipprobe.neurons.atlas.contents import AtlasContents
from clipprobe.neurons.atlas.merge import merge_all
from clipprobe.neurons.atlas.settings import Merge, Save
from clipprobe.neurons.atlas.store import KIND, plan_of, read, read_run
from clipprobe.study import Plan, Study


def prepare_save(settings: Save, clip: None) -> Plan[AtlasContents]:
    """The run of an atlas that is in memory."""
    return plan_of(settings.atlas)


def prepare_merge(settings: Merge, clip: None) -> Plan[AtlasContents]:
    """Read the shards, refuse what does not belong together, and put them together."""
    return plan_of(merge_all([read(folder) for folder in settings.atlases]))


SAVED = Study(kind=KIND, name="atlas-save", settings=Save, prepare=prepare_save, load=read_run)
MERGED = Study(kind=KIND, name="atlas-merge", settings=Merge, prepare=prepare_merge, load=read_run)
