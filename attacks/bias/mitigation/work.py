"""Fitting the mitigations on one half of the images and measuring them on the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from attacks.bias.evidence.answers import LabelSet
from attacks.bias.measures.draws import Floats, generator
from attacks.bias.mitigation.measures import (
    Change,
    Halves,
    accuracy_change,
    aligned_change,
    aligned_value,
    groups_of,
    right_answers,
)
from attacks.bias.mitigation.passes import N_RANDOM, sizes_of
from attacks.bias.mitigation.separability import separability_change
from attacks.bias.mitigation.settings import Mitigations
from attacks.bias.mitigation.transforms import (
    Transform,
    ablation_edit,
    clip_clip,
    prompt_projection,
)
from attacks.bias.mitigation.utility import Utility
from attacks.bias.people import People
from clipprobe.errors import UnsupportedHookError
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import undefined
from clipprobe.statistics.halves import permuted, split
from clipprobe.tracing import Score
from clipprobe.tracing.contributions import contributions, means, unit_points
from clipprobe.tracing.removal import encode_without, pools_like, random_sets
from clipprobe.tracing.sizes import ENOUGH

if TYPE_CHECKING:
    from clipprobe.edits import Edit
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationResult(AsJson):
    """One method: what was fitted, and every measure before and after."""

    method: str
    fitted: Mapping[str, Any]
    changes: tuple[Change, ...]
    edit: Edit
    """The mitigation as an edit, for this model."""

    @property
    def file(self) -> str:
        """Of the edit, in the run."""
        return f"{self.method}.edit.safetensors"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "method": self.method,
            "fitted": dict(self.fitted),
            "changes": [change.to_json() for change in self.changes],
            "edit": self.file,
        }


@dataclass(kw_only=True)
class Work:
    clip: Clip
    settings: Mitigations
    inputs: list[Any]
    people: People
    words: tuple[str, ...]
    templates: tuple[str, ...]
    prompts: dict[str, str]
    utility: Utility | None
    halves: list[Halves] = field(init=False)
    """Of each group column; this and the next are made by ``run``."""
    images: Floats = field(init=False)
    """Unit vectors of the images, ``(n, d)``."""
    texts: Floats = field(init=False)
    """Unit vectors of the words, ``(m, d)``."""
    plain: Floats = field(init=False)
    """Unit vectors of the utility images, where there are any."""

    def run(self, methods: Sequence[str]) -> tuple[list[MitigationResult], dict[str, str]]:
        """Every method that the model allows, and why others are not there."""
        target = self.people.columns[0]
        n = len(self.inputs)
        members = np.arange(n) if self.people.clusters is None else self.people.clusters
        options, rng = self.settings, generator(self.settings.seed, "halves")
        fit = split(members, permuted(rng), strata=target.labels)
        self.halves = [
            Halves(
                column=column,
                fit=fit,
                clusters=self.people.clusters,
                n_boot=options.n_boot,
                seed=options.seed,
            )
            for column in self.people.columns
        ]
        self.images = self._encode(self.inputs, [])
        words = LabelSet(name="words", labels=self.words, templates=self.templates)
        self.texts = words.vectors(self.clip.encode_texts, self.clip)
        if self.utility is not None:
            self.plain = self._encode(self.utility.images, [])
        mitigated, absent = [], {}
        for method in methods:
            try:
                mitigated.append(self._ablation() if method == "ablation" else self._space(method))
            except UnsupportedHookError as error:
                absent[method] = str(error)
        return mitigated, absent

    def _space(self, method: str) -> MitigationResult:
        """A change of the joint space."""
        transform = self._projection() if method == "projection" else self._clip_clip()
        images = transform.images(self.images)
        associations = self._associations(images @ transform.texts(self.texts).T, images)
        accuracy = self._accuracy(
            lambda one: (transform.images(self.plain), transform.texts(one.classes))
        )
        return MitigationResult(
            method=method,
            fitted=transform.fitted,
            changes=(*associations, accuracy),
            edit=transform.edit.fitted_to(self.clip),
        )

    def _projection(self) -> Transform:
        """From the group prompts, and pairs of group and word that differ in the group alone."""
        levels = list(self.prompts)
        biased = self.clip.encode_texts(list(self.prompts.values()))
        named = tuple(f"{g} {w}" for w in self.words for g in levels)
        sentences = LabelSet(name="groups", labels=named, templates=self.templates[:1]).prompts
        both = self.clip.encode_texts(list(sentences)).reshape(len(self.words), len(levels), -1)
        pairs = [pair for row in both for pair in combinations(row, 2)]
        return prompt_projection(biased, pairs, lam=self.settings.lam)

    def _clip_clip(self) -> Transform:
        rows = self.halves[0].fitting
        labels = self.people.columns[0].labels[rows]
        return clip_clip(self.images[rows], labels, seed=self.settings.seed)

    def _ablation(self) -> MitigationResult:
        """Take out the neurons that carry the gaps of all words, found on the fitting half.

        A neuron's contribution is summed over groups, each against the rest. Without a number of
        neurons the fewest are taken that leave a fifth of the fitting half's aligned d, else those
        that leave least. The control takes out random neurons, as many of each hook point.
        """
        target, batch_size = self.people.columns[0], self.settings.batch_size
        rows = np.flatnonzero(self.halves[0].fitting)
        own = [self.inputs[i] for i in rows]
        points = unit_points(self.clip, "neuron")
        mean = means(self.clip, own, points, batch_size=batch_size)
        added: dict[str, float] = {}
        for group in groups_of(len(target.levels)):
            inside = target.labels[rows] == group
            direction = self._direction(rows, inside)
            score = Score(name="the gap", direction=direction, inside=inside)
            ranked = contributions(
                self.clip, own, score, "neuron", sign=1.0, replacement=mean,
                batch_size=batch_size, progress=self._advance,
            )  # fmt: skip
            for unit, value in zip(ranked.units, ranked.values, strict=True):
                added[unit] = added.get(unit, 0.0) + float(value)
        order = sorted(added, key=lambda unit: -added[unit])
        units, after, remaining = self._choose(order, mean)
        associations = self._associations(after @ self.texts.T, after)
        accuracy = self._accuracy(lambda one: (self._encode(one.images, units, mean), one.classes))
        rng = generator(self.settings.seed, "random units", target.name)
        control = [
            self._left(self._encode(self.inputs, some, mean), on_fit=False)
            for some in random_sets(pools_like(units, sorted(order)), [rng] * N_RANDOM)
        ]
        return MitigationResult(
            method="ablation",
            fitted={
                "n_units": len(units), "units": units, "left_on_fitting_half": remaining,
                "random_sets": control,
            },
            changes=(*associations, accuracy),
            edit=ablation_edit(units, mean).fitted_to(self.clip),
        )  # fmt: skip

    def _choose(self, order: list[str], mean: Any) -> tuple[list[str], Floats, dict[int, float]]:
        """The neurons taken out, the images without them, and what each size left."""
        before = self._left(self.images, on_fit=True)
        after: dict[int, Floats] = {}
        remaining: dict[int, float] = {}
        for k in sizes_of(len(order), self.settings.n_units):
            after[k] = self._encode(self.inputs, order[:k], mean)
            remaining[k] = self._left(after[k], on_fit=True)
            if remaining[k] <= (1 - ENOUGH) * before:
                best = k
                break
        else:
            best = min(remaining, key=lambda size: remaining[size])
        return order[:best], after[best], remaining

    def _left(self, images: Floats, *, on_fit: bool) -> float:
        before, after = self.images @ self.texts.T, images @ self.texts.T
        return aligned_value(self.halves[0], before, after, on_fit=on_fit)

    def _direction(self, rows: Any, inside: Any) -> Floats:
        """One score for all words: each with the sign of its gap, over its spread."""
        texts = self.texts - self.texts.mean(axis=0) if len(self.words) >= 3 else self.texts
        scores = self.images[rows] @ texts.T
        gap = scores[inside].mean(axis=0) - scores[~inside].mean(axis=0)
        spread = scores.std(axis=0)
        weight = np.divide(np.sign(gap), spread, out=np.zeros_like(gap), where=spread > 0)
        result: Floats = weight @ texts / len(texts)
        return result

    def _associations(self, after: Floats, images: Floats) -> list[Change]:
        """Of cosines ``(n, m)`` and vectors ``(n, d)`` after: each column's d, the target's AUC."""
        before = self.images @ self.texts.T
        changes = [aligned_change(halves, before, after) for halves in self.halves]
        return [*changes, separability_change(self.halves[0], self.images, images)]

    def _accuracy(self, changed: Callable[[Utility], tuple[Floats, Floats]]) -> Change:
        """Of the utility images; ``changed``: their vectors and those of their classes, after."""
        one = self.utility
        if one is None:
            gone = undefined("no labelled images were given to measure it on (--utility)")
            return Change.unknown("zero-shot accuracy", "no data", gone)
        before = right_answers(self.plain, one.classes, one.labels)
        after = right_answers(*changed(one), one.labels)
        return accuracy_change(one.name, before, after, seed=self.settings.seed)

    def _encode(self, images: Sequence[Any], units: Sequence[str], mean: Any = None) -> Floats:
        batch_size = self.settings.batch_size
        vectors = encode_without(self.clip, images, units, mean or {}, batch_size=batch_size)
        self._advance(len(images))
        return vectors

    def _advance(self, n: int) -> None:
        if self.settings.progress is not None:
            self.settings.progress(n)
