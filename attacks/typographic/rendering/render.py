"""From cases to images and scores: worker threads decode and draw, the caller encodes.

What is drawn, and its order, depend on the cases alone; so the numbers are the same for one worker
or four, and for a resumed run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.attack.controls import CONDITIONS, with_controls
from attacks.typographic.attack.result import AttackedImage, letterboxed
from attacks.typographic.rendering.cases import Case
from clipprobe.data import Failure, decode_image
from clipprobe.errors import ConfigError, TextFitError, UnreadableImageError
from clipprobe.stimuli.text import Box
from clipprobe.zeroshot.classes import Classes, key
from clipprobe.zeroshot.text_bank import TextEncoder

DrawAt = Literal["model", "image"]
#: Bytes of an image's SHA-256 that are kept: two of a billion meet with probability 1e-21.
DIGEST_BYTES = 16
Floats = npt.NDArray[np.float32]


class Encoder(TextEncoder, Protocol):
    """The part of :class:`clipprobe.Clip` that an audit uses."""

    preprocess: Any

    def encode_images(self, images: Iterable[object], *, batch_size: int = 32) -> Floats: ...

    def logits(self, images: Any, texts: Any) -> Floats: ...

    def provenance(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What one image shows besides its object."""

    condition: str
    """``clean``, ``attack``, or a control."""
    word: str = ""
    """The attack word that it belongs to; empty for the clean image."""
    text: str = ""
    """What is written on it."""
    box: Box | None = None
    """Ink box of the first copy, in pixels of the image that was drawn on."""
    size_px: float | None = None
    """Line height after fitting, in the same pixels."""
    ink: float | None = None
    """Share of the image's pixels that the text (or the blank label) covers."""
    pixels: str = ""
    """Digest of the image as the model gets it: equal digests are equal images."""


@dataclass(frozen=True, slots=True)
class SizedImage:
    """One image at the model's size, and what it shows."""

    image: Image.Image
    caption: Caption


class Bases:
    """Decoded images that a sweep draws on again and again, as many as fit in the memory given.

    The first ones stay: images come in the same order for every cell, so that throwing out the
    oldest would throw out each one just before it is asked for.
    """

    def __init__(self, max_bytes: int = 0) -> None:
        self._room, self._images = max_bytes, dict[str, Image.Image]()

    def get(self, case: Case, make: Callable[[], Image.Image]) -> Image.Image:
        """The image of a case, made by ``make`` where it is not kept."""
        kept_base = self._images.get(case.record.id)
        if kept_base is not None:
            return kept_base
        base = make()
        size = 3 * base.width * base.height
        if size <= self._room:  # two threads that both pass here exceed the room by one image
            self._room -= size
            self._images[case.record.id] = base
        return base


