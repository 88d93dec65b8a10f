"""How many passes a comparison of predicted and measured effects takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.neurons.effects.direct import comparable
from clipprobe.neurons.effects.settings import EffectTest
from clipprobe.study import Workload

if TYPE_CHECKING:
    from clipprobe.models import Clip


def passes_of(settings: EffectTest, clip: Clip, n_images: int, sites: Sequence[str]) -> Workload:
    """Of all hook points; ``agreement.site_effects`` makes them."""
    points = [comparable(clip, site) for site in sites]
    units = sum(min(settings.per_site or one.n_units, one.n_units) for one in points)
    steps = settings.steps * units if settings.steps > 1 else 0
    # By what was read off to first order and by the gradients that predict.
    backward = (2 + 2 * settings.probes) * len(points) + steps
    # For the scales, to read off, and as the inputs are before units are taken out one by one.
    passes = 3 * len(points) + units + backward
    no_readout = any(one.base is not None for one in points)
    more: dict[str, Any] = {"at_most": no_readout}
    if no_readout:
        more["reason"] = "directions that cannot be read off take two passes less"
    if points[0].tower == "text":
        texts = passes * len(settings.texts)
        return Workload(images=n_images * len(points), texts=texts, **more)
    return Workload(
        images=passes * n_images,
        texts=len(set(settings.texts)) * len(points),
        gradients=backward * n_images,
        **more,
    )
