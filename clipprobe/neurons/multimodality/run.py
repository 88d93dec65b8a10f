"""The three-modality test: is a unit's concept one concept in picture, drawing and word?

After "Multimodal Neurons in Artificial Neural Networks" (Goh et al. 2021), which showed such
units as pictures, without a number. See ``docs/multimodality.md`` for the definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.data import Failure, require_readable
from clipprobe.errors import ConfigError, DataError
from clipprobe.neurons.multimodality import tables
from clipprobe.neurons.multimodality.activations import Tile, pooled, tiles
from clipprobe.neurons.multimodality.controls import word_controls
from clipprobe.neurons.multimodality.measure import Scores, Seen, intervals, measure, strongest
from clipprobe.neurons.multimodality.notes import notes_of
from clipprobe.neurons.multimodality.nulls import JointNull
from clipprobe.neurons.multimodality.probes import Concepts, Probes, as_probes, enough, split
from clipprobe.neurons.multimodality.result import KIND, Floor, Multimodality, Nulls
from clipprobe.neurons.sites import default_sites, find_sites
from clipprobe.runs import Run, jsonio
from clipprobe.runs.provenance import versions
from clipprobe.statistics import benjamini_hochberg

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons.multimodality.scores import Floats

CONTROLS = ("random_weights", "words")
N_JOINT = 100
Progress = Callable[[int], None]


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
    run = None if out is None else Run.open(out, kind=KIND, config=config, overwrite=overwrite)
    if run is not None and run.complete:
        return Multimodality.load(run.path)
    clips = [clip]
    if "random_weights" in controls:
        from clipprobe.models import random_twin

        clips.append(random_twin(clip, seed=seed))
    plan = tiles(found, len(probes.dataset), memory_mb, len(clips))
    tester = _Test(clips, probes, pool, min_images, split_share, top_k, n_permutations, seed)
    for number, tile in enumerate(plan):
        tester.run(
            tile,
            (number, len(plan)),
            run,
            batch_size=batch_size,
            workers=workers,
            progress=progress,
        )
    result = _result(tester, plan, [site.name for site in found], config, alpha, provenance)
    if "words" in controls:
        result = _with_words(result, clip, n_controls, seed, batch_size)
    if run is not None:
        from clipprobe.neurons.multimodality.store import write

        write(result, run, probes)
        return Multimodality.load(run.path)
    return result


class _Test:
    """The scores of all models, tile after tile."""

    def __init__(
        self,
        clips: Sequence[Clip],
        probes: Probes,
        pool: str,
        min_images: int,
        split_share: float,
        top_k: int,
        n_permutations: int,
        seed: int,
    ) -> None:
        self.clips = clips
        self.probes = probes
        self.pool = pool
        self.min_images = min_images
        self.split_share = split_share
        self.settings = {"top_k": top_k, "n_permutations": n_permutations, "seed": seed}
        self.seed = seed
        self.scores: list[list[Scores]] = [[] for _ in clips]
        self.intervals: list[tuple[Floats, Floats]] = []
        self.strongest: dict[str, list[tuple[NDArray[np.int64], NDArray[np.float32]]]] = {
            name: [] for name in probes.modalities
        }
        self.failures: list[Failure] = []
        self.ids: dict[str, list[str]] = {}
        self.codes: dict[str, NDArray[np.int64]] = {}
        self.selects: dict[str, NDArray[np.bool_]] = {}
        self.concepts: tuple[str, ...] = ()
        self.joint: JointNull | None = None

    def run(
        self,
        tile: Tile,
        number: tuple[int, int],
        run: Run | None,
        *,
        batch_size: int,
        workers: int,
        progress: Progress | None,
    ) -> None:
        """Stream the images for one tile of units and score them."""
        matrices: dict[str, list[NDArray[np.float32]]] = {}
        for name in self.probes.modalities:
            matrices[name] = self._matrices(tile, number, name, run, batch_size, workers, progress)
        if number[0] == 0:
            self._settle()
        for model in range(len(self.clips)):
            seen = {
                name: Seen(
                    values=parts[model][self._kept[name]],
                    codes=self.codes[name],
                    selects=self.selects[name],
                )
                for name, parts in matrices.items()
            }
            scores = measure(seen, len(self.concepts), **self.settings)
            self.scores[model].append(scores)
            if model == 0:
                assert self.joint is not None
                self.joint.update(np.nan_to_num(scores.aurocs, nan=0.0))
                self.intervals.append(intervals(seen, scores.selected))
                for name, part in seen.items():
                    self.strongest[name].append(strongest(part))

    def _matrices(
        self,
        tile: Tile,
        number: tuple[int, int],
        name: str,
        run: Run | None,
        batch_size: int,
        workers: int,
        progress: Progress | None,
    ) -> list[NDArray[np.float32]]:
        """Pooled activations of one modality; kept as a part, so that a killed run goes on."""
        records = self.probes.of(name)
        place_of = self.probes.modalities.index(name)
        part = f"parts/{number[0]}of{number[1]}-{place_of}.safetensors"
        if run is not None and run.has(part):
            arrays = run.read_arrays(part)
            kept = arrays["kept"].tolist()
            failures = jsonio.loads(arrays["failures"].tobytes().decode())
            found = [arrays[f"model{model}"] for model in range(len(self.clips))]
            failed = [Failure(item["id"], item["reason"]) for item in failures]
            if progress is not None:
                progress(len(records))
        else:
            seen = pooled(
                self.clips,
                records,
                tile,
                self.pool,
                batch_size=batch_size,
                workers=workers,
                progress=progress,
            )
            failed, found = seen.failures, seen.matrices
            place = {record.id: row for row, record in enumerate(records)}
            kept = [place[record.id] for record in seen.records]
            if run is not None:
                text = jsonio.dumps([failure.to_json() for failure in failed])
                arrays = {f"model{model}": matrix for model, matrix in enumerate(found)}
                arrays["kept"] = np.array(kept, np.int64)
                arrays["failures"] = np.frombuffer(text.encode(), np.uint8)
                run.write_arrays(part, arrays)
        require_readable(len(kept), failed, f"{self.probes.dataset.name}, {name}")
        if number[0] == 0:
            self.failures += failed
            self.ids[name] = [records[row].id for row in kept]
            self.codes[name] = self.probes.codes([records[row] for row in kept])
        return found

    def _settle(self) -> None:
        """Leave out concepts that lost too many images to bad files, and split the others."""
        kept = enough(self.codes, len(self.probes.concepts), self.min_images)
        if kept.sum() < 2:
            raise DataError(
                f"After {len(self.failures)} images that could not be read, only "
                f"{int(kept.sum())} concepts have {self.min_images} images in each modality, and "
                "two are needed: mend the files, or lower min_images."
            )
        self.concepts = tuple(
            name for name, keep in zip(self.probes.concepts, kept, strict=True) if keep
        )
        number = np.cumsum(kept) - 1
        self._kept = {name: kept[codes] for name, codes in self.codes.items()}
        reason = f"its concept has fewer than {self.min_images} readable images in some modality"
        for name, rows in self._kept.items():
            left_out = [one for one, keep in zip(self.ids[name], rows, strict=True) if not keep]
            self.failures += [Failure(one, reason) for one in left_out]
            self.ids[name] = [one for one, keep in zip(self.ids[name], rows, strict=True) if keep]
            self.codes[name] = number[self.codes[name][rows]]
            self.selects[name] = split(
                self.ids[name], self.codes[name], self.split_share, self.seed
            )
        self.joint = JointNull.empty(len(self.codes), len(self.concepts), n=N_JOINT, seed=self.seed)


@dataclass(frozen=True, slots=True)
class _Corrected:
    p: Floats
    q: Floats
    p_images: Floats
    q_images: Floats

    @classmethod
    def of(cls, scores: Scores) -> _Corrected:
        """The larger p, and Benjamini-Hochberg over every unit and concept."""
        p = np.maximum(scores.p_concepts, scores.p_images)

        def corrected(values: Floats) -> Floats:
            return benjamini_hochberg(values.ravel()).reshape(values.shape)

        return cls(p, corrected(p), scores.p_images, corrected(scores.p_images))

    def columns(self) -> dict[str, Floats]:
        return {name: getattr(self, name) for name in self.__slots__}


def _result(
    test: _Test,
    plan: Sequence[Tile],
    sites: Sequence[str],
    config: dict[str, Any],
    alpha: float,
    provenance: dict[str, Any],
) -> Multimodality:
    assert test.joint is not None
    modalities, concepts, joint = test.probes.modalities, test.concepts, test.joint
    scores = Scores.joined(test.scores[0])
    corrected = _Corrected.of(scores).columns()
    floor = _floor(Scores.joined(test.scores[1]), alpha, test.seed) if test.scores[1:] else None
    site = tables.site_columns(plan, sites)
    counts = np.array([np.bincount(test.codes[m], minlength=len(concepts)) for m in modalities])
    confirming = np.array(
        [np.bincount(test.codes[m][~test.selects[m]], minlength=len(concepts)) for m in modalities]
    )
    shown = np.nan_to_num(scores.score, nan=0.0)
    strongest = {
        name: (
            np.concatenate([rows for rows, _ in parts], axis=1),
            np.concatenate([values for _, values in parts], axis=1),
        )
        for name, parts in test.strongest.items()
    }
    units = tables.unit_table(
        scores,
        site,
        concepts,
        modalities,
        corrected,
        np.concatenate([np.stack(ends) for ends in test.intervals], axis=-1),
        confirming,
        None if floor is None else floor.score,
    )
    result = Multimodality(
        modalities=modalities,
        concepts=concepts,
        pool=test.pool,
        alpha=alpha,
        table=tables.pair_table(scores, site, concepts, modalities, corrected),
        units=units,
        concept_table=tables.concept_rows(scores, site, concepts, modalities, counts, joint),
        top_images=tables.top_rows(site, modalities, strongest, test.ids, test.codes, concepts),
        controls=tables.control_rows([]),
        nulls=Nulls(
            pairs=joint.count(shown),
            pairs_null=joint.null,
            units=joint.count(shown.max(axis=0)),
            units_null=joint.best_concept,
            best_unit=shown.max(axis=1),
            best_unit_null=joint.best_unit,
        ),
        floor=floor,
        n_images={
            m: (int(test.selects[m].sum()), int((~test.selects[m]).sum())) for m in modalities
        },
        notes=notes_of(confirming, int(np.isfinite(scores.score).sum()), alpha, config),
        failures=(*test.probes.skipped, *test.failures),
        config=config,
        versions={**versions(), **provenance["versions"]},
    )
    return result


def _floor(scores: Scores, alpha: float, seed: int) -> Floor:
    chosen, corrected = scores.selected, _Corrected.of(scores)
    each = np.arange(len(chosen))
    return Floor(
        seed=seed,
        alpha=alpha,
        score=scores.at("score", chosen),
        q=corrected.q[chosen, each],
        q_images=corrected.q_images[chosen, each],
        n_any=int((corrected.q <= alpha).any(axis=0).sum()),
    )


def _with_words(
    result: Multimodality, clip: Clip, n_controls: int, seed: int, batch_size: int
) -> Multimodality:
    from dataclasses import replace

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
