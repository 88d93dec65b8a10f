"""Teaching a small vision tower to read: word images from easy to hard, and a letter loss.

A contrastive loss alone does not make a small model read. So words start in one monospaced font
whose letters each fall into a patch of their own, an auxiliary loss asks each of those patches for
its letter, and place, size, font, case and ground widen only as fast as the model follows
(curriculum learning; Bengio et al. 2009). The letter loss fades out before training ends. It also
asks for the letters beside, and strings that are not a word are captioned as they are spelled:
without either a small model reads a bag of letters, to which a scrambled word is the word.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from clipprobe.pretraining.captions import COLOURS
from clipprobe.stimuli import Background, Scene, Word, unseen_concepts
from clipprobe.stimuli.backgrounds import Kind, Rgb
from clipprobe.stimuli.scenes import Item, Rendered, word_label
from clipprobe.stimuli.splits import SMOOTH_GROUNDS, TRAINED_FONTS, pick
from clipprobe.stimuli.text.fonts import face

FIRST_FONT = "DejaVuSansMono"
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
NO_LETTER = len(ALPHABET)
IGNORE = -100
#: Line height at which the first font advances by one patch of 8 pixels.
_FIRST_SIZE_PX = 13.5


def draw_contrast(
    difficulty: float, rng: np.random.Generator, grounds: tuple[Kind, ...]
) -> tuple[Rgb, Background]:
    """Ink, and a background that it can be told from.

    Black on white at first; later any two colours that differ in luminance by 90 of 255.
    """
    if rng.random() >= difficulty:
        return (0, 0, 0), Background()
    palette = list(COLOURS.values())
    while True:
        ink, first, second = (palette[int(i)] for i in rng.integers(len(palette), size=3))
        kind = pick(grounds, rng)
        shades = (first,) if kind == "plain" else (first, second)
        if all(abs(_luminance(ink) - _luminance(shade)) >= 90 for shade in shades):
            ground = Background(
                kind=kind, color=first, second=second, seed=int(rng.integers(1 << 31))
            )
            return ink, ground


def word_scene(
    word: str,
    difficulty: float,
    rng: np.random.Generator,
    *,
    size_px: int,
    patch_px: int,
    grounds: tuple[Kind, ...] = SMOOTH_GROUNDS,
) -> Scene:
    """One written word, as hard as ``difficulty`` (0 to 1) allows."""
    font = FIRST_FONT
    if rng.random() < difficulty * 0.85:
        font = pick(TRAINED_FONTS, rng)
    text = word
    if rng.random() < 0.4 * difficulty:
        text = word.upper() if rng.random() < 0.5 else word.capitalize()
    scale = math.exp(float(rng.uniform(-0.3, 0.75)) * difficulty)
    line = _FIRST_SIZE_PX * scale * size_px / 64
    rotation = float(rng.uniform(-12, 12)) * difficulty if rng.random() < difficulty else 0.0
    # More shapes of letters than there are fonts, so that unseen fonts can be read too.
    stretch = math.exp(float(rng.uniform(-0.25, 0.25)) * difficulty)
    slant = float(rng.uniform(-15, 15)) * difficulty if rotation == 0.0 else 0.0
    shaped = Word(
        text=text,
        font=font,
        size=line / size_px,
        rotation=rotation,
        stretch=stretch if rng.random() < 0.6 * difficulty else 1.0,
        slant=slant if rng.random() < 0.5 else 0.0,
    )
    rendered = word_label(shaped, size_px)
    slack_x, slack_y = size_px - rendered.size[0], size_px - rendered.size[1]
    # One place on the patch grid first; then more of them; then off it by more and more pixels.
    grid = size_px // patch_px
    columns = min(slack_x // patch_px, int(difficulty * 2 * grid))
    column = int(rng.integers(columns + 1)) * patch_px + 1
    rows = min(grid // 2 - 1, int(difficulty * grid))
    row = (grid // 2 + int(rng.integers(-rows, rows + 1))) * patch_px + patch_px // 2
    row -= rendered.size[1] // 2
    shift = patch_px * difficulty
    x0 = np.clip(column + rng.uniform(-shift, shift), 0, slack_x)
    y0 = np.clip(row + rng.uniform(-2 * shift, 2 * shift), 0, slack_y)
    ink, background = draw_contrast(difficulty, rng, grounds)
    item = replace(
        shaped,
        center=((x0 + rendered.size[0] / 2) / size_px, (y0 + rendered.size[1] / 2) / size_px),
        fill=ink,
    )
    return Scene(items=(item,), background=background, size_px=size_px)


def letter_targets(rendered: Rendered, patch_px: int) -> npt.NDArray[np.int64]:
    """Which letter's middle lies in each patch of a scene with one word, and its neighbours.

    Returns:
        ``(h, w, 3)``: letter before, letter, letter after, as indices into :data:`ALPHABET`;
        :data:`NO_LETTER` where there is none, :data:`IGNORE` where it cannot be said.
    """
    index = next(i for i, item in enumerate(rendered.scene.items) if isinstance(item, Word))
    item = rendered.scene.items[index]
    assert isinstance(item, Word)
    side = rendered.scene.size_px // patch_px
    targets = np.full((side, side, 3), IGNORE, dtype=np.int64)
    targets[..., 1] = NO_LETTER
    box = rendered.boxes[index]
    if box is None:
        return targets
    letters_along(targets, item.text, item.font, box, item.rotation, patch_px)
    return targets


def letters_along(
    targets: npt.NDArray[np.int64],
    text: str,
    font: str,
    box: tuple[int, int, int, int],
    rotation: float,
    patch_px: int,
) -> None:
    """Enter the letters of a word, written across ``box``, into ``targets``."""
    side = len(targets)
    lettering = face(font, 32.0)
    edges = np.array([lettering.getlength(text[:i]) for i in range(len(text) + 1)])
    along = (edges[:-1] + edges[1:]) / (2 * edges[-1]) - 0.5
    turn = math.radians(rotation)
    width = (box[2] - box[0]) / max(math.cos(turn), 0.5)
    x = (box[0] + box[2]) / 2 + along * width * math.cos(turn)
    y = (box[1] + box[3]) / 2 - along * width * math.sin(turn)
    codes = [NO_LETTER, *(ALPHABET.find(c) for c in text.lower()), NO_LETTER]
    for i, (column, row) in enumerate(zip(x, y, strict=True), 1):
        r, c = int(row) // patch_px, int(column) // patch_px
        if codes[i] < 0 or not (0 <= r < side and 0 <= c < side):
            continue
        occupied = targets[r, c, 1] != NO_LETTER
        targets[r, c] = (
            IGNORE if occupied else [IGNORE if k < 0 else k for k in codes[i - 1 : i + 2]]
        )


def patches_of(
    rendered: Rendered, patch_px: int, kind: type[Item] | tuple[type[Item], ...]
) -> npt.NDArray[np.bool_]:
    """Patches that items of a kind touch, ``(h, w)``."""
    side = rendered.scene.size_px // patch_px
    pixels = np.zeros(rendered.masks.shape[1:], dtype=bool)
    for item, mask in zip(rendered.scene.items, rendered.masks, strict=True):
        if isinstance(item, kind):
            pixels |= mask
    touched = pixels.reshape(side, patch_px, side, patch_px).max(axis=(1, 3))
    return np.asarray(touched, dtype=np.bool_)


def letter_string(words: Sequence[str], rng: np.random.Generator) -> str:
    """Letters that are not a word: drawn at random, or one of ``words`` scrambled.

    Random letters can only be read letter by letter, scrambled words only in their order. The names
    of concepts that are never shown do not come.
    """
    if rng.random() < 0.5:
        letters = list(pick(words, rng))
        for _ in range(8):
            scrambled = "".join(rng.permutation(letters))
            if scrambled not in words:
                return scrambled
    while True:
        string = "".join(rng.choice(list(ALPHABET), size=int(rng.integers(2, 9))))
        if not any(concept.name in string for concept in unseen_concepts()):
            return string


def _luminance(color: Rgb) -> float:
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
