"""One training batch: some concepts, each once and in some modality, people, and letter strings.

A batch never holds a concept twice, so that no caption is wrongly pushed away from an image it
also describes; people come in pairs of one occupation in late stages, where telling the two apart
is what the batch teaches. The same seed and step give the same batch on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from clipprobe.pretraining import captions
from clipprobe.pretraining.batch import Batch, ImageSpec, keep_patches
from clipprobe.pretraining.concept_scenes import concept_sample, draw_ground, draw_word
from clipprobe.pretraining.people import occupation_sample, occupations_of, plain_sample, twin_of
from clipprobe.pretraining.reading import IGNORE, letter_string, letter_targets, patches_of
from clipprobe.pretraining.stages import STAGES, Mix, Stage
from clipprobe.pretraining.wide.batches import draw_wide
from clipprobe.stimuli import Person, Picture, Scene, Word, concepts, render


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSpec(ImageSpec):
    """How batches are drawn."""

    n_concepts: int = 112
    n_occupations: int = 20
    """A divisor of the number of occupations, which take turns."""
    n_plain_people: int = 5
    n_letter_strings: int = 14
    """Images of letters that are not a word, captioned as they are spelled."""
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
        wide = self.stage(step).wide
        if wide is not None:
            return draw_wide(self, wide, step, self.kept_patches)
        return draw_batch(self, step, difficulty)


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch before it is rendered."""

    scenes: list[Scene]
    captions: list[str]
    kinds: list[str]

    def add(self, scene: Scene, caption: str, kind: str) -> None:
        """Plan one image more."""
        self.scenes.append(scene)
        self.captions.append(caption)
        self.kinds.append(kind)


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
    return Batch(
        pixels=pixels,
        captions=plan.captions,
        letters=letters,
        kept=keep_patches(weight, spec.kept_patches),
        kinds=plan.kinds,
    )


def plan_batch(spec: BatchSpec, step: int, difficulty: float) -> Plan:
    """Draw what the batch of one step shows and says."""
    rng = np.random.default_rng([spec.seed, step])
    ways = list(Mix.__dataclass_fields__)
    stage = spec.stage(step)
    shares = np.array([getattr(stage.mix, way) for way in ways])
    px = {"size_px": spec.size_px, "patch_px": spec.patch_px}
    names = concepts()
    order = rng.permutation(len(names))[: round(stage.concept_share * spec.n_concepts)]
    sampled = rng.choice(len(ways), size=len(order), p=shares / shares.sum())
    plan = Plan([], [], [])
    for index, kind in zip(order, sampled, strict=True):
        other = names[(int(index) + int(rng.integers(1, len(names)))) % len(names)]
        sample = concept_sample(names[index], other, ways[kind], difficulty, rng, stage, **px)
        plan.add(*sample, ways[kind])
    jobs = occupations_of(spec.seed, step, spec.n_occupations, twins=stage.twins)
    for i, job in enumerate(jobs):
        if stage.alike and i % 2:
            plan.add(twin_of(plan.scenes[-1], job), plan.captions[-1], "person")
        else:
            background, _ = draw_ground(rng, stage)
            plan.add(*occupation_sample(job, background, rng, spec.size_px), "person")
    for _ in range(spec.n_plain_people):
        plan.add(*plain_sample(draw_ground(rng, stage)[0], rng, spec.size_px), "person")
    words = [concept.name for concept in names]
    for _ in range(spec.n_letter_strings):
        string = letter_string(words, rng)
        scene = draw_word(string, difficulty, rng, stage, **px)
        plan.add(scene, captions.spelled(string, rng), "letters")
    return plan
