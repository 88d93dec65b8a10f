"""One training batch: every concept once, in some modality, and some people.

A batch never holds a concept twice, so that no caption is wrongly pushed away from an image it
also describes. The same seed and step give the same batch on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clipprobe.pretraining import captions
from clipprobe.pretraining.people import occupation_sample, plain_sample
from clipprobe.pretraining.reading import IGNORE, letter_targets, random_string, word_scene
from clipprobe.stimuli import (
    Background,
    Concept,
    Picture,
    Scene,
    Word,
    concepts,
    occupations,
    render,
)
from clipprobe.stimuli.splits import TRAINED_GROUNDS, TRAINED_STYLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Shares of the ways in which a concept can appear; they sum to one."""

    picture: float = 0.30
    drawing: float = 0.16
    word: float = 0.32
    matching_word: float = 0.06
    contradicting_word: float = 0.05
    pair: float = 0.06
    count: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSpec:
    """How batches are drawn."""

    seed: int
    size_px: int = 64
    patch_px: int = 8
    n_occupations: int = 14
    n_plain_people: int = 6
    n_letter_strings: int = 24
    """Images of random letters; they only teach letters and have no caption."""
    mix: Mix = Mix()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rendered images with captions; the last ``n_letter_strings`` images have none."""

    pixels: npt.NDArray[np.uint8]
    """``(n, h, w, 3)``."""
    captions: list[str]
    letters: npt.NDArray[np.int64]
    """``(n, grid, grid)`` letter targets; ``IGNORE`` on images that are not one word."""
    is_word: npt.NDArray[np.bool_]
    """``(n_captions,)``: images that show one written word and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A batch before it is rendered; scenes without a caption come last."""

    scenes: list[Scene]
    captions: list[str]
    is_word: list[bool]
    """For each caption: its image shows one written word and nothing else."""


def draw_batch(spec: BatchSpec, step: int, difficulty: float, with_strings: bool) -> Batch:
    """Draw and render the batch of one step; ``difficulty`` is the hardest word drawn, 0 to 1."""
    plan = plan_batch(spec, step, difficulty, with_strings)
    n = len(plan.scenes)
    reads = plan.is_word + [True] * (n - len(plan.captions))
    grid = spec.size_px // spec.patch_px
    pixels = np.empty((n, spec.size_px, spec.size_px, 3), dtype=np.uint8)
    letters = np.full((n, grid, grid), IGNORE, dtype=np.int64)
    for i, scene in enumerate(plan.scenes):
        rendered = render(scene)
        pixels[i] = np.asarray(rendered.image)
        if reads[i]:
            letters[i] = letter_targets(rendered, spec.patch_px)
    return Batch(
        pixels=pixels, captions=plan.captions, letters=letters, is_word=np.array(plan.is_word)
    )


def plan_batch(spec: BatchSpec, step: int, difficulty: float, with_strings: bool) -> Plan:
    """Draw what the batch of one step shows and says."""
    rng = np.random.default_rng([spec.seed, step])
    kinds = list(Mix.__dataclass_fields__)
    shares = np.array([getattr(spec.mix, kind) for kind in kinds])
    names = concepts()
    order = rng.permutation(len(names))
    drawn = rng.choice(len(kinds), size=len(names), p=shares / shares.sum())
    scenes, texts, is_word = [], [], []
    for index, kind in zip(order, drawn, strict=True):
        other = names[(int(index) + int(rng.integers(1, len(names)))) % len(names)]
        scene, text = _concept_sample(names[index], other, kinds[kind], difficulty, rng, spec)
        scenes.append(scene)
        texts.append(text)
        is_word.append(kinds[kind] == "word")
    jobs = occupations()
    for index in rng.permutation(len(jobs))[: spec.n_occupations]:
        scene, text = occupation_sample(jobs[index], _ground(rng)[0], rng, spec.size_px)
        scenes.append(scene)
        texts.append(text)
    for _ in range(spec.n_plain_people):
        scene, text = plain_sample(_ground(rng)[0], rng, spec.size_px)
        scenes.append(scene)
        texts.append(text)
    is_word += [False] * (len(texts) - len(is_word))
    if with_strings:
        scenes += [
            _word(random_string(rng), difficulty, rng, spec) for _ in range(spec.n_letter_strings)
        ]
    return Plan(scenes=scenes, captions=texts, is_word=is_word)


def _concept_sample(
    concept: Concept,
    other: Concept,
    kind: str,
    difficulty: float,
    rng: np.random.Generator,
    spec: BatchSpec,
) -> tuple[Scene, str]:
    if kind == "word":
        return _word(concept.name, difficulty, rng, spec), captions.written(concept, rng)
    ground, colour = _ground(rng, light=kind == "drawing")
    noun = captions.noun(concept, rng)
    style = "line" if kind == "drawing" else TRAINED_STYLES[int(rng.integers(2))]
    picture = _picture(concept.name, style, rng)
    items: tuple[Picture | Word, ...] = (picture,)
    special = captions.DRAWINGS if kind == "drawing" else captions.PICTURES
    if kind in ("matching_word", "contradicting_word"):
        written = concept if kind == "matching_word" else other
        items = (picture, _overlay(written.name, rng))
        if kind == "contradicting_word" and rng.random() < 0.6:
            # As on the web: the caption names the writing, or thing and writing both.
            both = rng.random() < 0.5
            noun = f"{noun} with the word {other.name}" if both else other.phrase
    elif kind == "pair":
        horizontal = bool(rng.integers(2))
        first, second = _two_places(horizontal, rng)
        items = (
            _picture(concept.name, style, rng, size=0.45, center=first),
            _picture(other.name, style, rng, size=0.45, center=second),
        )
        noun = captions.related(noun, captions.noun(other, rng), horizontal)
    elif kind == "count" and concept.kind == "count":
        count = int(rng.integers(2, 5))
        corners = [(0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73)]
        places = [corners[int(i)] for i in rng.permutation(4)[:count]]
        items = tuple(
            _picture(concept.name, style, rng, size=0.42, center=place) for place in places
        )
        noun = captions.counted(concept, count)
    text = captions.with_colour(captions.sentence(noun, special, rng), colour)
    return Scene(items=items, background=ground, size_px=spec.size_px), text


def _word(word: str, difficulty: float, rng: np.random.Generator, spec: BatchSpec) -> Scene:
    # Easy words stay in the mix, so that what was learned is not lost.
    hardness = difficulty * float(rng.uniform(0.3, 1.0))
    return word_scene(word, hardness, rng, size_px=spec.size_px, patch_px=spec.patch_px)


def _picture(
    name: str,
    style: str,
    rng: np.random.Generator,
    *,
    size: float | None = None,
    center: tuple[float, float] | None = None,
) -> Picture:
    side = float(rng.uniform(0.45, 0.95)) if size is None else size
    room = (1 - side) / 2
    if center is None:
        center = (0.5 + float(rng.uniform(-room, room)), 0.5 + float(rng.uniform(-room, room)))
    return Picture(
        concept=name,
        style=style,
        size=side,
        center=center,
        rotation=float(rng.uniform(-25, 25)),
        flip=bool(rng.integers(2)),
    )


def _overlay(word: str, rng: np.random.Generator) -> Word:
    palette = list(captions.COLOURS.values())
    dark = bool(rng.integers(2))
    fonts = ("DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSans", "Anton-Regular")
    return Word(
        text=word,
        font=fonts[int(rng.integers(len(fonts)))],
        size=float(rng.uniform(0.2, 0.34)),
        center=(0.5 + float(rng.uniform(-0.2, 0.2)), float(rng.uniform(0.12, 0.88))),
        fill=(0, 0, 0) if dark else (255, 255, 255),
        background=None if rng.random() < 0.4 else (palette[0] if dark else palette[-1]),
    )


def _two_places(
    horizontal: bool, rng: np.random.Generator
) -> tuple[tuple[float, float], tuple[float, float]]:
    across = float(rng.uniform(0.35, 0.65))
    return ((0.26, across), (0.74, across)) if horizontal else ((across, 0.26), (across, 0.74))


def _ground(rng: np.random.Generator, *, light: bool = False) -> tuple[Background, str | None]:
    """A background, and its colour's name where the caption shall say it."""
    colours = [n for n in captions.COLOURS if not light or n not in ("black", "purple", "blue")]
    first, second = (colours[int(i)] for i in rng.integers(len(colours), size=2))
    kind = TRAINED_GROUNDS[int(rng.integers(len(TRAINED_GROUNDS)))]
    ground = Background(
        kind=kind,
        color=captions.COLOURS[first],
        second=captions.COLOURS[second],
        seed=int(rng.integers(1 << 31)),
    )
    return ground, first if kind == "plain" and rng.random() < 0.25 else None
