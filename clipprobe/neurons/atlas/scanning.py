"""Stream images or texts once through the model and keep what each unit did: the atlas.

Memory does not grow with the number of inputs (beyond their names). Images are decoded in worker
threads beside the model; texts run in groups of equal length, without padding. A scan that was
killed goes on from its last checkpoint, and a shard (every n-th input) can be scanned elsewhere and
merged: both end in the same bytes as one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clipprobe.data import Dataset, as_dataset, require_readable
from clipprobe.data.texts import text_dataset
from clipprobe.errors import ConfigError, DataError
from clipprobe.hooks.units import default_pool, default_sites, find_sites
from clipprobe.memory import check_fits, fitting_batch
from clipprobe.neurons.atlas.atlas import Atlas
from clipprobe.neurons.atlas.images import ImageTable
from clipprobe.neurons.atlas.statistics.accumulator import Settings, UnitStatistics
from clipprobe.neurons.atlas.statistics.samples import N_BINS
from clipprobe.neurons.atlas.store import KIND
from clipprobe.neurons.atlas.stream import CHECKPOINT, ScanState, Stream
from clipprobe.runs import Run, jsonio
from clipprobe.runs.provenance import versions

if TYPE_CHECKING:
    from clipprobe.models import Clip

_UNIT_BYTES, _PLACE_BYTES = 5_000, 200
"""What a unit takes, and each place for an image of it (both ends, and its rows when written)."""


def scan(
    clip: Clip,
    images: Dataset | str | Path | Iterable[Any],
    *,
    sites: Sequence[str] | str | None = None,
    pool: str = "max",
    top_k: int = 16,
    per_bin: int = 4,
    threshold: float = 1.0,
    out: str | Path | None = None,
    shard: tuple[int, int] = (0, 1),
    limit: int | None = None,
    batch_size: int = 32,
    workers: int = 2,
    seed: int = 0,
    overwrite: bool = False,
    checkpoint_seconds: float = 2.0,
    progress: Callable[[int], None] | None = None,
) -> Atlas:
    """Scan images and keep statistics, top images and samples over the range of every unit.

    Args:
        images: A data set, the path of one, or images; see :func:`clipprobe.data.as_dataset`.
        sites: Hook points or globs of the vision tower; None for the neurons of every block.
        pool: How the tokens (or places) of an image become one number per unit: ``max``,
            ``mean``, ``cls``; ``none`` for hook points without tokens.
        top_k: Images kept at the top and at the bottom of each unit; no more than there are.
        per_bin: Images that stand for each activation bin of each unit.
        threshold: Activation above which an image counts as one that the unit responds to.
        out: Run folder; None keeps the atlas in memory only.
        shard: ``(i, n)``: only the images i, i + n, i + 2n, … of the data set in order of id.
        limit: Use only so many images, drawn by the hash of their ids.
        batch_size: Images in one forward pass; no more than there are.
        workers: Threads that decode; 0 for none. Never changes the result.
        seed: Which images stand for the bins.
        overwrite: Replace a different run in ``out``.
        checkpoint_seconds: Least time after which the state is written to ``out`` again; more
            where writing it is slow; 0 writes it after every batch.
        progress: Called with the number of images finished since the last call.

    Raises:
        UnknownHookPointError, UnsupportedHookError: see ``sites.find_sites``.
        NoReadableImagesError: not one image could be read.
        RunFolderError: ``out`` holds another run or cannot be written.
        ConfigError: a setting that cannot be used, or that needs more memory than the budget.
    """
    dataset = as_dataset(images, limit=limit)
    return _scan(
        clip,
        dataset,
        tower="vision",
        sites=sites,
        pool=pool,
        settings=_settings(top_k, per_bin, threshold, seed),
        out=out,
        shard=shard,
        batch_size=batch_size,
        workers=workers,
        overwrite=overwrite,
        checkpoint_seconds=checkpoint_seconds,
        progress=progress,
    )


def scan_texts(
    clip: Clip,
    texts: Dataset | Iterable[str],
    *,
    sites: Sequence[str] | str | None = None,
    pool: str | None = None,
    top_k: int = 16,
    per_bin: int = 4,
    threshold: float = 1.0,
    out: str | Path | None = None,
    shard: tuple[int, int] = (0, 1),
    limit: int | None = None,
    batch_size: int = 32,
    seed: int = 0,
    overwrite: bool = False,
    checkpoint_seconds: float = 2.0,
    progress: Callable[[int], None] | None = None,
) -> Atlas:
    """Scan texts (captions, prompts, words) and keep the same of every unit of the text tower.

    In the atlas a text stands where an image does: its id is the text itself, and equal texts
    count once. Options as for :func:`scan`.

    Args:
        texts: Texts, or what :func:`clipprobe.data.texts.read_texts` gave.
        sites: Hook points or globs of the text tower; None for the neurons of every block.
        pool: How the tokens of a text become one number per unit: ``eos`` (the token that the
            model reads; the default), ``max``, ``mean``, ``cls``.

    Raises:
        DataError: no text, or something that is none.
        UnknownHookPointError, UnsupportedHookError, RunFolderError, ConfigError: as for
            :func:`scan`.
    """
    return _scan(
        clip,
        text_dataset(texts, limit=limit),
        tower="text",
        sites=sites,
        pool=default_pool(clip, "text") if pool is None else pool,
        settings=_settings(top_k, per_bin, threshold, seed),
        out=out,
        shard=shard,
        batch_size=batch_size,
        workers=0,
        overwrite=overwrite,
        checkpoint_seconds=checkpoint_seconds,
        progress=progress,
    )


def _scan(
    clip: Clip,
    dataset: Dataset,
    *,
    tower: str,
    sites: Sequence[str] | str | None,
    pool: str,
    settings: Settings,
    out: str | Path | None,
    shard: tuple[int, int],
    batch_size: int,
    workers: int,
    overwrite: bool,
    checkpoint_seconds: float,
    progress: Callable[[int], None] | None,
) -> Atlas:
    _check(settings, shard, batch_size)
    found = find_sites(clip, _patterns(clip, sites, tower), pool, tower)
    # Of the whole data set, not of the shard: the shards must give the bytes of one pass.
    batch_size = fitting_batch(clip, batch_size, len(dataset), tower=tower)
    settings = _fitting(settings, len(dataset), sum(site.n_units for site in found))
    numbers = range(shard[0], len(dataset), shard[1])
    if not numbers:
        raise DataError(
            f"Shard {shard[0]}/{shard[1]} of {dataset.name!r} holds nothing, the data set has "
            f"{len(dataset)} {'images' if tower == 'vision' else 'texts'}: use fewer shards."
        )
    provenance = clip.provenance()
    config: dict[str, Any] = {
        "model": provenance["model"],
        "device": clip.device.type,
        "data": dataset.describe(),
        "sites": [site.to_json() for site in found],
        "tower": tower,
        "view": _view(clip) if tower == "vision" else None,
        "n_blocks": len(getattr(clip.anatomy, tower).blocks),
        "pool": pool,
        "keep": asdict(settings),
        "batch_size": batch_size,
        "shard": None if shard[1] == 1 else {"of": shard[1], "parts": [shard[0]]},
    }
    config = jsonio.plain(config)
    opened: Run | nullcontext[None] = nullcontext()
    if out is not None:
        opened = Run.open(out, kind=KIND, config=config, overwrite=overwrite)
    with opened as run:
        if run is not None and run.complete:
            return Atlas.load(run.path)
        state = ScanState(
            {site.name: UnitStatistics.empty(site.name, site.n_units, settings) for site in found}
        )
        if run is not None and run.has(CHECKPOINT):
            state = ScanState.read(run, [site.name for site in found], settings)
        records = [dataset.records[i] for i in numbers]
        if tower == "text":
            from clipprobe.neurons.atlas.text_stream import TextStream

            texts = TextStream(clip, pool, state, records, numbers, settings.seed)
            records, stream = texts.with_pieces(records), cast(Stream, texts)
        else:
            stream = Stream(clip, pool, state, records, numbers, settings.seed)
        stream.run(batch_size, workers, run, checkpoint_seconds, progress)
        n_used = state.done - len(state.failures)
        if run is not None and not n_used:
            run.abandon()
        require_readable(n_used, state.failures, dataset.name)
        atlas = Atlas(
            sites={site.name: site for site in found},
            statistics=state.statistics,
            images=ImageTable.of(records, numbers, state.failures),
            config=config,
            versions={**versions(), **provenance["versions"]},
        )
        if run is not None:
            atlas.write(run)
        return atlas


def _patterns(clip: Clip, sites: Sequence[str] | str | None, tower: str) -> list[str]:
    if sites is None:
        return default_sites(clip, tower)
    return [sites] if isinstance(sites, str) else list(sites)


def _view(clip: Clip) -> dict[str, Any]:
    """What of an image the model sees: the shortest edge is resized, then the centre cropped."""
    return {"size": clip.preprocess.size, "resize_to": clip.preprocess.resize_to}


def _settings(top_k: int, per_bin: int, threshold: float, seed: int) -> Settings:
    return Settings(top_k=top_k, per_bin=per_bin, threshold=float(threshold), seed=seed)


def _fitting(keep: Settings, n: int, n_units: int) -> Settings:
    """What is kept, no more than there are inputs.

    Raises:
        ConfigError: the places would not fit into memory; names the number that does.
    """
    keep = replace(keep, top_k=min(keep.top_k, n), per_bin=min(keep.per_bin, n))
    fixed, bins = float(_UNIT_BYTES * n_units), _PLACE_BYTES * n_units * N_BINS
    check_fits("top_k", keep.top_k, _PLACE_BYTES * n_units, fixed=fixed)
    fixed += keep.top_k * _PLACE_BYTES * n_units
    check_fits("per_bin", keep.per_bin, bins, fixed=fixed)
    return keep


def _check(keep: Settings, shard: tuple[int, int], batch_size: int) -> None:
    if keep.top_k < 1 or keep.per_bin < 0 or not np.isfinite(keep.threshold):
        raise ConfigError(
            f"An atlas with top_k={keep.top_k}, per_bin={keep.per_bin} and threshold="
            f"{keep.threshold} cannot be made: give top_k of at least 1, no negative per_bin and a "
            "finite threshold."
        )
    if batch_size < 1:
        raise ConfigError(f"batch_size must be at least 1, {batch_size} was given.")
    if not 0 <= shard[0] < shard[1]:
        raise ConfigError(f"There is no shard {shard[0]} of {shard[1]}: number them from 0.")
