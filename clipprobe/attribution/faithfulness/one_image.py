"""How faithful are the maps of one score, beside random orders of the patches?

For each map the curves of :mod:`clipprobe.attribution.faithfulness.removal`, as the audit draws
them: the cosine with the text while the strongest patches are covered first (``deletion``), or
uncovered first (``insertion``). The control is the same for orders drawn by chance. A map that
knows nothing lies above all of ``n`` random orders once in ``n + 1`` images.

Limits: one image says nothing of other images, so there is no interval; the audit measures a
method. The curves read the text as it is, also for maps less the mean text or against other texts.
A smooth map covers whole regions and random orders do not: ``centre``, a map that knows nothing of
the model, is smooth too. Of a unit there are no curves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.attribution.explanation import Explanation
from clipprobe.attribution.faithfulness.removal import CURVES, Protocol, Remover, signed_area
from clipprobe.errors import ConfigError
from clipprobe.memory import fitting_batch
from clipprobe.models.grid import patch_grid
from clipprobe.people import refuse_person_groups
from clipprobe.runs.jsonio import AsJson

if TYPE_CHECKING:
    from clipprobe.models import Clip

N_ORDERS = 19
"""Random orders: a map that knows nothing beats them all on one image in twenty."""
_BATCH = 32
FLAT = "the map is the same everywhere, so it puts the patches in no order"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapScores(AsJson):
    """The curves of one map, by metric."""

    method: str
    """Of attribution."""
    values: Mapping[str, float]
    """Area under the curve, that of deletion negated; higher is better. NaN where the map has no
    order."""
    above: Mapping[str, int | None]
    """How many of the random orders the value lies above; None where undefined."""
    curves: Mapping[str, tuple[float, ...]]
    """The cosine after each step."""
    reason: str = ""
    """Why the values are undefined; empty where they are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomOrders(AsJson):
    """The same curves of orders that were drawn by chance, by metric."""

    n: int
    """Orders."""
    values: Mapping[str, tuple[float, ...]]
    """``n`` areas."""
    low: Mapping[str, tuple[float, ...]]
    """The lowest of their curves at each step."""
    high: Mapping[str, tuple[float, ...]]
    """The highest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFaithfulness(AsJson):
    """How faithful some maps of one image and one text are; n = 1 image, no interval."""

    text: str
    """What the image is scored with."""
    score: float
    """The cosine of the whole image."""
    shares: tuple[float, ...]
    """Share of the patches that is covered, or uncovered, at each step."""
    maps: tuple[MapScores, ...]
    """Of each method."""
    random: RandomOrders
    """The control."""
    protocol: str
    """How patches are covered and scored, in a sentence."""
    n_encodings: int
    """Images that went through the model."""
    provenance: Mapping[str, Any]
    """Model, versions, seed."""


def image_faithfulness(
    clip: Clip,
    image: object,
    text: str,
    explanations: Sequence[Explanation],
    *,
    protocol: Protocol | None = None,
    n_orders: int = N_ORDERS,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> ImageFaithfulness:
    """Measure maps of one image and one text by deletion and insertion, beside random orders.

    Args:
        image: As of :func:`clipprobe.explain`.
        text: The text of the explanations.
        explanations: Maps of that image and text.
        protocol: How patches are covered and what is read.
        n_orders: Random orders of the patches.
        seed: Of the random orders.
        progress: Called after each map and each random order with the images that it took.
    Raises:
        ConfigError: a map is of a unit or of another text, or there is no random order.
    """
    for one in explanations:
        if one.kind != "text" or one.target != text:
            raise ConfigError(
                f"Maps are measured by the cosine with {text!r}, and that of {one.method} is of "
                f"{one.target!r}: give maps of that text."
            )
    if n_orders < 1:
        raise ConfigError(f"n_orders={n_orders} leaves no control: give at least 1.")
    refuse_person_groups([text], "faithfulness")
    rule = Protocol() if protocol is None else protocol
    pixels = clip.preprocess([image]).to(clip.device)
    grid = patch_grid(clip, pixels)
    remover = Remover(clip, pixels, [text], rule, fitting_batch(clip, _BATCH, rule.steps + 1))

    def curves_of(values: NDArray[Any]) -> dict[str, Floats]:
        maps = values.reshape(1, *grid).astype(np.float64)
        curves = {name: remover.curve(maps, insert=name == "insertion") for name in CURVES}
        if progress is not None:
            progress(n_encodings(1, protocol=rule, n_orders=0))
        return curves

    rng = np.random.default_rng(seed)
    orders = [curves_of(rng.permutation(grid[0] * grid[1])) for _ in range(n_orders)]
    stacked = {name: np.concatenate([one[name] for one in orders]) for name in CURVES}
    areas = {name: signed_area(stacked[name], name) for name in CURVES}
    maps = [
        _flat(one.method)
        if np.ptp(one.patches) == 0
        else _scores(one.method, curves_of(one.patches), areas)
        for one in explanations
    ]
    shares = np.linspace(0, rule.until, rule.steps + 1)
    n_curves = sum(not one.reason for one in maps)
    return ImageFaithfulness(
        text=text,
        score=float(remover.whole[0]),
        shares=tuple(shares.tolist()),
        maps=tuple(maps),
        random=RandomOrders(
            n=n_orders,
            values={name: tuple(row.tolist()) for name, row in areas.items()},
            low={name: tuple(row.min(axis=0).tolist()) for name, row in stacked.items()},
            high={name: tuple(row.max(axis=0).tolist()) for name, row in stacked.items()},
        ),
        protocol=rule.sentence(),
        n_encodings=1 + n_encodings(n_curves, protocol=rule, n_orders=n_orders),
        provenance={**clip.provenance(), "seed": seed, "text": text},
    )


def n_encodings(n_maps: int, *, protocol: Protocol | None = None, n_orders: int = N_ORDERS) -> int:
    """Images that go through the model for so many maps and random orders."""
    steps = (Protocol() if protocol is None else protocol).steps
    return (n_maps + n_orders) * len(CURVES) * (steps + 1)


def _scores(
    method: str,
    curves: Mapping[str, Floats],
    random: Mapping[str, Floats],
) -> MapScores:
    values = {name: float(signed_area(curve, name)[0]) for name, curve in curves.items()}
    return MapScores(
        method=method,
        values=values,
        above={name: int((random[name] < value).sum()) for name, value in values.items()},
        curves={name: tuple(curve[0].tolist()) for name, curve in curves.items()},
    )


def _flat(method: str) -> MapScores:
    return MapScores(
        method=method,
        values=dict.fromkeys(CURVES, math.nan),
        above=dict.fromkeys(CURVES),
        curves=dict.fromkeys(CURVES, ()),
        reason=FLAT,
    )
