"""Gradients at the pixels, through captum.

``integrated_gradients`` (Sundararajan et al. 2017, arXiv:1703.01365) shares out the score's
difference to a baseline image among the pixels; ``gradient_x_input`` (Shrikumar et al. 2016,
arXiv:1605.01713) is its first-order part at the image itself. The attributions of all pixels sum to
``score - baseline score``, up to the error of the integral, which is reported (completeness gap).
The baseline is part of the answer: a pixel of the baseline's colour can get no attribution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.attribution.explanation import completeness_gaps
from clipprobe.attribution.job import as_floats
from clipprobe.attribution.registry import Maps, Method
from clipprobe.errors import ConfigError
from clipprobe.memory import fitting_batch

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.job import Job
    from clipprobe.models import Clip

BASELINES = ("grey", "black", "white")
FIRST_STEPS, MOST_STEPS = 64, 1024
MOST_FIXED_STEPS = 4096
MOST_GAP = 0.01


def integrated_gradients(
    job: Job,
    *,
    n_steps: int | None = None,
    baseline: str = "grey",
    batch_size: int | None = None,
) -> Maps:
    """Integrate the gradient from a plain image to the image; sum over colours.

    Args:
        n_steps: Points of the Gauss-Legendre quadrature along the way. None: 64, doubled up to
            1,024 while the gap of any image is above 1 % (in float32; below that precision more
            steps do not help). Scores that are smooth in the pixels need no more than 64; the
            maximum over tokens has kinks where another token takes over.
        baseline: ``grey`` (the mean colour of the model's preprocessing), ``black`` or ``white``.
        batch_size: Images in one forward and backward pass; None: as many as without gradients.
            Does not change the result beyond rounding.
    Returns:
        Map ``(p, H, W)`` in units of the score.
    Raises:
        ConfigError: an unknown baseline, or fewer than one step or image at a time.
    """
    import torch

    batch_size = job.gradients if batch_size is None else batch_size
    if batch_size < 1 or (n_steps is not None and n_steps < 1):
        raise ConfigError(
            f"Integrated gradients with n_steps={n_steps} and batch_size={batch_size} cannot run: "
            "give numbers of at least 1."
        )
    if n_steps is not None and n_steps > MOST_FIXED_STEPS:
        raise ConfigError(
            f"n_steps={n_steps} is more than the {MOST_FIXED_STEPS} whose places can be computed "
            f"(they take a matrix of n_steps squared): give fewer; {MOST_STEPS} are the most that "
            "are tried without being asked for."
        )
    clip, pixels = job.clip, job.pixels[job.image_of]
    fitting_batch(clip, batch_size, len(pixels) * (n_steps or MOST_STEPS), grad=True)
    plain = baseline_pixels(clip, pixels, baseline)
    scores = job.scores()
    plain_scores = as_floats((job.encode(plain[:1]) * job.directions).sum(dim=-1))
    first = n_steps or FIRST_STEPS
    most = MOST_STEPS if n_steps is None and clip.dtype == torch.float32 else first
    steps = np.full(len(pixels), first)
    values = _integrate(job, np.arange(len(pixels)), plain, first, batch_size)
    while len(
        rows := np.flatnonzero((_gaps(values, scores, plain_scores) > MOST_GAP) & (steps < most))
    ):
        # Each pair for itself: its map does not depend on what it is explained together with.
        steps[rows] *= 2
        values[rows] = _integrate(job, rows, plain, int(steps[rows[0]]), batch_size)
    return Maps(
        values=values,
        resolution="pixels",
        units="{score}; the sum over the map is the score less that of the baseline",
        scores=scores,
        baseline_scores=plain_scores,
        settings={"n_steps": int(steps.max()), "baseline": baseline, "batch_size": batch_size},
        own=[{"n_steps": int(one)} for one in steps],
    )


def _gaps(values: Floats, scores: Floats, plain: Floats) -> Floats:
    return np.nan_to_num(completeness_gaps(values.sum(axis=(1, 2)), scores, plain))


def gradient_x_input(job: Job) -> Maps:
    """Gradient times the distance of the pixel from the mean colour, summed over colours."""
    from captum.attr import InputXGradient

    pixels = job.pixels[job.image_of]
    products = InputXGradient(_forward(job)).attribute(
        pixels.clone().requires_grad_(), additional_forward_args=(job.directions,)
    )
    return Maps(
        values=as_floats(products).sum(axis=1),
        resolution="pixels",
        units="{score}, to first order about the image",
        reason="a first-order term does not share out the score",
    )


def _forward(job: Job) -> Callable[[Tensor, Tensor], Tensor]:
    def score(pixels: Tensor, directions: Tensor) -> Tensor:
        return (job.targets.features(pixels) * directions).sum(dim=-1)

    return score


def _integrate(
    job: Job, rows: NDArray[np.int_], plain: Tensor, n_steps: int, batch_size: int
) -> Floats:
    """Maps of some of the pairs, summed over colours."""
    from captum.attr import IntegratedGradients

    pairs = rows.tolist()
    attributed = IntegratedGradients(_forward(job)).attribute(
        job.pixels[[job.image_of[pair] for pair in pairs]],
        baselines=plain[pairs],
        additional_forward_args=(job.directions[pairs],),
        n_steps=n_steps,
        method="gausslegendre",
        # captum would otherwise put all steps into one batch.
        internal_batch_size=max(batch_size, len(pairs)),
    )
    values: Floats = as_floats(attributed).sum(axis=1)
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


INTEGRATED_GRADIENTS = Method(
    run=integrated_gradients,
    title="integrated gradients",
    paper="Sundararajan et al. 2017, arXiv:1703.01365",
    cost="n_steps, each with a backward pass",
)
GRADIENT_X_INPUT = Method(
    run=gradient_x_input,
    title="gradient times input",
    paper="Shrikumar et al. 2016, arXiv:1605.01713",
    cost="1 and a backward pass",
)
