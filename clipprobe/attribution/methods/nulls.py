"""Two maps that know nothing of the model: what a method must beat.

``random``: independent normal numbers. ``centre``: high in the middle of the image, because things
tend to stand there; a metric that it does well on measures where things stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from clipprobe.attribution.registry import Maps, Method

if TYPE_CHECKING:
    from clipprobe.attribution.job import Job

_REASON = "the map is not made from the score"


def random(job: Job, *, seed: int = 0) -> Maps:
    """Normal numbers, other ones for every image and target, the same each time."""
    images = [crc32(one.tobytes()) for one in job.pixels.cpu().numpy()]
    numbers = [
        np.random.default_rng([seed, images[image], crc32(name.encode())]).normal(size=job.grid)
        for image, name in zip(job.image_of, job.targets.names, strict=True)
    ]
    return Maps(
        values=np.stack(numbers),
        units="no unit: random numbers",
        reason=_REASON,
        settings={"seed": seed},
    )


def centre(job: Job) -> Maps:
    """A bell around the middle of the image, a quarter of its sides wide."""
    rows, columns = (np.abs((np.arange(n) + 0.5) / n - 0.5) for n in job.grid)
    bell = np.exp(-((rows[:, None] ** 2 + columns[None] ** 2) / (2 * 0.25**2)))
    return Maps(
        values=np.repeat(bell[None], len(job), axis=0),
        units="no unit: nearness to the middle",
        reason=_REASON,
    )


RANDOM = Method(run=random, title="random numbers", paper="a null", reads_target=False, cost="1")
CENTRE = Method(run=centre, title="the middle", paper="a null", reads_target=False, cost="1")