@dataclass(frozen=True, kw_only=True)
class Renderer:
    """Draws the conditions of a case; called from several threads at once."""

    clip: Encoder
    classes: Classes
    attack: TypographicAttack
    """The attack with any word; its word is replaced."""
    words: Collection[str]
    """What means something beside the classes: no control writes it."""
    seed: int
    draw_at: DrawAt
    kinds: Collection[str] = CONDITIONS
    """Which of the attack and its controls are drawn."""
    bases: Bases = field(default_factory=Bases)
    unwritten: Collection[str] = frozenset()
    """Words that cannot be written; an image of such a class has no control with the true word."""

    def known(self, word: str) -> bool:
        """Whether a control word would mean something here: a class, a synonym, a word."""
        return key(word) in self._words or self.classes.known(word)

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(map(key, self.words))

    def check(self) -> None:
        """Make sure that what is drawn at the model's size reaches the model as it is.

        Raises:
            ConfigError: the model would crop or enlarge it again.
        """
        if self.draw_at == "model" and not self._stays(self._grid(Image.new("RGB", (96, 64)))):
            raise ConfigError(
                "This model crops or enlarges even an image of its own size, so text cannot be "
                "drawn on what it sees: draw at the image instead (draw_at='image')."
            )

    def base(self, case: Case) -> Image.Image:
        """The image that is drawn on.

        Raises:
            UnreadableImageError: it cannot be decoded.
        """

        def decoded() -> Image.Image:
            image = decode_image(case.record)
            return self._grid(image) if self.draw_at == "model" else image

        return self.bases.get(case, decoded)

    def clean(self, case: Case) -> list[SizedImage]:
        """The image as it is: the clean one, or the photograph with whatever is on it.

        Raises:
            UnreadableImageError: the image cannot be decoded.
        """
        return [self._as_it_is(case, self.base(case))]

    def written(self, case: Case, words: Sequence[str], *, clean: bool) -> list[SizedImage]:
        """For each word the attack and its controls, after the clean image if it is wanted.

        A control that does not exist for a word (``$$$`` cannot be scrambled) is left out.

        Raises:
            UnreadableImageError: the image cannot be decoded.
            TextFitError: a word does not fit on it.
        """
        base = self.base(case)
        shots = [self._as_it_is(case, base)] if clean else []
        for word in words:
            for kind, attacked in self.conditions(case, base, word):
                image = self._view(attacked.image, base)
                caption = Caption(
                    condition=kind,
                    word=word,
                    text=attacked.spec["text"],
                    box=attacked.boxes[0],
                    size_px=attacked.spec["size_px"],
                    ink=float(attacked.mask.mean()),
                    pixels=digest(image),
                )
                shots.append(SizedImage(image, caption))
        return shots

    def attacked(self, case: Case, word: str) -> Image.Image:
        """The image with the attack alone, as the model gets it.

        Raises:
            UnreadableImageError, TextFitError: see :meth:`written`.
        """
        base = self.base(case)
        attacked = self.attack.with_word(word)(base, image_id=f"{case.record.id}\x1f{word}").image
        return self._view(attacked, base)

    def _view(self, attacked: Image.Image, base: Image.Image) -> Image.Image:
        """The drawn image as the model gets it."""
        if attacked.size != base.size:  # it has bands, which a square crop would cut away
            return self._grid(letterboxed(attacked, base.size))
        # What was drawn on at the model's size stays at it.
        return self._grid(attacked) if self.draw_at == "image" else attacked

    def conditions(
        self, case: Case, base: Image.Image, word: str
    ) -> Iterator[tuple[str, AttackedImage]]:
        """The attack with one word and its controls, on ``base``, one at a time."""
        label = self.classes.names[case.label]
        return with_controls(
            self.attack.with_word(word),
            base,
            true_word=None if label in self.unwritten else label,
            known=self.known,
            key=(self.seed, case.record.id),
            image_id=f"{case.record.id}\x1f{word}",
            kinds=self.kinds,
        )

    def _as_it_is(self, case: Case, base: Image.Image) -> SizedImage:
        image, word = self._grid(base), case.word or ""
        return SizedImage(
            image, Caption(condition="clean", word=word, text=word, pixels=digest(image))
        )

    def _grid(self, image: Image.Image) -> Image.Image:
        """The image as the model sees it, or as it is where the model would change that again."""
        if self._stays(image):
            return image
        grid: Image.Image = self.clip.preprocess.to_grid(image)
        return grid if self._stays(grid) else image

    def _stays(self, image: Image.Image) -> bool:
        return bool(self.clip.preprocess.keeps(image.height, image.width))


def digest(image: Image.Image) -> str:
    """Name of an image's pixels: the first 32 hexadecimal digits of their SHA-256."""
    digest_of = hashlib.sha256(f"{image.mode} {image.width}x{image.height} ".encode())
    digest_of.update(image.tobytes())
    return digest_of.hexdigest()[: 2 * DIGEST_BYTES]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a case has no result; nothing of a case that fails is used."""

    failure: Failure
    unreadable: bool
    """Whether the image could not be decoded; else it was decoded and left out."""


def attempt(render: Callable[[Case], list[SizedImage]], case: Case) -> list[SizedImage] | Problem:
    """The shots of a case, or why it has none."""
    try:
        return render(case)
    except (UnreadableImageError, TextFitError) as error:
        unreadable = isinstance(error, UnreadableImageError)
        return Problem(Failure(case.record.id, str(error)), unreadable)
