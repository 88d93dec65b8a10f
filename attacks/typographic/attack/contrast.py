"""Contrast of letters to what lies under them: asked for, and measured on the result.

The ratio is that of WCAG 2.2: ``(L1 + 0.05) / (L2 + 0.05)`` of relative luminances, the lighter
first; 1 is invisible, 21 black on white. What lies under is the background box where there is one,
else the mean luminance of the image under the ink of that copy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RGB = tuple[int, int, int]
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def linear(srgb: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """sRGB from 0 to 255 as linear light from 0 to 1."""
    levels = np.asarray(srgb)
    if levels.dtype == np.uint8:  # images: by table, an audit measures many
        linear_levels: npt.NDArray[np.float64] = _TABLE[levels]
        return linear_levels
    return _exact(levels)


def _exact(srgb: npt.ArrayLike) -> npt.NDArray[np.float64]:
    c = np.asarray(srgb, np.float64) / 255.0
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


_TABLE = _exact(np.arange(256))


def luminance(srgb: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Relative luminance, 0 to 1, of colours ``(..., 3)``."""
    weighted: npt.NDArray[np.float64] = linear(srgb) @ _WEIGHTS
    return weighted


def ratio(a: float, b: float) -> float:
    """Contrast ratio, 1 to 21, of two luminances."""
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


def color_at(color: RGB, ground: float, contrast: float) -> RGB:
    """``color`` made lighter or darker, keeping its hue, until it has a contrast to ``ground``.

    It stays on its own side of the ground (lighter or darker) where that side reaches far enough,
    else it goes to the other; where neither does, to the end that is farther away.

    Args:
        ground: Luminance of what lies under, 0 to 1.
        contrast: Contrast ratio, 1 to 21.
    """
    own = float(luminance(color))
    lighter, darker = (ground + 0.05) * contrast - 0.05, (ground + 0.05) / contrast - 0.05
    sides = [lighter, darker] if own >= ground else [darker, lighter]
    reachable = [side for side in sides if 0.0 <= side <= 1.0]
    if not reachable:
        reachable = [1.0 if ratio(1.0, ground) >= ratio(0.0, ground) else 0.0]
    target, light = reachable[0], linear(color)
    if target <= own:
        light = light * (target / own if own else 0.0)
    else:
        light = light + (1.0 - light) * ((target - own) / (1.0 - own))
    back = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    red, green, blue = (int(v) for v in np.clip(np.rint(back * 255), 0, 255))
    return red, green, blue
