"""Tasks of one thing by name: look-alikes, digits and letters, and things that are hard to see.

What is held out is the copy: its scenes, and the sentence around the name. So the probe of the text
tower reads a name in a sentence that did not fit it, and that of the image tower a thing on a
background and at a place that did not. Intervals resample the things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, ImageFilter

from clipprobe.stimuli import Picture, Rendered, Word, concept
from clipprobe.stimuli.scenes import Item
from clipprobe.stimuli.splits import UNSEEN_FONTS, UNSEEN_STYLES
from clipprobe.zeroshot.limits.questions import ImageQuestion
from clipprobe.zeroshot.limits.staging import Make, Rng, near, objects, scene_of

SENTENCES = (
    "{}", "a photo of {}", "a picture of {}", "an image of {}", "this is {}", "here is {}",
    "look at {}", "there is {} here", "a photo showing {}", "{} in a picture", "{} on display",
    "a small picture of {}",
)  # fmt: skip
N_OPTIONS = 4
_FEWEST = 8
"""Copies, with which what is held out leaves enough to choose a ridge on."""
LOOK_ALIKES = (
    ("dog", "wolf"), ("mouse", "hamster"), ("camel", "llama"), ("duck", "swan"),
    ("chicken", "rooster"), ("crab", "lobster"), ("whale", "dolphin"), ("monkey", "gorilla"),
    ("car", "taxi"), ("boat", "ship"), ("orange", "peach"), ("rose", "tulip"),
)  # fmt: skip
_DIGITS, _LETTERS = "0123456789", "AEHKMRSTWX"

Show = Callable[[str, Rng], Sequence[Item]]
Damage = Callable[[Rendered], Image.Image]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Name:
    """A thing that can be asked for."""

    name: str
    phrase: str
    code: int
    others: tuple[str, ...]
    """What it may be confused with."""
    cluster: str


def _questions(
    names: Sequence[_Name], show: Show, damage: Callable[[Rng], Damage] | None = None
) -> Make:
    """Each thing in every copy, among some that it may be confused with."""
    by_name = {one.name: one for one in names}

    def make(scenes: int, rng: Rng, size_px: int) -> Iterator[ImageQuestion]:
        for copy in range(max(_FEWEST, 3 * scenes)):
            sentence = SENTENCES[copy % len(SENTENCES)]
            for one in names:
                others = rng.permutation(len(one.others))[: N_OPTIONS - 1]
                options = [one, *(by_name[one.others[i]] for i in others)]
                yield ImageQuestion(
                    scene=scene_of(show(one.name, rng), rng, size_px),
                    options=tuple(sentence.format(option.phrase) for option in options),
                    truth=0,
                    codes=tuple((option.code,) for option in options),
                    group=f"copy {copy}",
                    wording="name",
                    cluster=one.cluster,
                    damage=None if damage is None else damage(rng),
                )

    return make


def look_alikes() -> Make:
    """Two things of one kind: which is it?"""
    names = [
        _Name(
            name=name, phrase=concept(name).phrase, code=2 * number + place,
            others=(pair[1 - place],), cluster=" or ".join(pair),
        )
        for number, pair in enumerate(LOOK_ALIKES)
        for place, name in enumerate(pair)
    ]  # fmt: skip
    return _questions(names, lambda name, rng: [_rendering(name, rng)])


def characters() -> Make:
    """One digit among digits, or one letter among letters, in fonts that were not trained on."""
    names = [
        _Name(
            name=one, phrase=f"the {kind} {one}", code=10 * number + place,
            others=tuple(other for other in row if other != one), cluster=one,
        )
        for number, (kind, row) in enumerate((("digit", _DIGITS), ("letter", _LETTERS)))
        for place, one in enumerate(row)
    ]  # fmt: skip

    def show(name: str, rng: Rng) -> Sequence[Item]:
        font = UNSEEN_FONTS[int(rng.integers(len(UNSEEN_FONTS)))]
        return [Word(text=name, font=font, size=0.6, center=near(rng, 0.5, 0.5))]

    return _questions(names, show)


def things(
    size: float = 0.62,
    *,
    style: str = "noto",
    turned: bool = False,
    before_another: bool = False,
    damage: Callable[[Rng], Damage] | None = None,
) -> Make:
    """One of twelve things among four, made hard to see in one way.

    Args:
        size: Side of the thing, as a fraction of the image's.
        turned: By 60 to 300 degrees.
        before_another: In front of a much larger thing that is not among the options.
        damage: What is done to the image, given its mask.
    """
    known = objects()
    names = [
        _Name(
            name=one.name, phrase=one.phrase, code=place,
            others=tuple(other.name for other in known if other is not one), cluster=one.name,
        )
        for place, one in enumerate(known)
    ]  # fmt: skip
    # What stands behind says nothing of the answer: it is drawn from things that are not an option.
    behind = sorted({name for pair in LOOK_ALIKES for name in pair} - {one.name for one in known})

    def show(name: str, rng: Rng) -> Sequence[Item]:
        angle = float(rng.uniform(60, 300)) if turned else 0.0
        image = _rendering(name, rng, size=size, style=style, rotation=angle)
        if not before_another:
            return [image]
        other = behind[int(rng.integers(len(behind)))]
        return [_rendering(other, rng, size=1.7), image]

    return _questions(names, show, damage)


def _rendering(
    name: str, rng: Rng, *, size: float = 0.62, style: str = "noto", rotation: float = 0.0
) -> Picture:
    return Picture(
        concept=name, style=style, size=size, rotation=rotation, center=near(rng, 0.5, 0.5)
    )


def blurred(share: float) -> Callable[[Rng], Damage]:
    """Gaussian blur; ``share`` is its standard deviation over the side of the image."""

    def damage(rendered: Rendered) -> Image.Image:
        return rendered.image.filter(ImageFilter.GaussianBlur(share * rendered.image.width))

    return lambda rng: damage


def hidden(share: float) -> Callable[[Rng], Damage]:
    """A grey board before the thing, from a random side, over a known share of its pixels."""

    def damage(angle: float, rendered: Rendered) -> Image.Image:
        mask = rendered.masks[-1]
        y, x = np.nonzero(mask)
        # Ranks along one direction, so that the share is exact whatever the shape.
        along = np.cos(angle) * x + np.sin(angle) * y
        cut = np.sort(along)[min(round(share * len(along)), len(along) - 1)]
        rows, columns = np.mgrid[y.min() : y.max() + 1, x.min() : x.max() + 1]
        board = np.cos(angle) * columns + np.sin(angle) * rows < cut
        pixels = np.array(rendered.image)
        pixels[rows[board], columns[board]] = 128
        return Image.fromarray(pixels)

    return lambda rng: partial(damage, float(rng.uniform(0, 2 * np.pi)))


def among_noise() -> Callable[[Rng], Damage]:
    """Every pixel outside the mask of the thing is noise."""

    def damage(seed: int, rendered: Rendered) -> Image.Image:
        pixels = np.array(rendered.image)
        noise = np.random.default_rng(seed).integers(0, 256, pixels.shape, np.uint8)
        return Image.fromarray(np.where(rendered.masks[-1][..., None], pixels, noise))

    return lambda rng: partial(damage, int(rng.integers(1 << 31)))


OTHER_STYLE = UNSEEN_STYLES[0]
