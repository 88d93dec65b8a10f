"""One batch of the wide domain: every concept in one image at most, and people.

Since no concept comes twice, no image is pushed away from a caption that is true of it too; where
an ink happens to match, or to be told wrong, the pair is named and counts neither way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from clipprobe.errors import ConfigError
from clipprobe.pretraining.batch import Batch, keep_patches
from clipprobe.pretraining.people import (
    occupation_sample,
    occupations_of,
    plain_sample,
    twin_of,
)
from clipprobe.pretraining.wide import things, written
from clipprobe.pretraining.wide.canvas import Canvas, blank
from clipprobe.pretraining.wide.said import Kind, Said
from clipprobe.stimuli import Background, Concept, Person, Scene, concepts, person_sprite

if TYPE_CHECKING:
    from clipprobe.pretraining.stages import WideMix


class Numbers(Protocol):
    """What a batch needs of :class:`clipprobe.pretraining.samples.BatchSpec`."""

    @property
    def seed(self) -> int: ...

    @property
    def size_px(self) -> int: ...

    @property
    def patch_px(self) -> int: ...

    @property
    def kept_patches(self) -> int: ...


#: Kinds by name, with the number of concepts that one image of it takes.
KINDS: dict[str, tuple[Kind, int]] = {
    "picture": (things.picture, 1),
    "drawing": (things.drawing, 1),
    "word": (written.word, 1),
    "letters": (written.letters, 0),
    "ink": (written.ink, 1),
    "blank_label": (written.blank_label, 1),
    "nonsense_label": (written.nonsense_label, 1),
    "matching_label": (written.matching_label, 1),
    "other_label": (written.other_label, 2),
    "two_things": (things.two_things, 2),
    "many_things": (things.many_things, 4),
    "number": (things.number, 1),
}
#: Share of images whose patches with things on them are seen before bare ones.
CONTENT_FIRST_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Shot:
    """One image with what it is called."""

    kind: str
    canvas: Canvas
    said: Said
    shown: tuple[str, ...] = ()
    """Concepts that it shows or spells."""


def draw_wide(spec: Numbers, mix: WideMix, step: int) -> Batch:
    """Draw and render the batch of one step."""
    shots = list(draw_shots(spec, mix, step))
    rng = np.random.default_rng([spec.seed, step, 6])
    more: list[tuple[int | None, str]] = []
    colours: dict[int, str] = {}  # of the captions that speak of an ink alone
    for i, shot in enumerate(shots):
        own = [(i, text) for text in shot.said.captions[1:]]
        for entry in (*own, *((None, text) for text in shot.said.wrong)):
            if entry[1] in shot.said.inks:
                colours[len(shots) + len(more)] = shot.said.inks[entry[1]]
            more.append(entry)
    grid = spec.size_px // spec.patch_px
    weight = rng.random((len(shots), grid, grid))
    for i, shot in enumerate(shots):
        tiled = np.stack([shot.canvas.writing, shot.canvas.things]).reshape(
            2, grid, spec.patch_px, grid, spec.patch_px
        )
        inked, covered = np.asarray(tiled.any(axis=(2, 4)))
        weight[i] += 2 * inked
        if rng.random() < CONTENT_FIRST_SHARE:
            weight[i] += covered
    return Batch(
        pixels=np.stack([np.asarray(shot.canvas.image) for shot in shots]),
        captions=[shot.said.captions[0] for shot in shots],
        letters=np.stack([shot.canvas.letters for shot in shots]),
        kept=keep_patches(weight, spec.kept_patches),
        kinds=[shot.kind for shot in shots],
        more=more,
        also=[
            (image, text)
            for text, colour in colours.items()
            for image, shot in enumerate(shots)
            if shot.said.ink == colour and more[text - len(shots)][0] != image
        ],
    )


def draw_shots(spec: Numbers, mix: WideMix, step: int) -> Iterator[Shot]:
    """Draw the images of one step, things first, then people."""
    rng = np.random.default_rng([spec.seed, step, 5])
    px = {"size_px": spec.size_px, "patch_px": spec.patch_px}
    names = concepts()
    deck = [names[int(i)] for i in rng.permutation(len(names))]
    for name, (kind, n_concepts) in KINDS.items():
        for _ in range(getattr(mix, name)):
            if len(deck) < n_concepts:
                raise ConfigError(f"{mix} needs more than the {len(names)} concepts there are.")
            members = [deck.pop() for _ in range(n_concepts)]
            if name == "number":
                members = [_countable(members[0], deck)]
            if name == "many_things" and rng.random() < 0.3:
                deck.insert(0, members.pop())
            canvas = blank(rng, **px)
            caption = kind(canvas, members, rng)
            canvas.finish(rng)
            yield Shot(name, canvas, caption, tuple(concept.name for concept in members))
    jobs = occupations_of(spec.seed, step, mix.n_occupations, twins=mix.twins)
    for first, second in zip(jobs[::2], jobs[1::2], strict=True):
        scene, text = occupation_sample(first, Background(), rng, spec.size_px)
        seed = int(rng.integers(1 << 31))  # of ground and finish, in which twins do not differ
        for twin in (scene, twin_of(scene, second)):
            yield Shot("person", _person(twin, np.random.default_rng(seed), px), Said([text]))
    for _ in range(mix.n_plain_people):
        scene, text = plain_sample(Background(), rng, spec.size_px)
        yield Shot("person", _person(scene, rng, px), Said([text]))


def _countable(concept: Concept, deck: list[Concept]) -> Concept:
    """The concept, or the next of the deck in its place, of which there can be several."""
    for _ in range(len(deck) + 1):
        if concept.kind == "count":
            return concept
        deck.insert(0, concept)
        concept = deck.pop()
    raise ConfigError("No concept is left of which there can be several: ask for fewer images.")


def _person(scene: Scene, rng: np.random.Generator, px: dict[str, int]) -> Canvas:
    (person,) = scene.items
    assert isinstance(person, Person)
    canvas = blank(rng, **px)
    drawing = person_sprite(
        person.gender,
        person.skin_tone,
        hair=person.hair,
        occupation=person.occupation,
        style=person.style,
        size=round(person.size * canvas.side),
    )
    if person.flip:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    drawing = drawing.rotate(person.rotation, Image.Resampling.BICUBIC, expand=True)
    canvas.paste(drawing, person.center)
    canvas.finish(rng)
    return canvas
