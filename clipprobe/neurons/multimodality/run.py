"""The three-modality test: is a unit's concept one concept in picture, drawing and word?

After "Multimodal Neurons in Artificial Neural Networks" (Goh et al. 2021), which showed such
units as pictures, without a number. See ``docs/multimodality.md`` for the definitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.errors import ConfigError
from clipprobe.hooks.units import default_sites, find_sites
from clipprobe.memory import fitting_batch
from clipprobe.neurons.multimodality import tables
from clipprobe.neurons.multimodality.activations import tiles
from clipprobe.neurons.multimodality.assembly import assemble
from clipprobe.neurons.multimodality.contents import KIND
from clipprobe.neurons.multimodality.controls import word_controls
from clipprobe.neurons.multimodality.probes import Concepts, Probes, as_probes
from clipprobe.neurons.multimodality.result import Multimodality
from clipprobe.neurons.multimodality.trial import Progress, Trial
from clipprobe.runs import Run, jsonio

if TYPE_CHECKING:
    from clipprobe.models import Clip

CONTROLS = ("random_weights", "words")


def multimodality(
    clip: Clip,
    concepts: Concepts | Probes,
    sites: Sequence[str] | str | None = None,
    *,
    pool: str = "max",
    min_images: int = 4,
    split_share: float = 0.5,
    top_k: int = 10,
    n_permutations: int = 2000,
    alpha: float = 0.05,
    controls: Sequence[str] = CONTROLS,
    n_controls: int = 20,
    seed: int = 0,
    batch_size: int = 32,
    workers: int = 2,
    memory_mb: float = 1000,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Multimodality:
    """Score every unit for every concept in every modality, with p-values, nulls and controls.

    Args:
        concepts: ``{concept: {modality: [images]}}``, the path of a table with the columns
            ``file_name``, ``concept`` and ``modality``, or :class:`Probes`
            (``bundled_probes()``). At least two modalities and two concepts.
        sites: Hook points or globs of the vision tower; None for the neurons of every block.
        pool: How the tokens (or places) of an image become one number: ``max``, ``mean``, ``cls``;
            ``none`` for hook points without tokens.
        min_images: A concept with fewer readable images in some modality is left out.
        split_share: Share of each concept's images that choose a unit's concept; the others
            confirm, and give every number that is reported. 0 uses all images for both.
        top_k: Depth of the purity; never more than a concept's confirming images.
        n_permutations: Draws of the image null for each modality; they are crossed over
            modalities. Whole concepts are permuted exactly.
        alpha: Level at which q counts as significant.
        controls: ``random_weights`` runs the same network at random weights beside it; ``words``
            runs wrong words, nonsense, scrambled letters, blank and jitter on the best units.
        n_controls: How many of the best units get word controls.
        seed: Of the split, the permutations, the random weights and the control words.
        workers: Threads that decode. Never changes the result.
        memory_mb: Bound on the pooled activations in memory; beyond it the images run once for
            each tile of units.
        out: Run folder; None keeps the result in memory only.
        overwrite: Replace a different run in ``out``.
        progress: Called with the number of images finished since the last call; each image comes
            once for each tile.
    Returns:
        A :class:`Multimodality`.
    Raises:
        UnknownHookPointError, UnsupportedHookError: see ``neurons.sites.find_sites``.
        DataError: not enough modalities, concepts or images.
        NoReadableImagesError: not one image of a modality could be read.
        ConfigError: a setting that cannot be used.
        RunFolderError: ``out`` holds another run or cannot be written.
    """
    _check(split_share, top_k, n_permutations, alpha, controls, n_controls, batch_size)
    patterns = [sites] if isinstance(sites, str) else sites
    found = find_sites(clip, default_sites(clip) if patterns is None else list(patterns), pool)
    probes = as_probes(concepts, min_images=min_images)
    batch_size = fitting_batch(clip, batch_size, len(probes.dataset))
    provenance = clip.provenance()
    config: dict[str, Any] = jsonio.plain(
        {
            "model": provenance["model"],
            "device": clip.device.type,
            "data": probes.describe(),
            "modalities": probes.modalities,
            "sites": [site.name for site in found],
            "pool": pool,
            "min_images": min_images,
            "split_share": split_share,
            "top_k": top_k,
            "n_permutations": n_permutations,
            "alpha": alpha,
            "controls": sorted(set(controls)),
            "n_controls": n_controls,
            "seed": seed,
            "batch_size": batch_size,
        }
    )
    opened: Run | nullcontext[None] = nullcontext()
    if out is not None:
        opened = Run.open(out, kind=KIND, config=config, overwrite=overwrite)
    with opened as run:
        if run is not None and run.complete:
            return Multimodality.load(run.path)
        clips = [clip]
        if "random_weights" in controls:
            from clipprobe.models import random_twin

            clips.append(random_twin(clip, seed=seed))
        plan = tiles(found, len(probes.dataset), memory_mb, len(clips))
        trial = Trial(clips, probes, pool, min_images, split_share, top_k, n_permutations, seed)
        for number, tile in enumerate(plan):
            trial.run(
                tile,
                (number, len(plan)),
                run,
                batch_size=batch_size,
                workers=workers,
                progress=progress,
            )
        result = assemble(trial, plan, [site.name for site in found], config, alpha, provenance)
        if "words" in controls:
            result = _with_words(result, clip, n_controls, seed, batch_size)
        if run is not None:
            from clipprobe.neurons.multimodality.store import write

            write(result, run, probes)
            return Multimodality.load(run.path)
        return result


def _with_words(
    result: Multimodality, clip: Clip, n_controls: int, seed: int, batch_size: int
) -> Multimodality:
    pairs = [(row["address"], str(row["concept"])) for row in result.ranked(n_controls)]
    found = word_controls(clip, pairs, pool=result.pool, seed=seed, batch_size=batch_size)
    return replace(result, controls=tables.control_rows(found))


def _check(
    split_share: float,
    top_k: int,
    n_permutations: int,
    alpha: float,
    controls: Sequence[str],
    n_controls: int,
    batch_size: int,
) -> None:
    if not 0 <= split_share < 1:
        raise ConfigError(
            f"split_share={split_share} is no share of images that select: give 0 to below 1."
        )
    for name, value in (
        ("top_k", top_k),
        ("n_permutations", n_permutations),
        ("n_controls", n_controls),
        ("batch_size", batch_size),
    ):
        if value < 1:
            raise ConfigError(f"{name}={value} cannot be used: give at least 1.")
    if not 0 < alpha < 1:
        raise ConfigError(f"alpha={alpha} is no level of significance: give one between 0 and 1.")
    unknown = [name for name in controls if name not in CONTROLS]
    if isinstance(controls, str) or unknown:
        raise ConfigError(
            f"The controls {controls!r} are not known: give a list of {', '.join(CONTROLS)}, or "
            "an empty one."
        )
