"""Pictures of concepts and people, cut from the bundled sprite sheets.

Styles: ``noto`` and ``twemoji`` (colour; used to train the bundled model), ``fluent`` (colour;
never trained on, so it can test an unseen style) and ``line`` (black strokes, from the monochrome
Noto Emoji font). Two older families, ``emojione`` and ``noto-v1``, know most of the concepts and
are drawn from in training alone. Licences lie beside the sheets in ``clipprobe/assets/sprites``.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from PIL import Image

from clipprobe.errors import ConfigError
from clipprobe.stimuli.concepts import concept

ASSETS = Path(__file__).parent.parent / "assets" / "sprites"
CELL = 128
PERSON_CELL = 96
#: Cells that are never shown larger than the bundled model sees them.
SMALL_CELL = 64
SHEET_COLUMNS = 16
COLOUR_STYLES = ("noto", "twemoji", "fluent")
STYLES = (*COLOUR_STYLES, "line")
#: Colour styles of which training has some pictures more; not every concept has one.
TRAINING_STYLES = ("emojione", "noto-v1")
PEOPLE_STYLES = ("noto", "twemoji")


def person_key(gender: str, skin_tone: str, *, hair: str = "", occupation: str = "") -> str:
    """Name the sprite of one person, such as ``woman/dark`` or ``man/light/red hair``."""
    return "/".join(part for part in (gender, skin_tone, hair, occupation) if part)


@lru_cache(maxsize=16)
def _sheet(name: str) -> tuple[dict[str, int], Image.Image]:
    keys = json.loads((ASSETS / f"{name}.json").read_text(encoding="utf-8"))
    with Image.open(ASSETS / f"{name}.webp") as sheet:
        return {key: index for index, key in enumerate(keys)}, sheet.convert("RGBA")


@lru_cache(maxsize=4096)
def _cut(sheet_name: str, key: str, cell: int, size: int) -> Image.Image:
    index, sheet = _sheet(sheet_name)
    if key not in index:
        raise ConfigError(f"The sheet {sheet_name!r} holds no sprite {key!r}.")
    row, column = divmod(index[key], SHEET_COLUMNS)
    box = (column * cell, row * cell, (column + 1) * cell, (row + 1) * cell)
    sprite = sheet.crop(box)
    if size != cell:
        sprite = sprite.resize((size, size), Image.Resampling.LANCZOS)
    return sprite


def training_styles(name: str) -> tuple[str, ...]:
    """Those of :data:`TRAINING_STYLES` that have a picture of a concept."""
    return tuple(style for style in TRAINING_STYLES if name in _sheet(style)[0])


def training_sprite(name: str, *, style: str, size: int) -> Image.Image:
    """Return the picture of a concept in one of :func:`training_styles`, as :func:`sprite` does."""
    return _cut(style, name, SMALL_CELL, size)


def sprite(name: str, *, style: str = "noto", size: int = CELL) -> Image.Image:
    """Return the picture of a concept on a transparent ground.

    Args:
        name: A concept's name, also of one that the bundled model never saw; or, in Noto's style,
            the codepoint of an unnamed thing.
        style: One of :data:`STYLES`.
        size: Side in pixels.
    Returns:
        RGBA image of ``size`` x ``size`` pixels; shared, so copy it before drawing on it.
    Raises:
        ConfigError: unknown concept or style.
    """
    if style not in STYLES:
        raise ConfigError(f"No picture style is called {style!r}; there are {', '.join(STYLES)}.")
    if name in _sheet(f"unseen-{style}")[0]:
        return _cut(f"unseen-{style}", name, CELL, size)
    if style == "noto" and name in _sheet("unnamed")[0]:
        return _cut("unnamed", name, SMALL_CELL, size)
    return _cut(style, concept(name).name, CELL, size)


def person_sprite(
    gender: str,
    skin_tone: str,
    *,
    hair: str = "",
    occupation: str = "",
    style: str = "noto",
    size: int = PERSON_CELL,
) -> Image.Image:
    """Return a drawn person on a transparent ground.

    Args:
        gender: The gender the drawing is meant to be perceived as: ``woman`` or ``man``.
        skin_tone: One of the five tones of the Unicode standard, ``light`` to ``dark``.
        hair: Empty, or one of :data:`clipprobe.stimuli.concepts.HAIR_CODEPOINTS`.
        occupation: Empty for a plain person, else the outfit to wear.
        style: ``noto`` or ``twemoji``.
        size: Side in pixels.
    Raises:
        ConfigError: no such person is bundled.
    """
    if style not in PEOPLE_STYLES:
        raise ConfigError(
            f"People are drawn in the styles {', '.join(PEOPLE_STYLES)}, not in {style!r}."
        )
    key = person_key(gender, skin_tone, hair=hair, occupation=occupation)
    return _cut(f"people-{style}", key, PERSON_CELL, size)
