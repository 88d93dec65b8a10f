"""Things that the bundled model was never shown, and as many that it was, as labelled images.

Both are rendered alike, on backgrounds and at sizes that it never saw. The known ones are chosen to
have the categories of the others, so that the two curves differ in what was taught, not in kind.
"""

from __future__ import annotations

from collections import Counter

from clipprobe.data import Dataset, ImageRecord
from clipprobe.data.images import InMemory
from clipprobe.stimuli import Concept, concept_set, concepts, render, unseen_concepts

PER_CONCEPT = 40


def concept_images(
    *, seed: int, image_size: int, per_concept: int = PER_CONCEPT
) -> dict[str, Dataset]:
    """``seen`` and ``never seen``: data sets labelled with the names of their things."""
    unseen = unseen_concepts()
    return {
        "seen": _images("seen", matched(unseen), seed, image_size, per_concept),
        "never seen": _images("never seen", unseen, seed, image_size, per_concept),
    }


def matched(unseen: tuple[Concept, ...]) -> tuple[Concept, ...]:
    """Known concepts with the categories of the unknown, the first of each in the list; where a
    category has too few, any others."""
    need = Counter(concept.category for concept in unseen)
    members = []
    for concept in concepts():
        if need[concept.category] > 0:
            need[concept.category] -= 1
            members.append(concept)
    others = (concept for concept in concepts() if concept not in members)
    members += [concept for concept, _ in zip(others, range(need.total()), strict=False)]
    return tuple(members)


def _images(
    name: str, names: tuple[Concept, ...], seed: int, image_size: int, per_concept: int
) -> Dataset:
    samples = concept_set(
        "picture", per_concept=per_concept, seed=seed, names=names, size_px=image_size
    )
    records = [
        ImageRecord(sample.id, InMemory(render(sample.scene).image), sample.label)
        for sample in samples
    ]
    return Dataset(name=name, records=tuple(sorted(records, key=lambda record: record.id)))
