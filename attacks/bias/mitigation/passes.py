"""How many neurons ablation tries to take out, and how many passes that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.bias.mitigation.measures import groups_of
from clipprobe.errors import UnsupportedHookError
from clipprobe.study import Workload
from clipprobe.study.workload import nothing
from clipprobe.tracing.contributions import unit_points

if TYPE_CHECKING:
    from clipprobe.models import Clip

SIZES = (10, 30, 100, 300)  # neurons taken out, where the user names no number
N_RANDOM = 5  # sets of other neurons, the control: each encodes every image again


def ablation_passes(
    clip: Clip, n: int, n_groups: int, n_units: int | None, n_utility: int
) -> Workload:
    """Most passes of the ablation of ``n`` images; the fitting half is taken for all of them.

    Args:
        n_units: Neurons that are taken out, where the user names a number.
        n_utility: Images on which accuracy is measured.
    """
    try:
        points = unit_points(clip, "neuron")
    except UnsupportedHookError:
        return nothing()
    gradients = n * len(groups_of(n_groups))
    sizes = sizes_of(sum(point.n_units for point in points), n_units)
    return Workload(
        images=n * (1 + len(sizes) + N_RANDOM) + gradients + n_utility,
        texts=0,
        gradients=gradients,
        at_most=True,
        reason="how many neurons are taken out is chosen on half of the images",
    )


def sizes_of(n_there: int, n_units: int | None) -> list[int]:
    """How many neurons are tried: the number that the user names, or several that rise."""
    if n_units is not None:
        return [min(n_units, n_there)]
    return [k for k in SIZES if 4 * k <= n_there] or [max(1, n_there // 4)]
