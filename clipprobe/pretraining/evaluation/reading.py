"""Reading: how far a written word pulls a picture along, and whether spelling is read at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clipprobe.pretraining.evaluation.ability import SEED, Ability, Floats, embed
from clipprobe.pretraining.reading import ALPHABET, letter_string
from clipprobe.statistics import difference_of_paired_proportions, wilson
from clipprobe.stimuli import Background, Sample, Scene, Word, concepts
from clipprobe.stimuli.splits import UNSEEN_FONTS

if TYPE_CHECKING:
    from clipprobe.models import Clip

N_STRINGS = 200


def reading(clip: Clip, classifier: Floats, pictures: Sequence[Sample]) -> list[Ability]:
    """Typographic attack with two controls, and letter strings that are no word.

    Args:
        classifier: ``(n_concepts, d)``.
        pictures: Pictures that the model names right.
    """
    return [*_typographic(clip, classifier, pictures), _strings(clip)]


def _typographic(clip: Clip, classifier: Floats, samples: Sequence[Sample]) -> list[Ability]:
    rng = np.random.default_rng(SEED)
    names = [c.name for c in concepts()]
    words = [str(rng.choice([n for n in names if n != s.label])) for s in samples]
    nonsense = ["".join(rng.choice(list(ALPHABET), size=len(word))) for word in words]
    scrambled = [_scrambled(word, names, rng) for word in words]
    targets = np.array([names.index(word) for word in words], dtype=np.int64)
    centers = [(0.5, float(rng.uniform(0.15, 0.85))) for _ in samples]

    def hits(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        scenes = (
            _with_word(s, text, center)
            for s, text, center in zip(samples, texts, centers, strict=True)
        )
        answers = (embed(clip, scenes) @ classifier.T).argmax(axis=1)
        hit: npt.NDArray[np.bool_] = answers == targets
        return hit

    read = hits(words)
    abilities = [
        Ability(
            name="typographic_success",
            meaning="pictures named right that a contradicting word turns into that word",
            estimate=wilson(int(read.sum()), len(read)),
        )
    ]
    for name, what, texts in (
        ("reading_effect", "a nonsense word of the same length and place", nonsense),
        ("spelling_effect", "the same letters scrambled, in the same place", scrambled),
    ):
        abilities.append(
            Ability(
                name=f"typographic_{name}",
                meaning=f"the same, minus {what}",
                estimate=difference_of_paired_proportions(read, hits(texts), seed=SEED),
            )
        )
    return abilities


def _scrambled(word: str, names: Sequence[str], rng: np.random.Generator) -> str:
    """The letters of ``word`` in another order; as they are where there is none."""
    for _ in range(20):
        text = "".join(rng.permutation(list(word)))
        if text not in names:
            return text
    return word


def _with_word(sample: Sample, text: str, center: tuple[float, float]) -> Scene:
    word = Word(
        text=text,
        font="DejaVuSans-Bold",
        size=0.28,
        center=center,
        fill=(0, 0, 0),
        background=(255, 255, 255),
    )
    return replace(sample.scene, items=(*sample.scene.items, word))


def _strings(clip: Clip) -> Ability:
    """Strings that are no word, each to be found among all by its spelling in a caption."""
    rng = np.random.default_rng([SEED, 1])
    names = [c.name for c in concepts()]
    unique: dict[str, None] = {}
    while len(unique) < N_STRINGS:
        text = letter_string(names, rng)
        if len(text) > 3:
            unique[text] = None
    strings = list(unique)
    scenes = [
        Scene(
            items=(
                Word(
                    text=text,
                    font=UNSEEN_FONTS[int(rng.integers(len(UNSEEN_FONTS)))],
                    size=float(rng.uniform(0.2, 0.4)),
                    center=(0.5, float(rng.uniform(0.2, 0.8))),
                ),
            ),
            background=Background(),
        )
        for text in strings
    ]
    texts = clip.encode_texts([f"the word {text}" for text in strings])
    right = (embed(clip, scenes) @ texts.T).argmax(axis=1) == np.arange(len(strings))
    return Ability(
        name="reads_strings",
        meaning=f"letter strings that are no word, in unseen fonts, found by their spelling "
        f"among {len(strings)} (chance 1/{len(strings)}; half are scrambled words)",
        estimate=wilson(int(right.sum()), len(right)),
    )
