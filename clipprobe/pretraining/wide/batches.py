"""One batch of the wide domain: every concept in one image at most, and people.

Since no concept comes twice, no image is pushed away from a caption that is true of it too; where
an ink happens to match, or to be told wrong, the pair is named and counts neither way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clipprobe.errors import ConfigError
from clipprobe.pretraining.batch import Batch, ImageSpec, keep_patches
from clipprobe.pretraining.people import occupation_sample, occupations_of, plain_sample, twin_of
from clipprobe.pretraining.wide import texts, things
from clipprobe.pretraining.wide.canvas import Canvas, blank
from clipprobe.pretraining.wide.phrases import Wording
from clipprobe.stimuli import Background, Concept, Person, Scene, concepts
from clipprobe.stimuli.scenes import sprite_of

if TYPE_CHECKING:
    from clipprobe.pretraining.stages import WideMix

#: Draws an image with some concepts, and says what it is called.
Kind = Callable[[Canvas, Sequence[Concept], np.random.Generator], Wording]
#: Kinds by name, with the number of concepts that one image of it takes.
KINDS: dict[str, tuple[Kind, int]] = {
    "picture": (things.picture, 1),
    "drawing": (things.drawing, 1),
    "word": (texts.word, 1),
    "letters": (texts.letters, 0),
    "ink": (texts.ink, 1),
    "blank_label": (texts.blank_label, 1),
    "nonsense_label": (texts.nonsense_label, 1),
    "matching_label": (texts.matching_label, 1),
    "other_label": (texts.other_label, 2),
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
    wording: Wording
    concepts: tuple[str, ...] = ()
    """Those that it shows or spells."""


def draw_wide(spec: ImageSpec, mix: WideMix, step: int, n_patches: int) -> Batch:
    """Draw and render the batch of one step."""
    shots = list(draw_shots(spec, mix, step))
    rng = np.random.default_rng([spec.seed, step, 6])
    more: list[tuple[int | None, str]] = []
    colours: list[str | None] = []  # of those captions that speak of an ink alone
    for i, shot in enumerate(shots):
        entries: list[tuple[int | None, str]] = [(i, one) for one in shot.wording.captions[1:]]
        entries += [(None, one) for one in shot.wording.near_misses]
        more += entries
        colours += [shot.wording.inks.get(text) for _, text in entries]
    grid = spec.size_px // spec.patch_px
    weight = rng.random((len(shots), grid, grid))
    for i, shot in enumerate(shots):
        tiles = np.stack([shot.canvas.writing, shot.canvas.things]).reshape(
            2, grid, spec.patch_px, grid, spec.patch_px
        )
        ink, content = np.asarray(tiles.any(axis=(2, 4)))
        weight[i] += 2 * ink
        if rng.random() < CONTENT_FIRST_SHARE:
            weight[i] += content
    return Batch(
        pixels=np.stack([np.asarray(shot.canvas.image) for shot in shots]),
        captions=[shot.wording.captions[0] for shot in shots],
        letters=np.stack([shot.canvas.letters for shot in shots]),
        kept=keep_patches(weight, n_patches),
        kinds=[shot.kind for shot in shots],
        more=more,
        also=[
            (image, len(shots) + n)
            for n, ((owner, _), colour) in enumerate(zip(more, colours, strict=True))
            for image, shot in enumerate(shots)
            if shot.wording.ink == colour and owner != image
        ],
    )


def draw_shots(spec: ImageSpec, mix: WideMix, step: int) -> Iterator[Shot]:
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
        seed = int(rng.integers(1 << 31))  # of background and finish, in which twins do not differ
        for twin in (scene, twin_of(scene, second)):
            canvas = _person(twin, np.random.default_rng(seed), px)
            yield Shot("person", canvas, Wording([text]))
    for _ in range(mix.n_plain_people):
        scene, text = plain_sample(Background(), rng, spec.size_px)
        yield Shot("person", _person(scene, rng, px), Wording([text]))


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
    canvas.paste(sprite_of(person, canvas.side), person.center)
    canvas.finish(rng)
    return canvas
