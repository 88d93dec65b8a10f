"""What a unit does in all: the change of scores when it is ablated or steered.

For every image and text: the score with the unit changed, minus the score as it is. The mean over
images is a paired difference, with a bootstrap interval over images. A unit's effect means little
by itself (any change of the stream moves scores), so each comes with a control: the same change of
random units of the same hook point with about the same activation scale.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.attribution.readout import ScoreName
from clipprobe.errors import ConfigError
from clipprobe.neurons.effects.changes import change_of, parse_method
from clipprobe.neurons.effects.sweep import Sweep
from clipprobe.people import refuse_person_groups
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, cluster_bootstrap, permutation_p
from clipprobe.tracing.removal import random_sets
from clipprobe.tracing.scales import SiteScale

if TYPE_CHECKING:
    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip

_POOL_OF_CONTROLS = 2  # controls are drawn from this many times as many units, nearest in scale


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEffect(AsJson):
    """One change of one unit, on one target.

    ``address``: the unit. ``method``: what was done, as in ``changes``.
    ``target``: the text (for a unit of the text tower, the image) whose score is changed.
    ``score``: ``logit`` or ``cosine``: the unit of all effects.
    ``effect``: mean change over the inputs, changed minus clean, with a bootstrap interval.
    ``controls``: the units that the same was done to.
    ``control_effects``: their mean changes, in the same order.
    ``control``: mean magnitude of the control effects; NaN with a reason without controls.
    ``p``: share of controls (the unit itself counted) with at least its magnitude; NaN without
    controls. With K controls it is at least 1 / (K + 1).
    ``scale``: the unit's root mean square activation. ``control_scale``: mean over the controls.
    """

    address: str
    method: str
    target: str
    score: str
    effect: Estimate
    controls: tuple[str, ...]
    control_effects: tuple[float, ...]
    control: float
    p: float
    reason: str
    scale: float
    control_scale: float


def total_effects(
    clip: Clip,
    images: Sequence[Any],
    texts: Sequence[str],
    units: Sequence[str],
    *,
    methods: Sequence[str] = ("zero", "mean"),
    score: ScoreName = "logit",
    n_controls: int = 20,
    seed: int = 0,
    batch_size: int = 32,
    n_boot: int = 2000,
    progress: Callable[[int], None] | None = None,
) -> list[UnitEffect]:
    """Ablate and steer units and measure what it does to scores.

    Args:
        images: Paths, images or records that can be read; see ``inputs.readable``.
        units: Addresses of one tower, ``vision.blocks.3.mlp.post:17``.
        methods: ``zero``, ``mean``, ``resample``, ``steer:K``.
        n_controls: Random units of the same hook point, with the nearest activation scales; all
            others where there are fewer. 0 for none.
        seed: Draws controls, resampling donors and bootstrap.
        progress: Called with the number of inputs that went through the model.
    Returns:
        One effect for each unit, method and target, in that order.
    Raises:
        UnknownHookPointError, UnsupportedHookError: a unit that is not there or cannot be changed.
        ConfigError: units of both towers, an unknown method, resampling of one input, an empty
            text, or a single image whose person a text would sort.
    """
    if not all(text.strip() for text in texts):
        raise ConfigError("One of the texts is empty: give the texts whose scores are measured.")
    if len(images) == 1:
        refuse_person_groups(texts, "the effect on one image")
    sweep = Sweep(clip, images, texts, units, score=score, batch_size=batch_size)
    for method in methods:
        parse_method(method)
    scales = sweep.scales(progress)
    controls = {
        address: control_units(scales[point.name], unit, n_controls, seed)
        for address, (point, unit) in sweep.units.items()
    }
    conditions: dict[tuple[str, str], tuple[HookPoint, int]] = {}
    for address, (point, unit) in sweep.units.items():
        for method in methods:
            for one in [unit, *controls[address]]:
                conditions[(f"{point.name}:{one}", method)] = (point, one)
    if "resample" in methods:  # now that the controls are known, with their activations
        scales = sweep.scales(progress, list(conditions.values()))
    changes = {
        key: change_of(point, unit, key[1], scales[point.name], seed=seed)
        for key, (point, unit) in conditions.items()
    }
    deltas = sweep.deltas(changes, progress)
    effects = []
    for (address, (point, unit)), method in itertools.product(sweep.units.items(), methods):
        others = [f"{point.name}:{one}" for one in controls[address]]
        near = [deltas[(one, method)].mean(axis=0) for one in others]
        rms = scales[point.name].rms[[unit, *controls[address]]]
        for column, target in enumerate(sweep.targets):
            own = deltas[(address, method)][:, column]
            effect = cluster_bootstrap(own, n_boot=n_boot, seed=seed)
            random = [float(one[column]) for one in near]
            effects.append(
                UnitEffect(
                    address=address,
                    method=method,
                    target=target,
                    score=score,
                    effect=effect,
                    controls=tuple(others),
                    control_effects=tuple(random),
                    control=float(np.abs(random).mean()) if random else math.nan,
                    p=permutation_p(effect.value, random, "two-sided") if random else math.nan,
                    reason="" if random else "no control units",
                    scale=float(rms[0]),
                    control_scale=float(rms[1:].mean()) if random else math.nan,
                )
            )
    return effects


def control_units(scale: SiteScale, unit: int, n: int, seed: int) -> list[int]:
    """``n`` random units of the same hook point, drawn from the ``2 n`` nearest in scale.

    Nearest by the ratio of root mean square activations; a dead unit's nearest are dead ones.
    """
    if n < 0:
        raise ConfigError(f"The number of controls is at least 0, but {n} was given.")
    logs = np.log(np.maximum(scale.rms, np.finfo(np.float64).tiny))
    distance = np.abs(logs - logs[unit])
    order = [int(one) for one in np.argsort(distance, kind="stable") if one != unit]
    pool = order[: _POOL_OF_CONTROLS * n]
    [controls] = random_sets([(pool, n)], [np.random.default_rng([seed, unit])])
    return sorted(controls)
