"""One set of images at every shot number: zero-shot, the probe with its search, LP++.

Terms: a *cell* is one shot number, all draws. The probe reads the vectors before the projection,
not normalised, as in the CLIP paper; LP++ the unit vectors of the joint space, as its authors do.
The strength of the ridge is searched anew in each cell and draw, on the validation images alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Floats, Ints
from clipprobe.zeroshot.few_shot.draws import Draw, Shots, Split, sample
from clipprobe.zeroshot.few_shot.logistic import Regression
from clipprobe.zeroshot.few_shot.lp_plus import fit_lp_plus
from clipprobe.zeroshot.few_shot.search import search_strength

METHODS = ("probe", "lp++")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledVectors:
    """A set of labelled images, encoded."""

    names: tuple[str, ...]
    """The classes."""
    labels: Ints
    """Class of each image, ``(n,)``."""
    pooled: npt.NDArray[np.float32]
    """Before the projection, not normalised, ``(n, d_pooled)``."""
    vectors: npt.NDArray[np.float32]
    """Unit vectors of the joint space, ``(n, d_embed)``."""
    texts: npt.NDArray[np.float32]
    """Unit vectors of the class texts, ``(k, d_embed)``."""

    def counts(self, predictions: npt.NDArray[Any], rows: Ints) -> Floats:
        """Right answers of each class, ``(k,)``."""
        truth = self.labels[rows]
        right = truth[np.asarray(predictions) == truth]
        return np.bincount(right, minlength=len(self.names)).astype(np.float64)

    def totals(self, rows: Ints) -> Floats:
        """Images of each class, ``(k,)``."""
        return np.bincount(self.labels[rows], minlength=len(self.names)).astype(np.float64)

    def zero_shot(self, rows: Ints) -> Floats:
        """Right answers of zero-shot, ``(1, k)``."""
        return self.counts((self.vectors[rows] @ self.texts.T).argmax(axis=1), rows)[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One shot number of one set: right answers of each draw and class, ``(draws, k)``."""

    right: Mapping[str, Floats]
    """By method; with ``"transferred"`` in front on the shifted images."""
    strengths: tuple[float, ...]
    """The ``C`` that each draw's search chose."""
    scores: tuple[Mapping[float, float], ...]
    """Validation accuracy of every ``C`` that a search tried, by draw."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As named arrays, for a part of a run."""
        validation = {
            f"scores.{draw}": np.array(sorted(scores.items()), np.float64)
            for draw, scores in enumerate(self.scores)
        }
        right = {f"right.{name}": value for name, value in self.right.items()}
        return {**right, "strengths": np.array(self.strengths, np.float64), **validation}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Cell:
        """The inverse of :meth:`arrays`."""
        n = len(arrays["strengths"])
        return cls(
            right={
                name.removeprefix("right."): np.array(value, np.float64)
                for name, value in arrays.items()
                if name.startswith("right.")
            },
            strengths=tuple(float(c) for c in arrays["strengths"]),
            scores=tuple(
                {float(c): float(score) for c, score in arrays[f"scores.{draw}"]}
                for draw in range(n)
            ),
        )


def run_cell(
    data: LabelledVectors,
    split: Split,
    shots: Shots,
    *,
    draws: int,
    seed: int,
    scale: float,
    iterations: int = 100,
    shifted: LabelledVectors | None = None,
) -> Cell:
    """Fit and score every draw of one shot number.

    Args:
        scale: The model's logit scale, where LP++ starts.
        iterations: Of LP++.
        shifted: Images of the same classes on which the same probes are scored too.
    """
    right: dict[str, list[Floats]] = {}
    strengths, scores = [], []
    for number in range(draws):
        draw = sample(split, data.names, shots, draw=number, seed=seed)
        probe, validation = fit_probe(data, draw)
        strengths.append(probe.C)
        scores.append(validation)
        blended = fit_lp_plus(
            data.vectors[draw.shots], data.labels[draw.shots], data.texts, scale=scale,
            iterations=iterations,
        )  # fmt: skip
        for prefix, scored, rows in (
            ("", data, split.test),
            *([("transferred ", shifted, np.arange(len(shifted.labels)))] if shifted else []),
        ):
            answers = {
                "probe": probe.logits(scored.pooled[rows]),
                "lp++": blended.logits(scored.vectors[rows]),
            }
            for method, logits in answers.items():
                counts = scored.counts(logits.argmax(axis=1), rows)
                right.setdefault(prefix + method, []).append(counts)
    return Cell(
        right={name: np.stack(counts) for name, counts in right.items()},
        strengths=tuple(strengths),
        scores=tuple(scores),
    )


def fit_probe(data: LabelledVectors, draw: Draw) -> tuple[Any, dict[float, float]]:
    """The probe with the strength that the validation images choose, and all their scores."""
    regression = Regression(data.pooled[draw.shots], data.labels[draw.shots])
    truth = data.labels[draw.validation]
    features = data.pooled[draw.validation]

    def accuracy(strength: float) -> float:
        logits = regression.fit(strength).logits(features)
        return float((logits.argmax(axis=1) == truth).mean())

    best, scores = search_strength(accuracy)
    return regression.fitted[best], scores
