"""Concepts that training neither showed nor named: what the model does with them.

Chance is one in their number. What exceeds it comes from parts: letters that spell a word, shapes
and colours that other things share. Beside each modality stands the same network at random weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clipprobe.pretraining.evaluation.ability import SEED, TEMPLATES, Ability, embed
from clipprobe.statistics import cluster_bootstrap
from clipprobe.stimuli import concept_set, unseen_concepts
from clipprobe.stimuli.probe_sets import MODALITIES
from clipprobe.zeroshot import build_classifier

if TYPE_CHECKING:
    from clipprobe.models import Clip

PER_CONCEPT = 16
_TITLES = {
    "picture": "colour pictures",
    "drawing": "line drawings",
    "word": "written words in unseen fonts",
}


def unseen(clip: Clip) -> list[Ability]:
    """Top-1 among the unseen concepts in each modality, and for a network at random weights."""
    from clipprobe.models import random_twin

    twin = random_twin(clip, seed=SEED)
    return [
        ability
        for modality in MODALITIES
        for ability in (
            _top_1(clip, modality, "", ""),
            _top_1(twin, modality, "_random", ", the same network at random weights"),
        )
    ]


def _top_1(clip: Clip, modality: str, suffix: str, which: str) -> Ability:
    """Images of one concept share its drawing and its name: concepts are resampled, not images."""
    names = unseen_concepts()
    samples = list(concept_set(modality, per_concept=PER_CONCEPT, seed=SEED, names=names))
    index = {concept.name: number for number, concept in enumerate(names)}
    truth = np.array([index[sample.label] for sample in samples])
    classifier = build_classifier(clip, [concept.phrase for concept in names], TEMPLATES)
    answers = (embed(clip, (s.scene for s in samples)) @ classifier.T).argmax(axis=1)
    right = (answers == truth).astype(float)
    return Ability(
        name=f"unseen_{modality}s{suffix}",
        meaning=f"top-1 among {len(names)} concepts that training never showed or named (chance "
        f"1/{len(names)}): {_TITLES[modality]}, {PER_CONCEPT} of each concept{which}",
        estimate=cluster_bootstrap(right, clusters=truth, seed=0),
    )
