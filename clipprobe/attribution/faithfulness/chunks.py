"""The harness a few cases at a time: maps, and every metric of every map.

The numbers of a case do not depend on the cases that are measured with it, so parts of any size
give the same table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.attribution.explaining import explain_targets
from clipprobe.attribution.faithfulness.cases import Case, CaseOnGrid, on_grid
from clipprobe.attribution.faithfulness.metrics import METRICS
from clipprobe.attribution.faithfulness.randomisation import RANDOMISATION, agreements
from clipprobe.attribution.faithfulness.removal import REMOVAL, Protocol, Remover
from clipprobe.attribution.faithfulness.truths import TRUTHS, truth_maps
from clipprobe.attribution.faithfulness.variants import variants_of

if TYPE_CHECKING:
    from clipprobe.models import Clip

MOST = 64
"""Cases in a chunk, where memory allows it."""
_IMAGES = 24
"""What a case takes beside its explanations: images, their cover and masks, maps in pixels."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a column of numbers is of."""

    made: str
    """By a method (``method``), or from the truth (``truth``)."""
    name: str
    """Of the method, or of the explanation that is made from the truth."""
    centred: bool
    """Whether the mean text was subtracted."""
    metric: str
    """Higher is better."""


Numbers = dict[Key, Floats]
"""``(n,)`` of the cases of a chunk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harness:
    """What is measured, and how."""

    methods: Mapping[str, Mapping[str, Any]]
    """Name -> settings."""
    metrics: Sequence[str]
    """Names."""
    centre: Sequence[bool]
    """Whether texts are explained as they are, less the mean text, or both."""
    protocol: Protocol
    """Of the metrics that cover patches, with its prompts."""
    batch_size: int
    """Distinct images that are explained together."""
    seed: int
    """Of the explanations made from the truth, and of random weights."""
    memory_gb: float | None = None
    """See :func:`clipprobe.explain_batch`."""

    def chunks(self, clip: Clip, data: Sequence[Case]) -> list[list[int]]:
        """Numbers of cases of one number of things and one image shape, a few at a time."""
        most = MOST
        if self.memory_gb is not None:
            each = _IMAGES * 3 * 4 * clip.image_size**2 * max(1, len(self.centre))
            most = max(1, min(MOST, int(self.memory_gb * 1e9 / 4 // each)))
        groups: dict[tuple[int, tuple[int, ...]], list[int]] = defaultdict(list)
        for place, case in enumerate(data):
            groups[case.n_objects, case.masks.shape[1:]].append(place)
        return [
            places[start : start + most]
            for _, places in sorted(groups.items(), key=lambda one: one[0])
            for start in range(0, len(places), most)
        ]

    def twin(self, clip: Clip) -> Clip | None:
        """The same network at random weights, where a metric asks for it."""
        if RANDOMISATION not in self.metrics:
            return None
        from clipprobe.models import random_twin

        return random_twin(clip, seed=self.seed)

    def measure(
        self, clip: Clip, data: Sequence[Case], places: Sequence[int], twin: Clip | None
    ) -> Numbers:
        """Every number of a chunk."""
        cases = [data[place] for place in places]
        on, maps = self._maps(clip, cases)
        score = _Scores(clip, cases, on, self)
        result: Numbers = {}
        for (name, centred), rows in maps.items():
            for metric, numbers in score(rows):
                result[Key("method", name, centred, metric)] = numbers
        if twin is not None:
            other = agreements(
                twin,
                cases,
                self.methods,
                maps,
                batch_size=self.batch_size,
                memory_gb=self.memory_gb,
            )
            for (name, centred), numbers in other.items():
                result[Key("method", name, centred, RANDOMISATION)] = numbers
        truths = [
            truth_maps(one, data[place].own, np.random.default_rng([self.seed, 2, place]))
            for one, place in zip(on, places, strict=True)
        ]
        for name in TRUTHS:
            for metric, numbers in score(np.stack([one[name] for one in truths])):
                result[Key("truth", name, False, metric)] = numbers
        return result

    def _maps(
        self, clip: Clip, cases: list[Case]
    ) -> tuple[list[CaseOnGrid], dict[tuple[str, bool], Floats]]:
        """Truths on the grid, and (method, centred) -> maps of the patches ``(n, rows, cols)``."""
        maps: dict[tuple[str, bool], Floats] = {}
        grid = (0, 0)
        for group in variants_of(clip, cases, self.methods, self.centre):
            explanations = explain_targets(
                clip,
                [case.image for _ in group.variants for case in cases],
                group.targets,
                group.methods,
                batch_size=self.batch_size,
                memory_gb=self.memory_gb,
            )
            for method, rows in explanations.items():
                for place, (name, centred) in enumerate(group.variants):
                    part = rows[place * len(cases) : (place + 1) * len(cases)]
                    patches = np.stack([row.patches for row in part]).astype(float)
                    maps[name or method, centred] = patches
                grid = rows[0].grid
        pixels = clip.preprocess([cases[0].image])
        size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
        return [on_grid(clip, case, grid, size) for case in cases], maps


class _Scores:
    """Maps ``(n, rows, columns)`` to each metric's numbers ``(n,)``."""

    def __init__(
        self, clip: Clip, cases: list[Case], on: list[CaseOnGrid], harness: Harness
    ) -> None:
        self.cases, self.on = cases, on
        self.of_maps = [metric for metric in harness.metrics if metric in METRICS]
        self.removal = [metric for metric in harness.metrics if metric in REMOVAL]
        self.remover: Remover | None = None
        if self.removal:
            from clipprobe.attribution.jobs import parts_of

            pixels = clip.preprocess([case.image for case in cases]).to(clip.device)
            texts = [case.text for case in cases]
            size = max(32, harness.batch_size)
            if harness.memory_gb is not None:
                parts = parts_of(clip, harness.batch_size, len(cases), harness.memory_gb)
                size = min(size, parts.encodings)
            self.remover = Remover(clip, pixels, texts, harness.protocol, size)

    def __call__(self, maps: Floats) -> Iterator[tuple[str, Floats]]:
        for metric in self.of_maps:
            rows = zip(maps, self.on, self.cases, strict=True)
            yield metric, np.array([METRICS[metric](one, on, case.own) for one, on, case in rows])
        if self.remover is not None:
            for metric in self.removal:
                yield metric, self.remover.measure(metric, maps)
