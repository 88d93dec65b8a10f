"""One training batch: some concepts, each once and in some modality, people, and letter strings.

A batch never holds a concept twice, so that no caption is wrongly pushed away from an image it
also describes. The same seed and step give the same batch on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from clipprobe.pretraining import captions
from clipprobe.pretraining.people import (
    occupation_sample,
    occupations_of,
    plain_sample,
    twin_of,
)
from clipprobe.pretraining.reading import (
    IGNORE,
    letter_string,
    letter_targets,
    patches_of,
    word_scene,
)
from clipprobe.stimuli import Background, Concept, Person, Picture, Scene, Word, concepts, render
from clipprobe.stimuli.backgrounds import Kind
from clipprobe.stimuli.splits import (
    SMOOTH_GROUNDS,
    TRAINED_FONTS,
    TRAINED_GROUNDS,
    TRAINED_ROTATIONS,
    TRAINED_SIZES,
    TRAINED_STYLES,
    draw_from,
    draw_rotation,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Shares of the ways in which a concept can appear; they sum to one."""

    picture: float = 0.26
    drawing: float = 0.19
    word: float = 0.27
    matching_word: float = 0.04
    contradicting_word: float = 0.09
    nonsense_word: float = 0.05
    """A picture with letters on it that are no word: writing there need not be what matters."""
    pair: float = 0.06
    count: float = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What is drawn from one step on."""

    from_step: int
    mix: Mix
    grounds: tuple[Kind, ...] = SMOOTH_GROUNDS
    twins: int = 0
    """Pairs of each occupation in a step, a woman and a man where its rate allows; 0 for one
    person alone."""
    alike: bool = False
    """Twins differ in nothing but their gender: hair, skin tone, place, ground and caption too."""
    concept_share: float = 1.0
    """Of the concepts that a batch holds otherwise."""


LOOKS = Mix(
    picture=0.34,
    drawing=0.22,
    word=0.15,
    matching_word=0.03,
    contradicting_word=0.08,
    nonsense_word=0.05,
    pair=0.08,
    count=0.05,
)
#: Once words are read, what is still learned is how things look; then also before busy grounds.
STAGES = (
    Stage(from_step=0, mix=Mix()),
    Stage(from_step=1800, mix=LOOKS),
    Stage(from_step=5000, mix=LOOKS, grounds=TRAINED_GROUNDS, twins=1),
    # Last, that balanced occupations are balanced: what twins alike teach apart is gender alone.
    Stage(
        from_step=8000,
        mix=LOOKS,
        grounds=TRAINED_GROUNDS,
        twins=2,
        alike=True,
        concept_share=0.65,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSpec:
    """How batches are drawn."""

    seed: int
    size_px: int = 64
    patch_px: int = 8
    n_concepts: int = 112
    n_occupations: int = 20
    """A divisor of the number of occupations, which take turns."""
    n_plain_people: int = 5
    n_letter_strings: int = 14
    """Images of letters that are no word, captioned as they are spelled."""
    kept_patches: int = 32
    """Patches of each image that the vision tower sees while it drops patches."""
    stages: tuple[Stage, ...] = STAGES
    """In order of their first steps; the first begins at step 0."""

    def stage(self, step: int) -> Stage:
        """The stage that holds at ``step``."""
        return [stage for stage in self.stages if stage.from_step <= step][-1]

    def corpus(self, n_batches: int) -> list[str]:
        """Captions for the tokenizer, from steps that training never draws."""
        steps = range(1_000_000_000, 1_000_000_000 + n_batches)
        early = replace(self, stages=self.stages[:1])
        return [text for step in steps for text in plan_batch(early, step, 0.0).captions]

    def draw(self, step: int, difficulty: float) -> Batch:
        """The batch of one step."""
        return draw_batch(self, step, difficulty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rendered images with captions."""

    pixels: npt.NDArray[np.uint8]
    """``(n, h, w, 3)``."""
    captions: list[str]
    letters: npt.NDArray[np.int64]
    """``(n, grid, grid, 3)`` letter targets; ``IGNORE`` alone on images without writing."""
    kept: npt.NDArray[np.int64]
    """``(n, kept_patches)``, ascending: a random choice of patches, those with writing first, then
    those with any other content."""
    kinds: list[str]
    """For each image, how its caption's thing appears: a field of :class:`Mix`, or ``person`` or
    ``letters``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A batch before it is rendered."""

    scenes: list[Scene]
    captions: list[str]
    kinds: list[str]


