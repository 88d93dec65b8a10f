"""Run the probes through a model and its twin, tile after tile, and collect their scores.

With a run folder every modality's pooled matrix is kept as a part, so a killed test goes on from
the last one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clipprobe.data import Failure, require_readable
from clipprobe.errors import DataError
from clipprobe.neurons.multimodality.activations import Tile, pooled
from clipprobe.neurons.multimodality.probes import HALF, SELECT, Probes, enough, split
from clipprobe.neurons.multimodality.scoring.measure import (
    ModalityRows,
    Scores,
    intervals,
    measure,
    strongest,
)
from clipprobe.neurons.multimodality.scoring.nulls import JointNull
from clipprobe.neurons.multimodality.scoring.pixels import basis, covariates, regress_out
from clipprobe.neurons.multimodality.scoring.scores import Floats
from clipprobe.neurons.multimodality.scoring.shuffles import draw_orders, shuffled_scores
from clipprobe.runs import Run, jsonio

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons.multimodality.settings import ConceptTest

N_JOINT = 100


@dataclass
class Trial:
    """The scores of all models, tile after tile."""

    clips: Sequence[Clip]
    probes: Probes
    settings: ConceptTest
    pools: Mapping[str, str]
    batch_size: int

    def __post_init__(self) -> None:
        self.scores: list[list[Scores]] = [[] for _ in self.clips]
        self.intervals: list[tuple[Floats, Floats]] = []
        self.strongest: dict[str, list[tuple[NDArray[np.int64], NDArray[np.float32]]]] = {
            name: [] for name in self.probes.modalities
        }
        self.failures: list[Failure] = []
        self.ids: dict[str, list[str]] = {}
        self.codes: dict[str, NDArray[np.int64]] = {}
        self.raw: list[list[Scores]] = [[] for _ in self.clips]
        self.pixels: dict[str, Floats] = {}
        self.halves: dict[str, NDArray[np.bool_]] = {}
        self.selects: dict[str, NDArray[np.bool_]] = {}
        self.usable: dict[str, NDArray[np.bool_]] = {}
        self.concepts: tuple[str, ...] = ()
        self.joint: JointNull | None = None
        self.orders: tuple[NDArray[np.int64], ...] = ()
        self.shuffled: list[tuple[NDArray[np.float32], ...]] = []

    def run(self, tile: Tile, first: bool, run: Run | None) -> None:
        """Stream the images for one tile of units and score them.

        Args:
            first: Whether it is the first tile, whose images say what can be read.
            run: Keeps what was streamed; None where nobody will go on with it.
        """
        matrices: dict[str, list[NDArray[np.float32]]] = {}
        for name in self.probes.modalities:
            matrices[name] = self._matrices(tile, first, name, run)
        if first:
            self._settle()
        for model in range(len(self.clips)):
            raw = {
                name: ModalityRows(
                    values=parts[model][self.usable[name]],
                    codes=self.codes[name],
                    selects=self.selects[name],
                )
                for name, parts in matrices.items()
            }
            modalities = raw
            if self.settings.pixel_covariates:
                self.raw[model].append(self._measured(raw, 1))
                modalities = {
                    name: replace(part, values=regress_out(part.values, self.pixels[name]))
                    for name, part in raw.items()
                }
            scores = self._measured(modalities, self.settings.n_permutations)
            self.scores[model].append(scores)
            if model == 0:
                assert self.joint is not None
                self.joint.update(np.nan_to_num(scores.aurocs, nan=0.0))
                self.shuffled.append(tuple(shuffled_scores(scores, o) for o in self.orders))
                self.intervals.append(intervals(modalities, scores.selected))
                for name, part in raw.items():
                    self.strongest[name].append(strongest(part))

    def _measured(self, modalities: Mapping[str, ModalityRows], n_permutations: int) -> Scores:
        return measure(
            modalities,
            len(self.concepts),
            top_k=self.settings.top_k,
            n_permutations=n_permutations,
            seed=self.settings.seed,
        )

    def _matrices(
        self, tile: Tile, first: bool, name: str, run: Run | None
    ) -> list[NDArray[np.float32]]:
        """Pooled activations of one modality; kept as a part, so that a killed run goes on."""
        records = self.probes.of(name)
        place_of = self.probes.modalities.index(name)
        part = f"parts/{_key(tile)}-{place_of}.safetensors"
        if run is not None and run.has(part):
            arrays = run.read_arrays(part)
            usable = arrays["kept"].tolist()
            failures = jsonio.loads(arrays["failures"].tobytes().decode())
            matrices = [arrays[f"model{model}"] for model in range(len(self.clips))]
            failed = [Failure(item["id"], item["reason"]) for item in failures]
            if self.settings.progress is not None:
                self.settings.progress(len(records))
        else:
            table = pooled(
                self.clips,
                records,
                tile,
                self.pools,
                batch_size=self.batch_size,
                workers=self.settings.workers,
                progress=self.settings.progress,
            )
            failed, matrices = table.failures, table.matrices
            place = {record.id: row for row, record in enumerate(records)}
            usable = [place[record.id] for record in table.records]
            if run is not None:
                text = jsonio.dumps([failure.to_json() for failure in failed])
                arrays = {f"model{model}": matrix for model, matrix in enumerate(matrices)}
                arrays["kept"] = np.array(usable, np.int64)
                arrays["failures"] = np.frombuffer(text.encode(), np.uint8)
                run.write_arrays(part, arrays)
        require_readable(len(usable), failed, f"{self.probes.dataset.name}, {name}")
        if first:
            self.failures += failed
            self.ids[name] = [records[row].id for row in usable]
            seen_records = [records[row] for row in usable]
            self.codes[name] = self.probes.codes(seen_records)
            if self.settings.pixel_covariates:
                self.pixels[name] = covariates(seen_records)
            self.halves[name] = np.array([r.attributes.get(HALF) == SELECT for r in seen_records])
        return matrices

    def _settle(self) -> None:
        """Leave out concepts that lost too many images to bad files, and split the others."""
        least, seed = self.settings.min_images, self.settings.seed
        halved = self.probes.halves and self.settings.split_share > 0
        usable = enough(self.codes, len(self.probes.concepts), least)
        if halved:
            for side in (True, False):
                part = {name: self.codes[name][self.halves[name] == side] for name in self.codes}
                usable &= enough(part, len(usable), 1)
        if usable.sum() < 2:
            raise DataError(
                f"After {len(self.failures)} images that could not be read, only "
                f"{int(usable.sum())} concepts have {least} images in each modality, and "
                "two are needed: mend the files, or lower min_images."
            )
        self.concepts = tuple(
            name for name, keep in zip(self.probes.concepts, usable, strict=True) if keep
        )
        number = np.cumsum(usable) - 1
        self.usable = {name: usable[codes] for name, codes in self.codes.items()}
        reason = f"its concept has fewer than {least} readable images in some modality"
        for name, rows in self.usable.items():
            left_out = [one for one, keep in zip(self.ids[name], rows, strict=True) if not keep]
            self.failures += [Failure(one, reason) for one in left_out]
            self.ids[name] = [one for one, keep in zip(self.ids[name], rows, strict=True) if keep]
            self.codes[name] = number[self.codes[name][rows]]
            if self.settings.pixel_covariates:
                self.pixels[name] = basis(self.pixels[name][rows])
            self.selects[name] = (
                self.halves[name][rows]
                if halved
                else split(self.ids[name], self.codes[name], self.settings.split_share, seed)
            )
        self.joint = JointNull.empty(len(self.codes), len(self.concepts), n=N_JOINT, seed=seed)
        self.orders = draw_orders(self.probes.modalities, len(self.concepts), seed=seed)


def _key(tile: Tile) -> str:
    """What tells a tile from others: its units, which another bound on memory cuts otherwise."""
    return hashlib.sha256(repr(tile).encode()).hexdigest()[:16]
