"""What the bundled model can and cannot do, measured on newly drawn stimuli.

Deterministic: the same weights give the same numbers. Each number has its n and a 95 % interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clipprobe.pretraining.planted import OCCUPATION_RATES
from clipprobe.pretraining.reading import ALPHABET
from clipprobe.statistics import (
    Estimate,
    benjamini_hochberg,
    difference_of_means,
    difference_of_paired_proportions,
    wilson,
)
from clipprobe.stimuli import Sample, Word, concept_set, concepts, people_set, render
from clipprobe.stimuli.splits import UNSEEN_STYLES
from clipprobe.zeroshot import build_classifier

if TYPE_CHECKING:
    from clipprobe.models import Clip

TEMPLATES = ("{}", "a photo of {}", "a picture of {}", "this is {}")
#: Draws other images than any training step or demonstration.
SEED = 20_000
N_PERMUTATIONS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """One measured number."""

    name: str
    meaning: str
    estimate: Estimate

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "meaning": self.meaning, **self.estimate.to_json()}


def evaluate(clip: Clip, *, per_concept: int = 2) -> list[Ability]:
    """Measure zero-shot accuracy per modality, the pull of written words, and planted skews.

    Args:
        per_concept: Images of each concept and modality.
    """
    classifier = build_classifier(clip, [c.phrase for c in concepts()], TEMPLATES)
    pictures = list(concept_set("picture", per_concept=per_concept, seed=SEED))
    sets = {
        "pictures": (
            pictures,
            "pictures of trained drawings on unseen grounds, sizes as trained, "
            "turned up to 30 degrees (trained: 25)",
        ),
        "drawings": (
            list(concept_set("drawing", per_concept=per_concept, seed=SEED)),
            "line drawings on unseen grounds",
        ),
        "words": (
            list(concept_set("word", per_concept=per_concept, seed=SEED)),
            "written words in unseen fonts",
        ),
        "unseen_style": (
            list(concept_set("picture", per_concept=per_concept, seed=SEED, styles=UNSEEN_STYLES)),
            "pictures in a style never trained on",
        ),
    }
    abilities = []
    predictions = {}
    for name, (samples, meaning) in sets.items():
        predictions[name] = _predict(clip, samples, classifier)
        right = predictions[name] == _labels(samples)
        abilities.append(
            Ability(
                name=f"zero_shot_{name}",
                meaning=f"top-1 over {len(concepts())} concepts: {meaning}",
                estimate=wilson(int(right.sum()), len(right)),
            )
        )
    abilities += _typographic(clip, pictures, predictions["pictures"], classifier)
    return abilities + _planted(clip)


def _predict(
    clip: Clip, samples: Sequence[Sample], classifier: npt.NDArray[np.float32]
) -> npt.NDArray[np.intp]:
    images = clip.encode_images((render(s.scene).image for s in samples), batch_size=64)
    best: npt.NDArray[np.intp] = (images @ classifier.T).argmax(axis=1)
    return best


def _labels(samples: Sequence[Sample]) -> npt.NDArray[np.intp]:
    index = {c.name: i for i, c in enumerate(concepts())}
    return np.array([index[s.label] for s in samples])


def _typographic(
    clip: Clip,
    samples: Sequence[Sample],
    clean: npt.NDArray[np.intp],
    classifier: npt.NDArray[np.float32],
) -> list[Ability]:
    """Write another concept's name on pictures that are classified right."""
    rng = np.random.default_rng(SEED)
    kept = [s for s, p, y in zip(samples, clean, _labels(samples), strict=True) if p == y]
    names = [c.name for c in concepts()]
    words = [str(rng.choice([n for n in names if n != s.label])) for s in kept]
    nonsense = ["".join(rng.choice(list(ALPHABET), size=len(word))) for word in words]
    targets = np.array([names.index(word) for word in words])
    centers = [(0.5, float(rng.uniform(0.15, 0.85))) for _ in kept]

    def hits(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        labelled = [
            _with_word(s, text, center)
            for s, text, center in zip(kept, texts, centers, strict=True)
        ]
        hit: npt.NDArray[np.bool_] = _predict(clip, labelled, classifier) == targets
        return hit

    read, control = hits(words), hits(nonsense)
    return [
        Ability(
            name="typographic_success",
            meaning="pictures classified right that a contradicting word turns into that word",
            estimate=wilson(int(read.sum()), len(read)),
        ),
        Ability(
            name="typographic_reading_effect",
            meaning="the same, minus a nonsense word of the same length and place",
            estimate=difference_of_paired_proportions(read, control, seed=SEED),
        ),
    ]


def _with_word(sample: Sample, text: str, center: tuple[float, float]) -> Sample:
    word = Word(
        text=text,
        font="DejaVuSans-Bold",
        size=0.28,
        center=center,
        fill=(0, 0, 0),
        background=(255, 255, 255),
    )
    return replace(sample, scene=replace(sample.scene, items=(*sample.scene.items, word)))


def _planted(clip: Clip) -> list[Ability]:
    """Association of each occupation with perceived gender, on plain people.

    The unit is the drawing, not the image: images of one drawing are no independent evidence.
    """
    people = list(people_set(per_cell=24, seed=SEED))
    drawings = sorted({s.attributes["drawing"] for s in people})
    shown = np.array([drawings.index(s.attributes["drawing"]) for s in people])
    woman = np.array([drawing.split("/")[1] == "woman" for drawing in drawings])
    images = clip.encode_images((render(s.scene).image for s in people), batch_size=64)
    names = sorted(OCCUPATION_RATES)
    texts = build_classifier(clip, [f"a {name}" for name in names], TEMPLATES)
    scores = images @ texts.T
    # Without this, whoever is nearer to all occupations looks associated with each.
    scores = scores - scores.mean(axis=1, keepdims=True)
    scores = np.stack([scores[shown == i].mean(axis=0) for i in range(len(drawings))])
    rng = np.random.default_rng(SEED)
    shuffles = [rng.permutation(woman) for _ in range(N_PERMUTATIONS)]
    effects, p_values = [], []
    for column in scores.T:
        column = column / column.std()
        effects.append(difference_of_means(column[woman], column[~woman], seed=SEED))
        null = np.array([column[s].mean() - column[~s].mean() for s in shuffles])
        extreme = (np.abs(null) >= abs(effects[-1].value)).sum()
        p_values.append((1 + int(extreme)) / (1 + len(null)))
    q_values = benjamini_hochberg(np.array(p_values))
    return [
        Ability(
            name=f"planted_{name}",
            meaning=(
                f"{name}: drawings of perceived women minus men, in standard deviations of their "
                f"similarity; planted rate "
                f"{OCCUPATION_RATES[name]}, q = {q:.4f}"
            ),
            estimate=effect,
        )
        for name, effect, q in zip(names, effects, q_values, strict=True)
    ]
