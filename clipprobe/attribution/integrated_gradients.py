"""Integrated gradients: the score's difference to a baseline image, shared out among the pixels.

Sundararajan et al. 2017 (arXiv:1703.01365), through captum. The attributions of all pixels sum to
``score - baseline score``, up to the error of the integral, which is reported (completeness gap).
The baseline is part of the answer: a pixel of the baseline's colour can get no attribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clipprobe.attribution.registry import Maps
from clipprobe.errors import ConfigError
from clipprobe.memory import fitting_batch

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.target import Score
    from clipprobe.models import Clip

BASELINES = ("grey", "black", "white")
FIRST_STEPS, MOST_STEPS = 64, 1024
MOST_GIVEN = 4096
GAP_WANTED = 0.01
SMALLEST_EFFECT = 1e-5
"""Difference to the baseline below which float32 leaves no digits to check completeness with."""


def integrated_gradients(
    clip: Clip,
    pixels: Tensor,
    score: Score,
    *,
    n_steps: int | None = None,
    baseline: str = "grey",
    batch_size: int = 16,
) -> Maps:
    """Integrate the gradient from a plain image to the image; sum over colours.

    Args:
        pixels: Preprocessed, ``(b, 3, H, W)``.
        n_steps: Points of the Gauss-Legendre quadrature along the way. None: 64, doubled up to
            1,024 while the gap of any image is above 1 % (in float32; below that precision more
            steps do not help). Scores that are smooth in the pixels need no more than 64; the
            maximum over tokens has kinks where another token takes over.
        baseline: ``grey`` (the mean colour of the model's preprocessing), ``black`` or ``white``.
        batch_size: Images in one forward and backward pass; does not change the result beyond
            rounding.
    Returns:
        Map ``(b, H, W)`` in units of the score.
    Raises:
        ConfigError: an unknown baseline, or fewer than one step or image at a time.
    """
    import torch

    if batch_size < 1 or (n_steps is not None and n_steps < 1):
        raise ConfigError(
            f"Integrated gradients with n_steps={n_steps} and batch_size={batch_size} cannot run: "
            "give numbers of at least 1."
        )
    if n_steps is not None and n_steps > MOST_GIVEN:
        raise ConfigError(
            f"n_steps={n_steps} is more than the {MOST_GIVEN} whose places can be computed (they "
            f"take a matrix of n_steps squared): give fewer; {MOST_STEPS} are the most that are "
            "tried without being asked for."
        )
    fitting_batch(clip, batch_size, len(pixels) * (n_steps or MOST_STEPS), grad=True)
    plain = baseline_pixels(clip, pixels, baseline)
    scores, plain_scores = _scores(score, pixels), _scores(score, plain)
    steps = n_steps or FIRST_STEPS
    most = MOST_STEPS if n_steps is None and clip.dtype == torch.float32 else steps
    values = _integrate(score, pixels, plain, steps, batch_size)
    while steps < most and (completeness_gaps(values, scores, plain_scores) > GAP_WANTED).any():
        steps *= 2
        values = _integrate(score, pixels, plain, steps, batch_size)
    return Maps(
        values=values,
        resolution="pixels",
        units="{score}; the sum over the map is the score less that of the baseline",
        scores=scores,
        baseline_scores=plain_scores,
        settings={"n_steps": steps, "baseline": baseline, "batch_size": batch_size},
    )


def completeness_gaps(
    values: NDArray[np.float64], scores: NDArray[np.float64], baselines: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``|sum(map) - (score - baseline)|`` as a share of ``|score - baseline|``, for each image.

    NaN where the two scores are so close that float32 leaves no digits to compare.
    """
    effect = scores - baselines
    gaps = np.abs(values.sum(axis=(1, 2)) - effect)
    known = np.abs(effect) > SMALLEST_EFFECT
    return np.where(known, gaps / np.where(known, np.abs(effect), 1.0), np.nan)


def _integrate(
    score: Score, pixels: Tensor, plain: Tensor, n_steps: int, batch_size: int
) -> NDArray[np.float64]:
    from captum.attr import IntegratedGradients

    attributed = IntegratedGradients(score.function).attribute(
        pixels,
        baselines=plain,
        n_steps=n_steps,
        method="gausslegendre",
        # captum would otherwise put all steps into one batch.
        internal_batch_size=max(batch_size, len(pixels)),
    )
    values: NDArray[np.float64] = _numbers(attributed).sum(axis=1)
    return values


def baseline_pixels(clip: Clip, pixels: Tensor, baseline: str) -> Tensor:
    """A plain image of the same shape, normalised.

    Raises:
        ConfigError: there is no such baseline.
    """
    import torch

    if baseline not in BASELINES:
        raise ConfigError(f"There is no baseline {baseline!r}: use one of {', '.join(BASELINES)}.")
    if baseline == "grey":  # the mean of the preprocessing is zero after normalisation
        return torch.zeros_like(pixels)
    mean = torch.from_numpy(clip.preprocess.mean).to(pixels).view(1, 3, 1, 1)
    std = torch.from_numpy(clip.preprocess.std).to(pixels).view(1, 3, 1, 1)
    return ((float(baseline == "white") - mean) / std).expand_as(pixels).clone()


def _scores(score: Score, pixels: Tensor) -> NDArray[np.float64]:
    import torch

    with torch.no_grad():
        return _numbers(score(pixels))


def _numbers(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.detach().cpu().double().numpy()
