"""What of a unit's activation the plain look of an image explains, and what is left.

Some concepts are darker, busier or more colourful than others in every modality, and a network at
random weights tells them apart by that alone. Seven numbers of an image (side 64, values 0 to 1)
and their squares are regressed out of every unit's activation by least squares, within each
modality; all scores and tests are then of what is left. Limits: what a concept owes to such a look
and to its meaning cannot be told apart, so a true unit loses something too; and only these seven
numbers are adjusted for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipprobe.data import ImageRecord, decode_image
from clipprobe.errors import DataError
from clipprobe.neurons.multimodality.scoring.scores import Floats

NAMES = ("luminance", "contrast", "edges", "ink", "saturation", "red-green", "blue-yellow")
_SIDE = 64
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709


def covariates(records: Sequence[ImageRecord]) -> Floats:
    """The numbers of each image, ``(n, 7)``."""
    return np.array([look(decode_image(record)) for record in records])


def look(image: Image.Image) -> Floats:
    """Mean and standard deviation of the luminance; mean size of its gradient; share of pixels
    darker than the median by 0.25; mean range of the three colours; mean red minus green, and blue
    minus yellow; ``(7,)``.
    """
    small = image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    rgb = np.asarray(small, np.float64) / 255
    grey = rgb @ _LUMINANCE
    down, right = np.gradient(grey)
    red, green, blue = rgb.mean(axis=(0, 1))
    return np.array(
        [
            grey.mean(),
            grey.std(),
            np.hypot(down, right).mean(),
            (grey < np.median(grey) - 0.25).mean(),
            np.ptp(rgb, axis=2).mean(),
            red - green,
            blue - (red + green) / 2,
        ]
    )


def basis(numbers: Floats) -> Floats:
    """Orthonormal columns that span 1, the numbers and their squares, ``(n, k)``.

    Args:
        numbers: ``(n, 7)``, of one modality.
    Raises:
        DataError: too few images to fit them.
    """
    n, n_terms = len(numbers), 1 + 2 * numbers.shape[1]
    if n < 3 * n_terms:
        raise DataError(
            f"Pixel covariates fit {n_terms} terms in each modality, and one has {n} images: give "
            f"at least {3 * n_terms}, or leave the covariates out."
        )
    spread = numbers.std(axis=0)
    varies = spread > 1e-9
    standard = (numbers[:, varies] - numbers[:, varies].mean(axis=0)) / spread[varies]
    terms = np.concatenate([np.ones((n, 1)), standard, standard**2], axis=1)
    columns, sizes, _ = np.linalg.svd(terms, full_matrices=False)
    result: Floats = columns[:, sizes > 1e-6 * sizes[0]]
    return result


def regress_out(values: NDArray[np.float32], columns: Floats) -> NDArray[np.float32]:
    """What is left of each unit, ``(n, u)``; zeros where nothing but rounding is.

    Args:
        values: ``(n, u)``, of one modality.
        columns: See :func:`basis`.
    """
    left = values.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):  # a unit that is not finite stays so
        total = np.einsum("nu,nu->u", left, left)
        for column in columns.T:
            # Row by row, so that a unit does not depend on how many stand beside it.
            left -= column[:, None] * (column[:, None] * left).sum(axis=0)
        nothing = np.einsum("nu,nu->u", left, left) <= 1e-12 * total
    left[:, nothing] = 0
    return left.astype(np.float32)
