"""How many images a trace sends through the model, before it does (see ``tracer``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clipprobe.errors import UnsupportedHookError
from clipprobe.study import Workload
from clipprobe.tracing.contributions import unit_points
from clipprobe.tracing.sizes import BAND, SIZES

if TYPE_CHECKING:
    from clipprobe.models import Clip


def passes_of(
    clip: Clip, n: int, kinds: Sequence[str], *, n_random: int, listed: int | None = None
) -> Workload:
    """Most images of a trace of a score of ``n`` images; its texts are for the caller to count.

    A half is taken for all of the images, since clusters stay in one: a bound, up to twice too
    high.

    Args:
        n_random: Random sets at the size that is chosen.
        listed: Units that are taken out one by one; None where none is.
    """
    forward, gradients = n, 0  # as they are
    for kind in kinds:
        try:
            n_units = sum(point.n_units for point in unit_points(clip, kind))
        except UnsupportedHookError:
            continue
        sizes = sum(2 * k <= n_units for k in SIZES[kind])
        sets = sizes + (sizes - 1) * BAND + max(n_random, BAND)
        forward += n * (1 + sets)  # their means, and each set
        gradients += n
        if listed is not None:
            forward += n * (1 + min(listed, n_units) + BAND)
    return Workload(
        images=forward + gradients,
        texts=0,
        gradients=gradients,
        at_most=True,
        reason="units are ranked on one half of the images and measured on the other",
    )
