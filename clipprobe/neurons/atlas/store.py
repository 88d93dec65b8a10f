"""The run folder of an atlas, written and read.

``stats.safetensors``: for each hook point ``<name>/<array>``: the arrays of ``UnitStatistics``
(exact sums as integer limbs, extremes, counts, half range, histogram) and, for other readers,
``mean`` and ``std`` as float64. ``topk.parquet`` and ``bins.parquet``: see ``tables``.
``images.parquet`` and ``sources.parquet``: see ``images``. ``thumbnails.parquet``: see
``thumbnails``. All but the last two are the same on every machine, and all but ``sources.parquet``
for every number and order of shards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from clipprobe.hooks.units import Site
from clipprobe.neurons.atlas import thumbnails
from clipprobe.neurons.atlas.contents import AtlasContents
from clipprobe.neurons.atlas.images import ImageTable
from clipprobe.neurons.atlas.settings import Sheets
from clipprobe.neurons.atlas.statistics import exact
from clipprobe.neurons.atlas.statistics.accumulator import ARRAYS, Settings, UnitStatistics
from clipprobe.neurons.atlas.tables import bin_table, read_bins, read_top, top_table
from clipprobe.neurons.instruments.registry import INSTRUMENTS
from clipprobe.neurons.instruments.store import Lazy
from clipprobe.runs import Run, RunView
from clipprobe.study import Outcome, Plan

A = TypeVar("A", bound=AtlasContents)

KIND = "atlas"
STATISTICS = "stats.safetensors"
TOP = "topk.parquet"
BINS = "bins.parquet"
IMAGES = "images.parquet"
SOURCES = "sources.parquet"


def plan_of(atlas: A) -> Plan[A]:
    """The plan of a run that holds an atlas which is there already."""
    return Plan(
        config=atlas.config,
        execute=lambda run: outcome_of(atlas, run),
        seed=atlas.config["keep"]["seed"],
        provenance={"model": atlas.config["model"], "versions": atlas.versions},
        dataset=atlas.config["data"],
    )


def outcome_of(atlas: A, run: Run, sheets: Sheets | None = None) -> Outcome[A]:
    """An atlas with the files, the summary and the page of its run.

    Args:
        sheets: Which units get a sheet, for the links of the page.
    """
    from clipprobe.neurons.atlas.page import page_of
    from clipprobe.neurons.atlas.summary import summarise

    failures = atlas.images.failures
    bare = replace(atlas, path=None)  # what is written does not depend on what lies beside it
    return Outcome(
        value=atlas,
        files=_files(atlas, run.path),
        summary=lambda: summarise(bare),
        page=lambda run: page_of(bare, {} if sheets is None else sheets(bare)),
        used=atlas.images.n_used,
        failed=len(failures),
        failures=failures,
    )


def _files(atlas: AtlasContents, folder: Path) -> Iterator[tuple[str, Any]]:
    """One at a time: each can be as large as the atlas."""
    for statistics in atlas.statistics.values():
        statistics.flush()
    yield STATISTICS, _arrays(atlas)
    yield TOP, top_table(atlas.statistics, atlas.images)
    yield BINS, bin_table(atlas.statistics, atlas.images)
    yield IMAGES, atlas.images.columns()
    yield SOURCES, atlas.images.sources(folder)
    if "thumbnails" in atlas.config:  # not there in a copy of an older run
        yield thumbnails.FILE, thumbnails.columns(atlas.thumbnails)


def read_run(run: RunView) -> AtlasContents:
    """Read an atlas from its run."""
    config = run.manifest["config"]
    sites = [Site.from_json(data) for data in config["sites"]]
    images = ImageTable.from_tables(run.read_table(IMAGES), run.read_table(SOURCES), run.path)
    return AtlasContents(
        sites={site.name: site for site in sites},
        statistics=_statistics(run, sites, Settings(**config["keep"]), images),
        images=images,
        config=config,
        versions=run.manifest["versions"],
        path=run.path,
        thumbnails=thumbnails.StoredThumbnails(lambda: run.read_table(thumbnails.FILE))
        if "thumbnails" in config
        else {},
    )


def read(path: str | Path) -> AtlasContents:
    """Read an atlas from its run folder.

    Raises:
        RunFolderError: there is no complete atlas.
    """
    atlas: AtlasContents = INSTRUMENTS["atlas"].load(path)
    return atlas


def _arrays(atlas: AtlasContents) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for name, statistics in atlas.statistics.items():
        mean, variance = exact.mean_and_variance(
            statistics.count, statistics.sums, statistics.squares
        )
        state = statistics.state()
        columns = {array: state[array] for array in ARRAYS}
        columns |= {"mean": mean, "std": np.sqrt(variance)}
        arrays |= {f"{name}/{array}": values for array, values in columns.items()}
    return arrays


def _statistics(
    run: RunView, sites: Sequence[Site], settings: Settings, images: ImageTable
) -> Mapping[str, UnitStatistics]:
    """Of every hook point, put together when it is asked for."""
    arrays, top, bins = run.read_arrays(STATISTICS), run.read_table(TOP), run.read_table(BINS)

    def read_site(name: str) -> UnitStatistics:
        state = {array: arrays[f"{name}/{array}"] for array in ARRAYS}
        statistics = UnitStatistics.from_state(name, settings, state)
        read_top(top, statistics)
        read_bins(bins, statistics, images)
        return statistics

    return Lazy([site.name for site in sites], read_site, keep=True)