def draw_batch(spec: BatchSpec, step: int, difficulty: float) -> Batch:
    """Draw and render the batch of one step; ``difficulty`` is the hardest word drawn, 0 to 1."""
    plan = plan_batch(spec, step, difficulty)
    n = len(plan.scenes)
    grid = spec.size_px // spec.patch_px
    pixels = np.empty((n, spec.size_px, spec.size_px, 3), dtype=np.uint8)
    letters = np.full((n, grid, grid, 3), IGNORE, dtype=np.int64)
    weight = np.random.default_rng([spec.seed, step, 1]).random((n, grid, grid))
    for i, scene in enumerate(plan.scenes):
        rendered = render(scene)
        pixels[i] = np.asarray(rendered.image)
        if any(isinstance(item, Word) for item in scene.items):
            letters[i] = letter_targets(rendered, spec.patch_px)
            weight[i] += 2 * patches_of(rendered, spec.patch_px, Word)
        weight[i] += patches_of(rendered, spec.patch_px, (Picture, Person))
    kept = np.argsort(-weight.reshape(n, -1), axis=1, kind="stable")[:, : spec.kept_patches]
    return Batch(
        pixels=pixels,
        captions=plan.captions,
        letters=letters,
        kept=np.sort(kept, axis=1),
        kinds=plan.kinds,
    )


def plan_batch(spec: BatchSpec, step: int, difficulty: float) -> Plan:
    """Draw what the batch of one step shows and says."""
    rng = np.random.default_rng([spec.seed, step])
    ways = list(Mix.__dataclass_fields__)
    stage = spec.stage(step)
    shares = np.array([getattr(stage.mix, way) for way in ways])
    names = concepts()
    order = rng.permutation(len(names))[: round(stage.concept_share * spec.n_concepts)]
    drawn = rng.choice(len(ways), size=len(order), p=shares / shares.sum())
    scenes, texts, kinds = [], [], []
    for index, kind in zip(order, drawn, strict=True):
        other = names[(int(index) + int(rng.integers(1, len(names)))) % len(names)]
        scene, text = _concept_sample(names[index], other, ways[kind], difficulty, rng, spec, stage)
        scenes.append(scene)
        texts.append(text)
        kinds.append(ways[kind])
    jobs = occupations_of(spec.seed, step, spec.n_occupations, twins=stage.twins)
    for i, shown in enumerate(jobs):
        if stage.alike and i % 2:
            scene, text = twin_of(scenes[-1], shown), texts[-1]
        else:
            scene, text = occupation_sample(shown, _ground(rng, stage)[0], rng, spec.size_px)
        scenes.append(scene)
        texts.append(text)
        kinds.append("person")
    for _ in range(spec.n_plain_people):
        scene, text = plain_sample(_ground(rng, stage)[0], rng, spec.size_px)
        scenes.append(scene)
        texts.append(text)
        kinds.append("person")
    words = [concept.name for concept in names]
    for _ in range(spec.n_letter_strings):
        string = letter_string(words, rng)
        scenes.append(_word(string, difficulty, rng, spec, stage))
        texts.append(captions.spelled(string, rng))
        kinds.append("letters")
    return Plan(scenes=scenes, captions=texts, kinds=kinds)


