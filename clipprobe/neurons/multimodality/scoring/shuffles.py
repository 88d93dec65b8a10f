"""How many units would reach a score if the labels of a modality belonged to other concepts.

A unit's score is the best of many concepts, and units that respond to many concepts in every
modality reach high scores by coincidence. Holding images out does not show it: both halves have
the same drawings and the same words. So the concepts of the written words change places among
themselves, the unit's concept is selected and confirmed anew, and the units are counted again;
then the same with every modality. The model does not run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.multimodality.scoring.scores import smallest
from clipprobe.statistics import Estimate, permutation_p

if TYPE_CHECKING:
    from clipprobe.neurons.multimodality.scoring.measure import Scores

N_SHUFFLES = 60
Float32 = NDArray[np.float32]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffledCount:
    """Units that reach a threshold with shuffled concepts, beside the right ones.

    Attributes:
        mean, sd: Of the number of units, over the shuffles.
        p: One-sided: ``(1 + shuffles with at least as many units as seen) / (1 + shuffles)``.
        share: The mean as a share of the tested units; its interval holds 95 % of the shuffles,
            which ``share.n`` counts.
    """

    mean: float
    sd: float
    p: float
    share: Estimate

    @classmethod
    def of(cls, counts: Counts, n_observed: int, n_tested: int) -> ShuffledCount:
        """The counts of the shuffles, ``(b,)``, beside the one of the right labels."""
        shares = counts / max(1, n_tested)
        return cls(
            mean=float(counts.mean()),
            sd=float(counts.std(ddof=1)),
            p=permutation_p(n_observed, counts),
            share=Estimate(
                value=float(shares.mean()),
                low=float(np.quantile(shares, 0.025)),
                high=float(np.quantile(shares, 0.975)),
                n=len(counts),
                method="mean over shuffles; 2.5 % and 97.5 % quantiles",
            ),
        )

    def __str__(self) -> str:
        return f"{self.mean:.0f} ± {self.sd:.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffles:
    """Each unit's confirmed score for the concept that it selects when concepts are shuffled.

    Attributes:
        modality: The modality that is shuffled in ``one``: ``word``, or the last where no
            modality is called so.
        one: ``(b, u)``, only that modality shuffled; the same shuffle for all units.
        all: ``(b, u)``, every modality shuffled, each in its own way.
        counts: Claim (see ``claims``) -> what is counted under each shuffle, ``(b,)``, of one
            modality and of all; empty in a run that was made before it had them.
    """

    modality: str
    one: Float32
    all: Float32
    counts: Mapping[str, tuple[Counts, Counts]] = field(default_factory=dict)

    def reaching(self, threshold: float, n_observed: int) -> tuple[ShuffledCount, ShuffledCount]:
        """Units at a threshold with one modality shuffled, and all; ``n_observed`` without."""
        one, every = (
            ShuffledCount.of(
                (scores >= np.float32(threshold)).sum(axis=1),
                n_observed,
                int(np.isfinite(scores[0]).sum()),
            )
            for scores in (self.one, self.all)
        )
        return one, every

    def count(
        self, claim: str, n_observed: int, n_tested: int
    ) -> tuple[ShuffledCount, ShuffledCount]:
        """What a claim counts with one modality shuffled, and with all."""
        one, every = (ShuffledCount.of(part, n_observed, n_tested) for part in self.counts[claim])
        return one, every


def shuffled_modality(modalities: Sequence[str]) -> int:
    """Number of the modality that is shuffled alone."""
    return list(modalities).index("word") if "word" in modalities else len(modalities) - 1


def draw_orders(
    modalities: Sequence[str], n_concepts: int, *, seed: int, n: int = N_SHUFFLES
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Orders of the concepts, ``(b, m, c)``: with one modality shuffled, and with all."""
    rng = np.random.default_rng([seed, 2])
    everything = np.array(
        [[rng.permutation(n_concepts) for _ in modalities] for _ in range(n)], np.int64
    )
    one = np.tile(np.arange(n_concepts), (n, len(modalities), 1))
    number = shuffled_modality(modalities)
    one[:, number] = everything[:, number]
    return one, everything


def shuffled_scores(scores: Scores, orders: NDArray[np.int64]) -> Float32:
    """Confirmed scores of the concepts that units select under each order, ``(b, u)``."""
    selecting = np.nan_to_num(scores.selection_aurocs, nan=-1.0)
    each = np.arange(selecting.shape[-1])
    result = np.empty((len(orders), len(each)), np.float32)
    for number, order in enumerate(orders):
        best = smallest(selecting, order).argmax(axis=0)
        result[number] = scores.aurocs[np.arange(len(order))[:, None], order[:, best], each].min(0)
    return result
