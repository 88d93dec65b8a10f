"""The curves and the greedy selection of one explanation, each kept as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from attacks.typographic.reading.ablation import (
    Ablator,
    Head,
    band,
    band_sizes,
    curve,
    numbers,
    random_heads,
)
from attacks.typographic.reading.greedy import greedy
from attacks.typographic.reading.measure import Arrays, Measurer
from attacks.typographic.reading.pairs import CONDITIONS, ImageConditions, PlannedImage
from attacks.typographic.reading.source import Measuring
from clipprobe.hooks import resolve
from clipprobe.runs import Run
from clipprobe.tracing.inputs import Inputs
from clipprobe.tracing.ranking import Ranking, mean_of
from clipprobe.tracing.scales import site_scales


@dataclass(frozen=True, kw_only=True)
class Removal:
    """Takes heads of one model out, over the images of one explanation.

    ``chooses``: ``(n,)`` the half on which heads are chosen; the other half says what it does.
    """

    settings: Measuring
    measurer: Measurer
    planned: list[PlannedImage]
    chooses: npt.NDArray[np.bool_]
    progress: Callable[[str, int, int], None]

    def curves(self, run: Run, ranked: Sequence[Head]) -> dict[str, Any]:
        """The curve over ranked heads, by where they are taken out, as plain JSON."""
        curves = {}
        s, rest = self.settings, self._half(choosing=False)
        for where in ("cls", "all") if self._has_class_token else ("all",):
            name = f"parts/curve-{where}.json"
            if not run.has(name):
                n_sets = len(ranked) + 1 + s.n_random * len(band_sizes(len(ranked)))
                ablator = self._ablator(rest, where, f"curve ({where})", 3 * n_sets)
                rows = curve(
                    ablator,
                    ranked,
                    _images(rest),
                    n_random=s.n_random,
                    n_heads=self._n_heads,
                    seed=s.seed,
                )
                run.write_json(name, rows)
            curves[where] = run.read_json(name)
        return curves

    def selection(self, run: Run, heads: Ranking, arrays: Arrays) -> dict[str, Any]:
        """The greedy selection, and what it does on the other half, as plain JSON."""
        if not run.has("parts/greedy.json"):
            run.write_json("parts/greedy.json", self._select(heads, arrays))
        selection: dict[str, Any] = run.read_json("parts/greedy.json")
        return selection

    def _select(self, heads: Ranking, arrays: Arrays) -> dict[str, Any]:
        s = self.settings
        where = "cls" if self._has_class_token else "all"
        half, rest = self._half(choosing=True), self._half(choosing=False)
        attention = arrays["attention"][self.chooses][:, CONDITIONS.index("attack")].mean(axis=0)
        by_attention = not np.isnan(attention).any()
        scores = attention.reshape(-1) if by_attention else _effects(heads, attention.size)
        order = [divmod(int(i), self._n_heads) for i in np.argsort(-scores, kind="stable")]
        margins = {kind: arrays["margin"][self.chooses, i] for i, kind in enumerate(CONDITIONS)}
        # Without reading there is nothing to take out: what moves the margin is clutter.
        word = mean_of(margins["attack"] - margins["nonsense"], _images(half), seed=s.seed)
        change = float((margins["attack"] - margins["clean"]).mean()) if word.low > 0 else 0.0
        units, tries = greedy(self._ablator(half, where, "greedy", 0), order, change)
        sets: list[Sequence[Head]] = [[], units]
        if units:
            sets += random_heads(units, self._n_heads, len(units), s.n_random, seed=s.seed)
        outcomes = self._ablator(rest, where, "greedy, other half", 3 * len(sets)).outcomes(sets)
        return {
            "heads": units,
            "tries": tries,
            "where": where,
            "order": "attention" if by_attention else "causal",
            "before": numbers(outcomes[0], _images(rest), seed=s.seed),
            "after": numbers(outcomes[1], _images(rest), seed=s.seed),
            "random": band(outcomes[1], outcomes[2:]) if units else None,
        }

    @property
    def _has_class_token(self) -> bool:
        return self.measurer.streams.has_class_token

    @property
    def _n_heads(self) -> int:
        return self.measurer.streams.n_heads

    def _half(self, *, choosing: bool) -> list[PlannedImage]:
        return [
            one for one, first in zip(self.planned, self.chooses, strict=True) if first == choosing
        ]

    def _ablator(self, planned: list[PlannedImage], where: str, step: str, runs: int) -> Ablator:
        """Answers with heads out; ``runs`` an image are expected, 0 where that is not known."""
        done = [0]

        def advance(n: int) -> None:
            done[0] += n
            self.progress(step, done[0], runs * len(planned))

        def batches() -> Iterator[list[ImageConditions]]:
            for start in range(0, len(planned), self.settings.batch_size):
                yield self.measurer.drawer.all_of(planned[start : start + self.settings.batch_size])

        return Ablator(
            self.measurer, batches, self._replacement(), cls=where == "cls", advance=advance
        )

    def _replacement(self) -> list[Tensor]:
        """What a head's output is replaced with, by block, ``(1, t or 1, h, k)``."""
        streams = self.measurer.streams
        if self.settings.ablation == "zero":
            d_head = streams.tower.blocks[0].d_head
            return [torch.zeros(1, 1, streams.n_heads, d_head)] * streams.n_blocks
        names = [streams.name(i, "attn.z") for i in range(streams.n_blocks)]
        half = self._half(choosing=True)
        images = [one.images["clean"] for one in self.measurer.drawer.all_of(half)]
        clip = self.measurer.clip
        inputs = Inputs(clip, "vision", images, self.settings.batch_size)
        with torch.no_grad():
            scales = site_scales(inputs, resolve(clip, names))
        return [scales[name].mean[None].float() for name in names]


def _images(planned: Sequence[PlannedImage]) -> npt.NDArray[np.str_]:
    return np.array([one.case.record.id for one in planned])


def _effects(heads: Ranking, n: int) -> npt.NDArray[np.float64]:
    """Causal effects of the choosing half by head; those that are not listed come last."""
    scores = np.full(n, -np.inf)
    for unit in heads.units:
        scores[unit.column] = unit.chosen_by
    return scores
