"""Backgrounds: plain, shaded, patterned, noise like photographs', crops of sprites."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from clipprobe.pretraining.captions import COLOURS
from clipprobe.stimuli import Background, concepts, render_background, sprite
from clipprobe.stimuli.backgrounds import Rgb
from clipprobe.stimuli.splits import TRAINED_GROUNDS, TRAINED_STYLES, pick

#: Mean, and principal axes with their standard deviations, of the colours of ImageNet's
#: photographs, 0 to 255 (Krizhevsky et al. 2012, sec. 4.1, in the values that are in use).
NATURAL_MEAN = np.array([123.7, 116.3, 103.5])
NATURAL_AXES = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)
NATURAL_SPREAD = np.array([55.46, 4.794, 1.148])
PATTERNS = TRAINED_GROUNDS[2:]
#: Fields of noise; each is shifted, mirrored and coloured anew.
N_FIELDS = 256
#: Share of backgrounds in one colour that has a name.
NAMED_SHARE = 0.1


def draw_background(rng: np.random.Generator, size_px: int) -> tuple[Image.Image, str]:
    """Draw an RGB image to put things on, and its colour's name where it has one."""
    if rng.random() < NAMED_SHARE:
        name = pick(list(COLOURS), rng)
        return Image.new("RGB", (size_px, size_px), near(COLOURS[name], rng)), name
    draw, shares = zip(*_KINDS, strict=True)
    return draw[int(rng.choice(len(draw), p=shares))](rng, size_px), ""


def near(colour: Rgb, rng: np.random.Generator, spread: float = 22.0) -> Rgb:
    """A colour near another, which most people would call by the same name."""
    r, g, b = np.clip(np.array(colour) + rng.normal(0, spread / 2, 3), 0, 255).astype(int)
    return int(r), int(g), int(b)


def any_colour(rng: np.random.Generator) -> Rgb:
    """A colour near one with a name, one of photographs, or any at all."""
    kind = rng.random()
    if kind < 0.5:
        return near(pick(list(COLOURS.values()), rng), rng)
    if kind < 0.75:
        r, g, b = _natural(rng.normal(size=(1, 3)))[0]
    else:
        r, g, b = rng.integers(0, 256, 3)
    return int(r), int(g), int(b)


def plain(rng: np.random.Generator, size_px: int) -> Image.Image:
    """One colour, white more often than any other."""
    colour = (255, 255, 255) if rng.random() < 0.4 else any_colour(rng)
    return Image.new("RGB", (size_px, size_px), colour)


def shaded(rng: np.random.Generator, size_px: int) -> Image.Image:
    """Two colours that run into each other in some direction."""
    turn = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-0.5 : 0.5 : size_px * 1j, -0.5 : 0.5 : size_px * 1j]
    share = np.clip(x * np.cos(turn) + y * np.sin(turn) + rng.uniform(0.2, 0.8), 0, 1)[..., None]
    blend = share * np.array(any_colour(rng)) + (1 - share) * np.array(any_colour(rng))
    return Image.fromarray(blend.astype(np.uint8))


def patterned(rng: np.random.Generator, size_px: int) -> Image.Image:
    """One of the patterns of the studio, in any colours."""
    return render_background(
        Background(
            kind=pick(PATTERNS, rng),
            color=any_colour(rng),
            second=any_colour(rng),
            seed=int(rng.integers(1 << 31)),
        ),
        size_px,
    )


def noise(rng: np.random.Generator, size_px: int) -> Image.Image:
    """Noise whose spectrum falls with frequency, in the colours of photographs."""
    fields = _fields(int(rng.integers(N_FIELDS)), size_px)
    if rng.integers(2):
        fields = fields[::-1]
    if rng.integers(2):
        fields = fields.transpose(1, 0, 2)
    fields = np.roll(fields, rng.integers(0, size_px, 2), axis=(0, 1))
    along = fields * rng.uniform(0.2, 1.0) + rng.normal(0, 0.8, 3)
    return Image.fromarray(_natural(along, rng.uniform(1, 5)))


@lru_cache(maxsize=N_FIELDS)
def _fields(number: int, size_px: int) -> npt.NDArray[np.float64]:
    """Three independent fields of noise, ``(h, w, 3)``, that go on over their edges."""
    rng = np.random.default_rng([8, number])
    f = np.hypot(np.fft.fftfreq(size_px)[:, None], np.fft.rfftfreq(size_px)[None, :])
    f[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=(3, size_px, size_px))) * f ** -rng.uniform(0.7, 1.5)
    fields = np.fft.irfft2(spectrum, s=(size_px, size_px))
    fields /= fields.std(axis=(1, 2), keepdims=True)
    return fields.transpose(1, 2, 0)


def tiles(rng: np.random.Generator, size_px: int) -> Image.Image:
    """Some rectangles over each other, as of walls, windows and tables."""
    image = Image.new("RGB", (size_px, size_px), any_colour(rng))
    for _ in range(int(rng.integers(1, 6))):
        (x0, x1), (y0, y1) = np.sort(rng.integers(-8, size_px + 8, (2, 2)), axis=1).tolist()
        image.paste(any_colour(rng), (x0, y0, x1 + 1, y1 + 1))
    return image


def close_up(rng: np.random.Generator, size_px: int) -> Image.Image:
    """A piece of some sprite from so near that nobody could say what it is, out of focus."""
    name = pick(concepts(), rng).name
    whole = sprite(name, style=pick(TRAINED_STYLES, rng), size=64)
    image = Image.new("RGB", whole.size, any_colour(rng))
    image.paste(whole, (0, 0), whole)
    side = float(rng.uniform(10, 20))
    x, y = rng.uniform(8, 56 - side, 2)
    image = image.resize(
        (size_px, size_px), Image.Resampling.BICUBIC, box=(x, y, x + side, y + side)
    )
    return image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 3))))


def _natural(along: npt.NDArray[np.float64], saturation: float = 1.0) -> npt.NDArray[np.uint8]:
    """Colours ``(..., 3)`` of photographs, from their places along the principal axes.

    Args:
        saturation: Factor on the two axes of colour, so that bright ones come too.
    """
    spread = NATURAL_SPREAD * np.array([1.0, saturation, saturation])
    colours_at = NATURAL_MEAN + (along * spread) @ NATURAL_AXES.T
    colours: npt.NDArray[np.uint8] = np.clip(colours_at, 0, 255).astype(np.uint8)
    return colours


_KINDS: tuple[tuple[Callable[[np.random.Generator, int], Image.Image], float], ...] = (
    (plain, 0.16),
    (shaded, 0.13),
    (patterned, 0.26),
    (noise, 0.25),
    (tiles, 0.10),
    (close_up, 0.10),
)
