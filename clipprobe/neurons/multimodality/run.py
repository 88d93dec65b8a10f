"""The three-modality test: is a unit's concept one concept in picture, drawing and word?

After "Multimodal Neurons in Artificial Neural Networks" (Goh et al. 2021), which showed such
units as images, without a number. See ``docs/neurons/multimodality.md`` for the definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clipprobe.errors import ConfigError
from clipprobe.memory import fitting_batch
from clipprobe.neurons.multimodality import tables
from clipprobe.neurons.multimodality.activations import Tile, find_pooled_sites, tiles
from clipprobe.neurons.multimodality.assembly import assemble
from clipprobe.neurons.multimodality.contents import KIND
from clipprobe.neurons.multimodality.controls import N_DRAWINGS, word_controls
from clipprobe.neurons.multimodality.probes import Probes, as_probes
from clipprobe.neurons.multimodality.result import Multimodality
from clipprobe.neurons.multimodality.scoring import pixels
from clipprobe.neurons.multimodality.settings import CONTROLS, LATE_CLS, ConceptTest
from clipprobe.neurons.multimodality.store import outcome_of, read_run
from clipprobe.neurons.multimodality.trial import Trial
from clipprobe.runs import Run, jsonio
from clipprobe.runs.manifest import versions
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out

if TYPE_CHECKING:
    from clipprobe.models import Clip


@takes(ConceptTest)
def multimodality(clip: Clip, settings: ConceptTest) -> Multimodality:
    """Score every unit for every concept in every modality, with p-values, nulls and controls.

    Raises:
        UnknownHookPointError, UnsupportedHookError: see :func:`clipprobe.hooks.units.find_sites`.
        DataError: not enough modalities, concepts or images.
        NoReadableImagesError: not one image of a modality could be read.
        ConfigError: a setting that cannot be used.
        RunFolderError: ``out`` holds another run or cannot be written.
    """
    return carry_out(MULTIMODALITY, settings, clip).value


def prepare_test(settings: ConceptTest, clip: Clip) -> Plan[Multimodality]:
    """Find the images and the units, refuse what cannot be tested, and plan the test."""
    unknown = [name for name in settings.controls if name not in CONTROLS]
    if unknown:
        raise ConfigError(
            f"The controls {settings.controls!r} are not known: give a list of "
            f"{', '.join(CONTROLS)}, or an empty one."
        )
    sites, pools = find_pooled_sites(clip, settings.sites, settings.pool)
    probes = as_probes(settings.concepts, min_images=settings.min_images)
    n_models = 1 + ("random_weights" in settings.controls)
    provenance = clip.provenance()
    config = {
        "model": provenance["model"],
        "device": clip.device.type,
        "data": probes.describe(),
        "modalities": probes.modalities,
        "sites": [site.name for site in sites],
        "pool": settings.pool,
        **({"pools": pools} if settings.pool == LATE_CLS else {}),
        "min_images": settings.min_images,
        "split_share": settings.split_share,
        **({"halves": "of the images"} if probes.halves else {}),
        **({"pixel_covariates": pixels.NAMES} if settings.pixel_covariates else {}),
        "top_k": settings.top_k,
        "n_permutations": settings.n_permutations,
        "alpha": settings.alpha,
        "controls": sorted(set(settings.controls)),
        "n_controls": settings.n_controls,
        "seed": settings.seed,
        "batch_size": fitting_batch(clip, settings.batch_size, len(probes.dataset)),
    }
    job = _Test(
        clip=clip,
        probes=probes,
        pools=pools,
        settings=settings,
        tiles=tiles(sites, len(probes.dataset), settings.memory_mb, n_models),
        config=jsonio.plain(config),
        versions={**versions(), **provenance["versions"]},
    )
    return Plan(
        config=job.config,
        execute=job.execute,
        seed=settings.seed,
        provenance={"model": job.config["model"], "versions": job.versions},
        dataset=probes.describe(),
        workload=job.passes,
    )


@dataclass(frozen=True, kw_only=True)
class _Test:
    """A test that is checked and resolved."""

    clip: Clip
    probes: Probes
    pools: Mapping[str, str]
    settings: ConceptTest
    tiles: list[Tile]
    config: dict[str, Any]
    versions: dict[str, str]

    def passes(self) -> Workload:
        """Every image by every model for every tile of units, then the drawings of the controls."""
        settings = self.settings
        n_models = 1 + ("random_weights" in settings.controls)
        images = len(self.probes.dataset) * n_models * len(self.tiles)
        if "words" not in settings.controls:
            return Workload(images=images, texts=0)
        return Workload(
            images=images + settings.n_controls * N_DRAWINGS,
            texts=0,
            at_most=True,
            reason="some words have fewer controls",
        )

    def execute(self, run: Run) -> Outcome[Multimodality]:
        """Stream what is not streamed yet, score it, and say what the run holds."""
        settings, batch_size = self.settings, int(self.config["batch_size"])
        clips = [self.clip]
        if "random_weights" in settings.controls:
            from clipprobe.models import random_twin

            clips.append(random_twin(self.clip, seed=settings.seed))
        trial = Trial(clips, self.probes, settings, self.pools, batch_size)
        for number, tile in enumerate(self.tiles):
            trial.run(tile, number == 0, None if settings.out is None else run)
        sites = list(self.config["sites"])
        result = assemble(trial, self.tiles, sites, self.config, self.versions)
        if "words" in settings.controls:
            rows = result.ranked(settings.n_controls)
            pairs = [(row["address"], str(row["concept"])) for row in rows]
            controls = word_controls(
                self.clip, pairs, pools=self.pools, seed=settings.seed, batch_size=batch_size
            )
            frames = {**result.frames, "controls": tables.control_rows(controls)}
            result = replace(result, frames=frames)
        return outcome_of(result, self.probes)


MULTIMODALITY: Study[ConceptTest, Multimodality] = Study(
    kind=KIND,
    settings=ConceptTest,
    prepare=prepare_test,
    load=lambda view: Multimodality.of(read_run(view)),
)
