"""Scores, p-values and strongest images of a tile of units, for one model.

The images of each concept and modality are split in two. One half *selects*: for each unit, the
concept with the largest score. The other half *confirms*: every number that is reported comes
from images that took no part in the choice, so the best of many concepts is not best by luck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.multimodality.scoring import nulls, scores
from clipprobe.neurons.multimodality.scoring.delong import delong
from clipprobe.neurons.multimodality.scoring.scores import Floats

Float32 = NDArray[np.float32]
N_TOP = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ModalityRows:
    """One modality as the models saw it, rows in order of image id.

    Attributes:
        values: Pooled activations, ``(n, u)``.
        codes: Concept of each image, ``(n,)``.
        selects: Which images select, ``(n,)``; with none, all images do both.
    """

    values: Float32
    codes: NDArray[np.int64]
    selects: NDArray[np.bool_]

    def half(self, selecting: bool) -> tuple[Float32, NDArray[np.int64]]:
        """Values and codes of the half that selects, or of the one that confirms."""
        if not self.selects.any():
            return self.values, self.codes
        rows = self.selects if selecting else ~self.selects
        return self.values[rows], self.codes[rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """All pairs of units ``u`` and concepts ``c``, over modalities ``m``.

    Attributes:
        all_aurocs: On all images, ``(m, c, u)``; see ``exact``.
        profiles: Mean activation on all images of the concept, ``(m, c, u)``; see ``profile``.
        selection_aurocs: On the selecting half, ``(m, c, u)``.
        aurocs, dprime, response, purity: On the confirming half, ``(m, c, u)``.
        score: Smallest of ``aurocs``, ``(c, u)``.
        balance: Weakest over strongest response, ``(c, u)``.
        p_concepts, p_images: See ``nulls``; ``(c, u)``.
    """

    all_aurocs: Floats
    profiles: Floats
    selection_aurocs: Floats
    aurocs: Floats
    dprime: Floats
    response: Floats
    purity: Floats
    score: Floats
    balance: Floats
    p_concepts: Floats
    p_images: Floats

    @property
    def selection_score(self) -> Floats:
        """Smallest AUROC over modalities on the selecting half, ``(c, u)``."""
        smallest: Floats = self.selection_aurocs.min(axis=0)
        return smallest

    @property
    def selected(self) -> NDArray[np.int64]:
        """Each unit's concept by the selecting half, ``(u,)``; 0 where nothing is defined."""
        best: NDArray[np.int64] = np.nan_to_num(self.selection_score, nan=-1.0).argmax(axis=0)
        return best

    def at(self, name: str, concepts: NDArray[np.int64]) -> Floats:
        """A measure of each unit at one concept each: ``(u,)``, or ``(m, u)``."""
        values: Floats = getattr(self, name)
        selection: Floats = values[..., concepts, np.arange(len(concepts))]
        return selection

    @classmethod
    def joined(cls, parts: Sequence[Scores]) -> Scores:
        """The units of several tiles side by side."""
        return cls(
            **{
                name: np.concatenate([getattr(part, name) for part in parts], axis=-1)
                for name in cls.__slots__
            }
        )


def measure(
    modalities: Mapping[str, ModalityRows],
    n_concepts: int,
    *,
    top_k: int,
    n_permutations: int,
    seed: int,
) -> Scores:
    """Score every unit of the tile for every concept.

    A unit with an activation that is not finite has NaN throughout: it was not tested.
    """
    broken = np.any([~np.isfinite(part.values).all(axis=0) for part in modalities.values()], axis=0)
    whole, means, selecting, ranked, strengths = [], [], [], [], []
    for part in modalities.values():
        first, second = ((_whole(v, broken), codes) for v, codes in map(part.half, (True, False)))
        ranked.append(scores.rank(*second, n_concepts))
        same = not part.selects.any()
        choice = ranked[-1] if same else scores.rank(*first, n_concepts)
        selecting.append(scores.aurocs_by_concept(choice))
        every = _whole(part.values, broken)
        both = ranked[-1] if same else scores.rank(every, part.codes, n_concepts)
        whole.append(scores.aurocs_by_concept(both))
        means.append(scores.concept_means(every, part.codes, n_concepts))
        strengths.append(scores.strength(*second, n_concepts, top_k))
    aurocs = np.stack([scores.aurocs_by_concept(part) for part in ranked])
    score = aurocs.min(axis=0)
    response = np.stack([part.response for part in strengths])
    result = Scores(
        all_aurocs=np.stack(whole),
        profiles=np.stack(means),
        selection_aurocs=np.stack(selecting),
        aurocs=aurocs,
        dprime=np.stack([part.dprime for part in strengths]),
        response=response,
        purity=np.stack([part.purity for part in strengths]),
        score=score,
        balance=scores.balance(response),
        p_concepts=nulls.concept_p(aurocs, score),
        p_images=nulls.image_p(ranked, score, n_permutations=n_permutations, seed=seed),
    )
    for name in Scores.__slots__:
        getattr(result, name)[..., broken] = np.nan
    return result


def _whole(values: Float32, broken: NDArray[np.bool_]) -> Float32:
    return np.where(broken, np.float32(0), values) if broken.any() else values


def intervals(
    modalities: Mapping[str, ModalityRows], concepts: NDArray[np.int64], *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Ends of the confirmed AUROC of each unit's chosen concept, ``(m, u)`` each.

    Each interval has the level ``1 - (1 - level) / m`` (Bonferroni), so that all of a unit's hold
    together, and the smallest ends over modalities bound its score.
    """
    each = 1 - (1 - level) / len(modalities)
    ends = [delong(*part.half(False), concepts, each) for part in modalities.values()]
    return np.stack([low for low, _ in ends]), np.stack([high for _, high in ends])


def strongest(part: ModalityRows, k: int = N_TOP) -> tuple[NDArray[np.int64], Float32]:
    """Rows and activations of each unit's k strongest images, ``(k, u)``; ties by image id."""
    k = min(k, len(part.values))
    order = np.argsort(-part.values, axis=0, kind="stable")[:k]
    return order, np.take_along_axis(part.values, order, axis=0)
