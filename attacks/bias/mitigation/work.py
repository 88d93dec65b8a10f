"""Fitting the mitigations on one half of the pictures and measuring them on the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.groups import GroupColumn
from attacks.bias.mitigation.measures import (
    Change,
    accuracy_change,
    aligned_change,
    no_accuracy,
    right_answers,
)
from attacks.bias.mitigation.transforms import Transform, clip_clip, prompt_projection
from attacks.bias.mitigation.utility import Utility
from attacks.bias.pictures import Pictures
from attacks.bias.prompts import ensemble, fill
from attacks.bias.resampling import Floats
from attacks.bias.why.ablation import encode_without
from attacks.bias.why.contributions import contributions, means, unit_points
from attacks.bias.why.task import halves
from clipprobe.errors import UnsupportedHookError

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mitigated:
    """One method: what was fitted, and every measure before and after."""

    method: str
    fitted: Mapping[str, Any]
    changes: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "method": self.method,
            "fitted": dict(self.fitted),
            "changes": [change.to_json() for change in self.changes],
        }


@dataclass(kw_only=True)
class Work:
    clip: Clip
    pictures: Pictures
    columns: list[GroupColumn]
    words: Sequence[str]
    templates: Sequence[str]
    prompts: dict[str, str]
    n_units: int
    lam: float
    n_boot: int
    batch_size: int
    seed: int
    utility: Utility | None
    advance: Callable[[int], None]
    fit: NDArray[np.bool_] = field(init=False)
    """Whether a picture is of the fitting half, ``(n,)``; this and the next are made by ``run``."""
    images: Floats = field(init=False)
    """Unit vectors of the pictures, ``(n, d)``."""
    texts: Floats = field(init=False)
    """Unit vectors of the words, ``(m, d)``."""
    plain: Floats | None = field(init=False)
    """Unit vectors of the utility pictures."""

    def run(self, methods: Sequence[str]) -> tuple[list[Mitigated], dict[str, str]]:
        """Every method that the model allows, and why others are not there."""
        target = self.columns[0]
        n = len(self.pictures.images)
        members = np.arange(n) if self.pictures.clusters is None else self.pictures.clusters
        self.fit = halves(target.labels, members, self.seed)
        self.images = self._encode(self.pictures.images, [])
        self.texts = ensemble(
            self.clip.encode_texts([fill(t, w) for w in self.words for t in self.templates]),
            len(self.words),
        )
        self.plain = None if self.utility is None else self._encode(self.utility.images, [])
        found, absent = [], {}
        for method in methods:
            try:
                found.append(self._ablation() if method == "ablation" else self._space(method))
            except UnsupportedHookError as error:
                absent[method] = str(error)
        return found, absent

    def _space(self, method: str) -> Mitigated:
        """A change of the joint space."""
        transform = self._projection() if method == "projection" else self._clip_clip()
        changes = self._associations(transform.images(self.images) @ transform.texts(self.texts).T)
        if self.utility is not None and self.plain is not None:
            after = right_answers(
                transform.images(self.plain), transform.texts(self.utility.classes),
                self.utility.labels,
            )  # fmt: skip
            changes.append(self._accuracy(after))
        else:
            changes.append(no_accuracy())
        return Mitigated(method=method, fitted=transform.fitted, changes=tuple(changes))

    def _projection(self) -> Transform:
        """From the group prompts, and pairs of group and word that differ in the group alone."""
        levels = list(self.prompts)
        biased = self.clip.encode_texts(list(self.prompts.values()))
        both = self.clip.encode_texts(
            [fill(self.templates[0], f"{g} {w}") for w in self.words for g in levels]
        ).reshape(len(self.words), len(levels), -1)
        pairs = [
            (row[i], row[j])
            for row in both
            for i in range(len(levels))
            for j in range(i + 1, len(levels))
        ]
        return prompt_projection(biased, pairs, lam=self.lam)

    def _clip_clip(self) -> Transform:
        rows = self.fit & (self.columns[0].labels >= 0)
        return clip_clip(self.images[rows], self.columns[0].labels[rows], seed=self.seed)

    def _ablation(self) -> Mitigated:
        """Take out the neurons that carry the gaps of all words, found on the fitting half.

        The gap of the last group by name against all others; with more than two groups the rest
        is not looked at.
        """
        target = self.columns[0]
        rows = np.flatnonzero(self.fit & (target.labels >= 0))
        own = [self.pictures.images[i] for i in rows]
        points = unit_points(self.clip, "neuron")
        mean = means(self.clip, own, points, batch_size=self.batch_size)
        inside = target.labels[rows] == len(target.levels) - 1
        direction = self._direction(rows, inside)
        ranked = contributions(
            self.clip, own, inside, direction, "neuron", sign=1.0, replacement=mean,
            batch_size=self.batch_size, progress=self.advance,
        )  # fmt: skip
        units = ranked.top(self.n_units)
        after = self._encode(self.pictures.images, units, mean)
        changes = self._associations(after @ self.texts.T)
        if self.utility is not None:
            vectors = self._encode(self.utility.images, units, mean)
            changes.append(
                self._accuracy(right_answers(vectors, self.utility.classes, self.utility.labels))
            )
        else:
            changes.append(no_accuracy())
        return Mitigated(
            method="ablation", fitted={"n_units": len(units), "units": units},
            changes=tuple(changes),
        )  # fmt: skip

    def _direction(self, rows: Any, inside: Any) -> Floats:
        """One score for all words: each with the sign of its gap, over its spread."""
        texts = self.texts - self.texts.mean(axis=0) if len(self.words) >= 3 else self.texts
        scores = self.images[rows] @ texts.T
        gap = scores[inside].mean(axis=0) - scores[~inside].mean(axis=0)
        spread = scores.std(axis=0)
        weight = np.divide(np.sign(gap), spread, out=np.zeros_like(gap), where=spread > 0)
        result: Floats = weight @ texts / len(texts)
        return result

    def _associations(self, after: Floats) -> list[Change]:
        before = self.images @ self.texts.T
        return [
            aligned_change(
                column,
                before,
                after,
                self.fit,
                self.pictures.clusters,
                n_boot=self.n_boot,
                seed=self.seed,
            )
            for column in self.columns
        ]

    def _accuracy(self, after: Any) -> Change:
        assert self.utility is not None and self.plain is not None
        before = right_answers(self.plain, self.utility.classes, self.utility.labels)
        return accuracy_change(self.utility.name, before, after, seed=self.seed)

    def _encode(self, images: Sequence[Any], units: Sequence[str], mean: Any = None) -> Floats:
        vectors = encode_without(self.clip, images, units, mean or {}, batch_size=self.batch_size)
        self.advance(len(images))
        return vectors
