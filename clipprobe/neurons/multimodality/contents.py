"""What a multimodality test found: tables, nulls, controls, and what they do not claim."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from clipprobe.data import Failure
from clipprobe.neurons.instruments.store import Store
from clipprobe.neurons.instruments.value import Pooled
from clipprobe.neurons.multimodality.scoring.shuffles import ShuffledCount, Shuffles
from clipprobe.neurons.multimodality.settings import LATE_CLS
from clipprobe.statistics import Estimate

Floats = NDArray[np.float64]

CLAIM = (
    "This tests image-modality invariance inside the vision tower: whether a unit responds to the "
    "same concept as picture, drawing and written word. It says nothing about whether the unit "
    "agrees with the text tower (cross-tower alignment); that is another test."
)
STRONG = 0.85
LATE_WORDS = "class token in the last third of the blocks, max elsewhere"
KIND = "multimodality"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nulls:
    """Scores seen, beside those under joint permutation of whole concepts; 100 bins from 0 to 1.

    Attributes:
        pairs, pairs_null: Unit-concept pairs per bin of the confirmed score: seen, and the mean
            over permutations.
        units, units_null: Units per bin of the score of their best concept, likewise.
        best_unit, best_unit_null: Largest score over units of each concept, ``(c,)``; and over
            permutations, ``(b, c)``.
    """

    pairs: Floats
    pairs_null: Floats
    units: Floats
    units_null: Floats
    best_unit: Floats
    best_unit_null: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The same test on the same network at random weights.

    Attributes:
        seed: Of the weights.
        alpha: As of the test.
        score: Each unit's confirmed score for its own selected concept, ``(u,)``.
        q, q_images: Of that pair, ``(u,)``; see ``units`` of the result.
        n_any: Units with any concept at q at most alpha.
        q_each, q_exact, q_profile: As in ``units`` of the result, ``(u,)``; None in an older run.
    """

    seed: int
    alpha: float
    score: Floats
    q: Floats
    q_images: Floats
    n_any: int
    q_each: Floats | None = None
    q_exact: Floats | None = None
    q_profile: Floats | None = None

    @property
    def n_significant(self) -> int:
        """Units whose selected concept has q at most alpha."""
        return int((self.q <= self.alpha).sum())

    @property
    def n_significant_images(self) -> int:
        """The same by permuting single images only."""
        return int((self.q_images <= self.alpha).sum())

    @property
    def n_strong(self) -> int:
        """Units with a confirmed score of at least 0.85."""
        return int((self.score >= STRONG).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class MultimodalityContents(Pooled):
    """The contents of the result of :func:`clipprobe.multimodality`.

    Attributes:
        modalities, concepts: Their names, in the order of all arrays.
        alpha: The level at which q counts as significant.
        frames: Name of each of the following tables -> the table; read when it is asked for.
        table: pandas, one row per unit and concept, from the confirming half: ``site``, ``unit``,
            ``concept``, for each modality ``auroc_…``, ``dprime_…``, ``purity_…``; ``score`` (the
            smallest AUROC), ``balance``, ``selection_score`` (on the other half), ``p``, ``q``
            (Benjamini-Hochberg over all rows), ``p_images``, ``q_images``.
        units: pandas, one row per unit, best first, for its selected concept: the columns above,
            ``low`` and ``high`` of the score and of each AUROC; ``concept_exact``: the best concept
            on all images; ``p_each``, ``q_each``: whether it is one concept in all modalities,
            each given the others; ``p_exact``, ``q_exact``: against modalities that are all
            unrelated (see ``scoring.exact``); ``rho_…_…``, ``p_profile``, ``q_profile``: whether
            all concepts are ranked alike (see ``profile``); and ``floor``: the share of units
            of the random network with at least this score. NaN without that control.
        concept_table: pandas, one row per concept: images per modality, ``best_unit`` and its
            confirmed ``score``, the median and 95th percentile of the best unit's score under
            permutation, ``p_best`` by that null, and ``q_best`` over the concepts.
        top_images: pandas, ``site``, ``unit``, ``modality``, ``rank``, ``value``, ``id``,
            ``concept``: each unit's strongest images of each modality.
        controls: pandas, one row per ranked unit and word control; empty without that control.
        nulls: See :class:`Nulls`.
        floor: See :class:`Floor`; None without that control.
        shuffles: See :class:`Shuffles`; None in a run that was made before it had this control.
        unadjusted: With pixel covariates, what the claims about units count without them: claim ->
            units, and units at random weights; None without that option.
        n_images: Modality -> images that select, and images that confirm.
        notes: What the reader must know before using the numbers.
        failures: Images that could not be used, and why.
        config: Everything that determined the numbers.
        versions: Of the libraries.
        path: The run folder, where there is one.
        store: The run, or what stands for it in memory.
    """

    instrument: ClassVar[str] = "multimodal"
    modalities: tuple[str, ...]
    concepts: tuple[str, ...]
    alpha: float
    frames: Mapping[str, Any]
    nulls: Nulls
    floor: Floor | None
    shuffles: Shuffles | None
    n_images: Mapping[str, tuple[int, int]]
    notes: tuple[str, ...]
    failures: tuple[Failure, ...]
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    unadjusted: Mapping[str, tuple[int, int | None]] | None = None
    path: Path | None = None
    store: Store | None = field(default=None, repr=False, compare=False)

    @property
    def table(self) -> Any:
        return self.frames["table"]

    @property
    def units(self) -> Any:
        return self.frames["units"]

    @property
    def concept_table(self) -> Any:
        return self.frames["concept_table"]

    @property
    def top_images(self) -> Any:
        return self.frames["top_images"]

    @property
    def controls(self) -> Any:
        return self.frames["controls"]

    @property
    def pooling(self) -> str:
        """How tokens became one number, in words."""
        return LATE_WORDS if self.pool == LATE_CLS else self.pool

    def pool_of(self, site: str) -> str:
        """How tokens became one number at a hook point."""
        return str(self.config.get("pools", {}).get(site, self.pool))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self.units)} units, {len(self.concepts)} concepts in "
            f"{', '.join(self.modalities)}, pool={self.pool!r}, {self.n_significant} significant)"
        )

    @property
    def claim(self) -> str:
        """What the numbers say, and what they do not."""
        return CLAIM

    @property
    def family_size(self) -> int:
        """How many unit-concept pairs were tested: the family of the correction."""
        return int(self.table["p"].notna().sum())

    @property
    def n_significant(self) -> int:
        """Units whose selected concept has q at most alpha."""
        return int((self.units["q"] <= self.alpha).sum())

    @property
    def n_concepts_found(self) -> int:
        """Concepts that have a unit which scores beyond what the best of all units does by chance.

        ``q_best`` at most alpha: whole concepts permuted jointly for all units,
        Benjamini-Hochberg over the concepts.
        """
        return int((self.concept_table["q_best"] <= self.alpha).sum())

    @property
    def n_significant_images(self) -> int:
        """The same by permuting single images only; see ``nulls`` for why that is not enough."""
        return int((self.units["q_images"] <= self.alpha).sum())

    @property
    def n_strong(self) -> int:
        """Units with a confirmed score of at least 0.85."""
        return int((self.units["score"] >= STRONG).sum())

    @property
    def strong_shuffled(self) -> tuple[ShuffledCount, ...]:
        """``n_strong`` with the concepts of one modality shuffled, and of all; see ``shuffles``."""
        if self.shuffles is None:
            return ()
        return self.shuffles.reaching(STRONG, self.n_strong)

    def ranked(self, limit: int | None = None) -> list[dict[str, Any]]:
        """The best units as plain rows, NaN as such."""
        rows = self.units if limit is None else self.units.head(limit)
        records: list[dict[str, Any]] = rows.to_dict("records")
        return [{"address": f"{row['site']}:{row['unit']}", **row} for row in records]

    def estimate(self, row: Mapping[str, Any]) -> Estimate:
        """The confirmed score of a row of :meth:`ranked` with its interval."""
        n = int(sum(row[f"n_{modality}"] for modality in self.modalities))
        value, low, high = (float(row[name]) for name in ("score", "low", "high"))
        reason = ""
        if math.isnan(value):
            reason = "an activation is not finite"
        elif math.isnan(low):
            reason = "a single image of the concept confirms in some modality, so no interval"
        return Estimate(
            value=value, low=low, high=high, n=n,
            method="smallest AUROC; DeLong over modalities together, 95 %", reason=reason,
        )  # fmt: skip
