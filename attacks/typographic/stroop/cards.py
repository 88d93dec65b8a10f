"""Stroop cards: a colour word in coloured ink.

Terms. *Ink*: the colour of the letters. *Word*: what they spell. A card is *congruent* where both
are the same, *incongruent* where the word is another colour, a *control* where the word is not a
colour (``example``, as in Goh et al. 2021), *nonsense* where it means nothing at all.

Four presentations of the same card: ``upright``; ``mirrored`` (left and right exchanged);
``inverted`` (turned upside down, by 180 degrees); ``negative`` (figure and ground exchanged: the
field has the ink's colour and the letters have the ground's). Colours are never complemented: the
ink keeps its name in all four.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from attacks.typographic.attack.controls import nonsense_word
from attacks.typographic.stroop.settings import CONTROL, FONTS, GROUNDS, PRESENTATIONS, SIZES
from clipprobe.errors import ConfigError
from clipprobe.statistics.seeds import rng
from clipprobe.stimuli.text import draw_text, rgb, writable
from clipprobe.stimuli.text.draw import Color

#: The eight colours of Goh et al. 2021; red, green, blue from 0 to 255.
COLOURS: Mapping[str, Color] = {
    "black": (20, 20, 20),
    "red": (220, 30, 35),
    "green": (30, 150, 50),
    "blue": (35, 80, 215),
    "purple": (130, 45, 165),
    "orange": (245, 135, 15),
    "pink": (250, 130, 180),
    "yellow": (250, 220, 30),
}
#: Ink and ground must differ by so much in some channel, of 255, or the word cannot be seen.
LEAST_CONTRAST = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One card, fully described."""

    ink: str
    """Name of the letters' colour."""
    word: str
    kind: str
    """``congruent``, ``incongruent``, ``control`` or ``nonsense``."""
    presentation: str
    variant: int
    """Cards of one number share font, size, place and rank of the ground, whatever their word."""
    font: str
    size: float
    """Line height as a fraction of the side."""
    ground: Color
    place: tuple[float, float]
    """Share of the free room to the left of the word and above it."""

    @property
    def id(self) -> str:
        """Unique among the cards of one audit."""
        return f"{self.presentation}/{self.ink}_{self.word}_{self.variant}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deck:
    """What the cards of an audit are made from."""

    colours: Mapping[str, Color]
    control: str = CONTROL
    nonsense: int = 2
    """How many nonsense words."""
    fonts: tuple[str, ...] = FONTS
    sizes: tuple[float, ...] = SIZES
    grounds: tuple[Color, ...] = GROUNDS
    presentations: tuple[str, ...] = PRESENTATIONS
    variants: int = 4
    """Cards of each ink, word and presentation."""
    seed: int = 0

    def check(self) -> None:
        """Refuse what cannot be drawn or asked.

        Raises:
            ConfigError: fewer than two colours, a control that is a colour, a background on which
                no ink shows, or a number out of range.
            GlyphError: a font lacks a letter of a word.
        """
        if len(self.colours) < 2:
            raise ConfigError(
                f"A Stroop test needs at least two colours, {len(self.colours)} was given."
            )
        if self.control.lower() in {name.lower() for name in self.colours}:
            raise ConfigError(f"The control word {self.control!r} is a colour: give another word.")
        for name in self.presentations:
            if name not in PRESENTATIONS:
                raise ConfigError(
                    f"There is no presentation {name!r}: use {', '.join(PRESENTATIONS)}."
                )
        for what in ("fonts", "sizes", "grounds", "presentations"):
            if not getattr(self, what):
                raise ConfigError(f"No {what} were given: give at least one.")
        if self.variants < 1 or self.nonsense < 0:
            raise ConfigError("variants must be at least 1 and nonsense at least 0.")
        if not all(0 < size <= 1 for size in self.sizes):
            raise ConfigError(f"The sizes {self.sizes} must be fractions of the side, up to 1.")
        for ink, color in self.colours.items():
            if not self.grounds_for(color):
                raise ConfigError(
                    f"The ink {ink!r} shows on none of the grounds: add one that differs from it."
                )
        for font in self.fonts:
            for word in self.words():
                writable(word, font)

    def words(self) -> list[str]:
        """Colour words, the control, nonsense words."""
        return [*self.colours, self.control, *self.nonsense_words()]

    def nonsense_words(self) -> list[str]:
        """Words of the length and rhythm of colour words that mean nothing here."""
        names, used = list(self.colours), {name.lower() for name in (*self.colours, self.control)}
        words: list[str] = []
        for i in range(self.nonsense):
            word = nonsense_word(
                names[i % len(names)],
                known=lambda text: text.lower() in used,
                key=(self.seed, "stroop", i),
            )
            if word is not None:
                words.append(word)
                used.add(word.lower())
        return words

    def grounds_for(self, ink: Color) -> list[Color]:
        """The grounds on which an ink can be seen."""
        return [g for g in self.grounds if _contrast(ink, g) >= LEAST_CONTRAST]

    def cards(self) -> list[Card]:
        """Every card, ordered by presentation, ink, word and variant."""
        nonsense = set(self.nonsense_words())
        designs = [self._design(v) for v in range(self.variants)]
        cards = []
        for presentation in self.presentations:
            for ink, color in self.colours.items():
                grounds = self.grounds_for(color)
                for word in self.words():
                    kind = "congruent" if word == ink else "incongruent"
                    if word == self.control or word in nonsense:
                        kind = "control" if word == self.control else "nonsense"
                    cards += [
                        Card(
                            ink=ink,
                            word=word,
                            kind=kind,
                            presentation=presentation,
                            variant=v,
                            ground=grounds[v % len(grounds)],
                            **design,
                        )
                        for v, design in enumerate(designs)
                    ]
        return cards

    def _design(self, variant: int) -> dict[str, Any]:
        """Font, size and place of one variant; each is used equally often."""
        x, y = rng(self.seed, "stroop", variant).integers(0, 101, size=2) / 100
        return {
            "font": self.fonts[variant % len(self.fonts)],
            "size": self.sizes[(variant // len(self.fonts) + variant) % len(self.sizes)],
            "place": (float(x), float(y)),
        }


def draw_card(card: Card, colours: Mapping[str, Color], side: int) -> Image.Image:
    """The image of a card, ``side`` x ``side`` pixels.

    Raises:
        TextFitError: the word does not fit at a legible size.
    """
    ink: Color = colours[card.ink]
    figure, ground = (card.ground, ink) if card.presentation == "negative" else (ink, card.ground)
    canvas = Image.new("RGB", (side, side), rgb(ground))
    margin = max(1, side // 16)
    frame = (margin, margin, side - margin, side - margin)
    # Drawn once at the centre to learn the size of the ink, then at its place.
    centred = draw_text(
        canvas, card.word, font=card.font, size=card.size * side, fill=figure, within=frame
    )
    x0, y0, x1, y1 = centred.boxes[0]
    xy = tuple(
        frame[axis] + round(share * (frame[axis + 2] - frame[axis] - extent))
        for axis, (share, extent) in enumerate(zip(card.place, (x1 - x0, y1 - y0), strict=True))
    )
    label = draw_text(
        canvas, card.word, font=card.font, size=centred.size_px, fill=figure, xy=(xy[0], xy[1])
    ).image
    if card.presentation == "mirrored":
        return label.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if card.presentation == "inverted":
        return label.transpose(Image.Transpose.ROTATE_180)
    return label


def checked_colours(colours: Mapping[str, Color] | Sequence[str] | None) -> dict[str, Color]:
    """Names and values of the inks; a name alone is a colour that Pillow knows.

    Raises:
        ConfigError: a colour is unknown, or stands twice.
    """
    if colours is None:
        return dict(COLOURS)
    if isinstance(colours, Mapping):
        return {name: rgb(value) for name, value in colours.items()}
    inks: dict[str, Color] = {}
    for name in colours:
        if name in inks:
            raise ConfigError(f"The colour {name!r} was given twice: keep one of them.")
        inks[name] = COLOURS.get(name) or rgb(name)
    return inks


def _contrast(a: Color, b: Color) -> int:
    return int(np.abs(np.subtract(rgb(a), rgb(b))).max())
