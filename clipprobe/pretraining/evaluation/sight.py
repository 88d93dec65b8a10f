"""Naming one thing: every concept as picture, drawing and word, and beyond what was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.pretraining.evaluation.ability import SEED, TEMPLATES, Ability, Floats, embed
from clipprobe.statistics import wilson
from clipprobe.stimuli import Sample, concept_set, concepts
from clipprobe.stimuli.splits import FAR_ROTATIONS, FAR_SIZES, UNSEEN_STYLES
from clipprobe.zeroshot import build_classifier

if TYPE_CHECKING:
    from clipprobe.models import Clip

_HELD_OUT = "on unseen grounds, at unseen sizes and rotations between the trained ones"


def sight(clip: Clip, classifier: Floats, per_concept: int) -> tuple[list[Ability], list[Sample]]:
    """Top-1 accuracies, and the pictures that were named right.

    Args:
        classifier: ``(n_concepts, d)``.
    """
    sets: dict[str, tuple[str, dict[str, Any], str]] = {
        "pictures": ("picture", {}, f"colour pictures {_HELD_OUT}"),
        "drawings": ("drawing", {}, f"line drawings {_HELD_OUT}"),
        "words": ("word", {}, "written words in unseen fonts on unseen grounds"),
        "unseen_style": (
            "picture",
            {"styles": UNSEEN_STYLES},
            "colour pictures in a style never trained on",
        ),
        "far_pictures": (
            "picture",
            {"sizes": FAR_SIZES, "rotations": FAR_ROTATIONS},
            "colour pictures at untrained sides of 0.35 to 0.42 of the image, turned by 30 to 45 "
            "degrees, farther than in training",
        ),
    }
    chance = f"chance 1/{len(concepts())}"
    abilities, named_right = [], []
    for name, (modality, options, what) in sets.items():
        samples = concept_set(modality, per_concept=per_concept, seed=SEED, **options)
        vectors = embed(clip, (s.scene for s in samples))
        right = (vectors @ classifier.T).argmax(axis=1) == labels(samples)
        if name == "pictures":
            named_right = [s for s, hit in zip(samples, right, strict=True) if hit]
            pictures, picture_vectors = samples, vectors
        abilities.append(
            Ability(
                name=f"zero_shot_{name}",
                meaning=f"top-1 over {len(concepts())} concepts ({chance}): {what}",
                estimate=wilson(int(right.sum()), len(right)),
            )
        )
    abilities.append(_synonyms(clip, classifier, pictures, picture_vectors))
    return abilities, named_right


def labels(samples: list[Sample]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Index of each sample's concept, ``(n,)``."""
    index = {c.name: i for i, c in enumerate(concepts())}
    return np.array([index[s.label] for s in samples], dtype=np.int64)


def _synonyms(clip: Clip, classifier: Floats, samples: list[Sample], vectors: Floats) -> Ability:
    """The same pictures with each concept that has a synonym named by its first one."""
    named = [(i, c) for i, c in enumerate(concepts()) if c.synonyms]
    phrases = [f"{c.article} {c.synonyms[0]}".strip() for _, c in named]
    renamed = classifier.copy()
    renamed[[i for i, _ in named]] = build_classifier(clip, phrases, TEMPLATES)
    member = np.isin(labels(samples), [i for i, _ in named])
    right = (vectors[member] @ renamed.T).argmax(axis=1) == labels(samples)[member]
    return Ability(
        name="zero_shot_synonyms",
        meaning=f"the pictures of the {len(named)} concepts that have a synonym, named by it",
        estimate=wilson(int(right.sum()), len(right)),
    )