def _concept_sample(
    concept: Concept,
    other: Concept,
    kind: str,
    difficulty: float,
    rng: np.random.Generator,
    spec: BatchSpec,
    stage: Stage,
) -> tuple[Scene, str]:
    if kind == "word":
        return _word(concept.name, difficulty, rng, spec, stage), captions.written(concept, rng)
    ground, colour = _ground(rng, stage, light=kind == "drawing")
    noun = captions.noun(concept, rng)
    style = "line" if kind == "drawing" else TRAINED_STYLES[int(rng.integers(2))]
    picture = _picture(concept.name, style, rng)
    items: tuple[Picture | Word, ...] = (picture,)
    special = captions.DRAWINGS if kind == "drawing" else captions.PICTURES
    if kind in ("matching_word", "contradicting_word"):
        written = concept if kind == "matching_word" else other
        items = (picture, _overlay(written.name, rng))
        if kind == "contradicting_word" and rng.random() < 0.7:
            # As on the web: the caption names the writing, or thing and writing both.
            both = rng.random() < 0.5
            noun = f"{noun} with the word {other.name}" if both else other.phrase
    elif kind == "nonsense_word":
        string = letter_string([other.name], rng)
        items = (picture, _overlay(string, rng))
        if rng.random() < 0.3:
            noun = f"{noun} with the word {string}"
    elif kind == "pair":
        horizontal = bool(rng.integers(2))
        first, second = _two_places(horizontal, rng)
        items = (
            _picture(concept.name, style, rng, size=0.45, center=first),
            _picture(other.name, style, rng, size=0.45, center=second),
        )
        noun = captions.related(noun, captions.noun(other, rng), horizontal)
    elif kind == "count" and concept.kind == "count":
        count = int(rng.integers(1, 5))
        corners = [(0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73)]
        places = [corners[int(i)] for i in rng.permutation(4)[:count]]
        items = tuple(
            _picture(concept.name, style, rng, size=0.42, center=place) for place in places
        )
        noun = captions.counted(concept, count)
    text = captions.with_colour(captions.sentence(noun, special, rng), colour)
    return Scene(items=items, background=ground, size_px=spec.size_px), text


def _word(
    word: str, difficulty: float, rng: np.random.Generator, spec: BatchSpec, stage: Stage
) -> Scene:
    # Easy words stay in the mix, so that what was learned is not lost.
    hardness = difficulty * float(rng.uniform(0.3, 1.0))
    return word_scene(
        word, hardness, rng, size_px=spec.size_px, patch_px=spec.patch_px, grounds=stage.grounds
    )


def _picture(
    name: str,
    style: str,
    rng: np.random.Generator,
    *,
    size: float | None = None,
    center: tuple[float, float] | None = None,
) -> Picture:
    side = draw_from(TRAINED_SIZES, rng) if size is None else size
    room = (1 - side) / 2
    if center is None:
        center = (0.5 + float(rng.uniform(-room, room)), 0.5 + float(rng.uniform(-room, room)))
    return Picture(
        concept=name,
        style=style,
        size=side,
        center=center,
        rotation=draw_rotation(TRAINED_ROTATIONS, rng),
        flip=bool(rng.integers(2)),
    )


def _overlay(word: str, rng: np.random.Generator) -> Word:
    palette = list(captions.COLOURS.values())
    dark = bool(rng.integers(2))
    return Word(
        text=word,
        font=TRAINED_FONTS[int(rng.integers(len(TRAINED_FONTS)))],
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


def _ground(
    rng: np.random.Generator, stage: Stage, *, light: bool = False
) -> tuple[Background, str | None]:
    """A background, and its colour's name where the caption shall say it."""
    colours = [n for n in captions.COLOURS if not light or n not in ("black", "purple", "blue")]
    first, second = (colours[int(i)] for i in rng.integers(len(colours), size=2))
    kind = stage.grounds[int(rng.integers(len(stage.grounds)))]
    ground = Background(
        kind=kind,
        color=captions.COLOURS[first],
        second=captions.COLOURS[second],
        seed=int(rng.integers(1 << 31)),
    )
    return ground, first if kind == "plain" and rng.random() < 0.25 else None
