"""From the scores of all tiles to one result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipprobe.neurons.multimodality import tables
from clipprobe.neurons.multimodality.activations import Tile
from clipprobe.neurons.multimodality.contents import Floor, Nulls
from clipprobe.neurons.multimodality.notes import notes_of
from clipprobe.neurons.multimodality.result import Multimodality
from clipprobe.neurons.multimodality.scoring.evidence import (
    UnitTests,
    counts_of,
    shuffled_counts,
)
from clipprobe.neurons.multimodality.scoring.measure import Scores
from clipprobe.neurons.multimodality.scoring.scores import Floats
from clipprobe.neurons.multimodality.scoring.shuffles import Shuffles, shuffled_modality
from clipprobe.neurons.multimodality.trial import Trial
from clipprobe.statistics import benjamini_hochberg


@dataclass(frozen=True, slots=True)
class CorrectedP:
    p: Floats
    q: Floats
    p_images: Floats
    q_images: Floats

    @classmethod
    def of(cls, scores: Scores) -> CorrectedP:
        """The larger p, and Benjamini-Hochberg over every unit and concept."""
        p = np.maximum(scores.p_concepts, scores.p_images)

        def corrected(values: Floats) -> Floats:
            return benjamini_hochberg(values.ravel()).reshape(values.shape)

        return cls(p, corrected(p), scores.p_images, corrected(scores.p_images))

    def columns(self) -> dict[str, Floats]:
        """By name, as the tables have them."""
        return {name: getattr(self, name) for name in self.__slots__}


def assemble(
    test: Trial,
    plan: Sequence[Tile],
    sites: Sequence[str],
    config: dict[str, Any],
    versions: dict[str, str],
) -> Multimodality:
    """The result of all tiles: tables, nulls, shuffles and the random floor."""
    assert test.joint is not None
    alpha, seed = test.settings.alpha, test.settings.seed
    modalities, concepts, joint = test.probes.modalities, test.concepts, test.joint
    scores = Scores.joined(test.scores[0])
    corrected = CorrectedP.of(scores).columns()
    tests = UnitTests.of(scores)
    floor = _floor(Scores.joined(test.scores[1]), alpha, seed) if test.scores[1:] else None
    site = tables.site_columns(plan, sites)
    counts = np.array([np.bincount(test.codes[m], minlength=len(concepts)) for m in modalities])
    confirming = np.array(
        [np.bincount(test.codes[m][~test.selects[m]], minlength=len(concepts)) for m in modalities]
    )
    finite = np.nan_to_num(scores.score, nan=0.0)
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
        tests,
    )
    result = Multimodality(
        modalities=modalities,
        concepts=concepts,
        alpha=alpha,
        frames={
            "table": tables.pair_table(scores, site, concepts, modalities, corrected),
            "units": units,
            "concept_table": tables.concept_rows(scores, site, concepts, modalities, counts, joint),
            "top_images": tables.top_rows(
                site, modalities, strongest, test.ids, test.codes, concepts
            ),
            "controls": tables.control_rows([]),
        },
        nulls=Nulls(
            pairs=joint.count(finite),
            pairs_null=joint.null,
            units=joint.count(finite.max(axis=0)),
            units_null=joint.best_concept,
            best_unit=finite.max(axis=1),
            best_unit_null=joint.best_unit,
        ),
        floor=floor,
        shuffles=Shuffles(
            modality=modalities[shuffled_modality(modalities)],
            one=np.concatenate([one for one, _ in test.shuffled], axis=1),
            all=np.concatenate([every for _, every in test.shuffled], axis=1),
            counts=shuffled_counts(scores, test.orders, joint, alpha),
        ),
        unadjusted=_unadjusted(test.raw, alpha),
        n_images={
            m: (int(test.selects[m].sum()), int((~test.selects[m]).sum())) for m in modalities
        },
        notes=notes_of(confirming, int(np.isfinite(scores.score).sum()), alpha, config),
        failures=(*test.probes.skipped, *test.failures),
        config=config,
        versions=versions,
    )
    return result


def _unadjusted(
    raw: Sequence[Sequence[Scores]], alpha: float
) -> dict[str, tuple[int, int | None]] | None:
    """What is counted without pixel covariates, in the model and at random weights."""
    if not raw[0]:
        return None
    own, *random = (counts_of(Scores.joined(parts), alpha) for parts in raw)
    return {name: (n, random[0][name] if random else None) for name, n in own.items()}


def _floor(scores: Scores, alpha: float, seed: int) -> Floor:
    selected, corrected, tests = scores.selected, CorrectedP.of(scores), UnitTests.of(scores)
    each = np.arange(len(selected))
    return Floor(
        seed=seed,
        alpha=alpha,
        score=scores.at("score", selected),
        q=corrected.q[selected, each],
        q_images=corrected.q_images[selected, each],
        n_any=int((corrected.q <= alpha).any(axis=0).sum()),
        q_each=tests.q_each,
        q_exact=tests.q_exact,
        q_profile=tests.q_profile,
    )
