"""What taking units out would do, from gradients: one backward pass for all units at once.

*Attribution patching* (Nanda 2023; Syed, Rager and Conmy 2023, "Attribution Patching Outperforms
Automated Circuit Discovery", arXiv:2310.10348) replaces a patched forward pass per unit by its
first-order term: the gradient of the score by the unit's activation, times the change of that
activation. Unlike a direct effect it counts what later parts make of the unit.

Layer norms that read what the unit writes are taken exactly, from the same backward pass, and so is
the length of the embedding (see ``norms.exact``); ``norms=False`` leaves the plain gradient.

With ``probes`` the second-order term is added to the plain gradient instead, estimated for all
units at once by two more passes per probe (see ``curvature``). With ``steps`` above 1 the gradient
is averaged along each unit's own path from its activation to what replaces it (midpoint rule), as
integrated gradients do. The work then grows with the number of units: it is for the few whose value
is in doubt, and comes close to what removing each of them costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from clipprobe.arrays import Floats
from clipprobe.attribution.readout import ScoreName
from clipprobe.errors import ConfigError
from clipprobe.hooks import HookPoint, capture
from clipprobe.neurons.effects.direct import refuse_normalised
from clipprobe.neurons.effects.predicting import Predictor, refuse_passes
from clipprobe.neurons.effects.sweep import InputsWithTargets
from clipprobe.tracing.inputs import Inputs
from clipprobe.tracing.scales import site_scales
from clipprobe.tracing.units import points_of, refuse_looking, units_by_point

if TYPE_CHECKING:
    from clipprobe.models import Clip

SITES = ("vision.blocks.*.attn.z", "vision.blocks.*.mlp.post")


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedEffects:
    """Predicted change of every score by replacing each unit alone.

    Attributes:
        effects: Hook point -> ``(n_inputs, n_targets, n_units)``, replaced minus clean, in the
            unit of the score; NaN for units that were not asked for.
        targets: What the scores are with: texts, or images for units of the text tower.
        score: ``logit`` or ``cosine``.
        baseline: ``zero``, ``mean`` or ``donors``: what replaces an activation.
        steps: Gradients along each unit's path.
        probes: Of the second-order term; 0 where it was left out.
        norms: Whether norms were taken exactly: not with steps or probes, nor where the tower has
            no stream that layer norms read.
        n_backward: Backward passes that it took, over all batches.
        provenance: Of the model.
    """

    effects: dict[str, Floats]
    targets: tuple[str, ...]
    score: str
    baseline: str
    steps: int
    probes: int
    norms: bool
    n_backward: int
    provenance: dict[str, Any]

    def mean(self) -> dict[str, Floats]:
        """Hook point -> ``(n_targets, n_units)``, the mean over inputs."""
        return {name: values.mean(axis=0) for name, values in self.effects.items()}

    def of_units(self, addresses: Sequence[str]) -> Floats:
        """``(n_units, n_targets)``, the mean over inputs of some units, in their order.

        Raises:
            ConfigError: one was not predicted.
        """
        mean, rows = self.mean(), []
        for address in addresses:
            name, _, unit = address.rpartition(":")
            if name not in mean or not 0 <= int(unit) < mean[name].shape[1]:
                raise ConfigError(
                    f"{address} was not predicted: name units of {', '.join(mean)} in full."
                )
            rows.append(mean[name][:, int(unit)])
        return np.array(rows)


def attribution_patching(
    clip: Clip,
    images: Sequence[Any],
    texts: Sequence[str],
    *,
    sites: str | Sequence[str] = SITES,
    units: Sequence[str] | None = None,
    baseline: str = "zero",
    donors: Sequence[Any] | None = None,
    steps: int = 1,
    probes: int = 0,
    norms: bool = True,
    seed: int = 0,
    score: ScoreName = "logit",
    batch_size: int = 32,
) -> PredictedEffects:
    """Predict what replacing every unit of some hook points does to scores.

    Args:
        images, texts: The inputs of the tower that the sites are of, and the targets.
        sites: Hook points or globs of one tower: heads by ``attn.z``, neurons by ``mlp.post``,
            dimensions by ``resid_post``; no pattern, query or key.
        units: Only these units (addresses), in place of ``sites``.
        baseline: ``zero``; or ``mean``, a unit's mean over the inputs and their tokens.
        donors: One other input for each input, whose activations replace its own (activation
            patching); then the baseline is theirs.
        steps: 1 for one backward pass; more follow each unit's own path (see the module).
        probes: Of the second-order term, drawn by the seed, each two passes for all units; 0 for
            none. Their noise falls with inputs times probes.
        norms: Whether norms that read what heads, neurons, dimensions of the stream and directions
            in it write are taken exactly, where there are neither steps nor probes.
    Raises:
        UnknownHookPointError, UnsupportedHookError: a hook point is not there, or has no units
            that can be replaced.
        ConfigError: sites of both towers, another number of donors than of inputs, ``steps`` below
            1, probes beside steps, or an unknown baseline.
        DataError: no input or no target.
    Example:
        >>> found = attribution_patching(clip, images, ["a dog"])          # doctest: +SKIP
        >>> found.mean()["vision.blocks.5.mlp.post"].argmin()              # doctest: +SKIP
        101
    """
    names = units if units is not None else sites
    tower, _ = points_of(clip, names)
    by_point = units_by_point(clip, names)
    for point, _ in by_point:
        refuse_looking(point)
        refuse_normalised(clip, point)
    points = [point for point, _ in by_point]
    numbers_by_point = {  # signs are drawn in this order: of a whole hook point, always its own
        point.name: numbers if len(numbers) < point.n_units else list(range(point.n_units))
        for point, numbers in by_point
    }
    refuse_passes(steps, probes)
    texts = [texts] if isinstance(texts, str) else list(texts)
    n = len(images if tower == "vision" else texts)
    if donors is not None and len(donors) != n:
        raise ConfigError(f"{len(donors)} donors were given for {n} inputs: give one for each.")
    if baseline not in ("zero", "mean"):
        raise ConfigError(f"The baseline {baseline!r} is not known: use 'zero' or 'mean'.")
    data = InputsWithTargets(clip, tower, images, texts, score, batch_size)
    m = len(data.targets)
    means: dict[str, Tensor] = {}
    if baseline == "mean" and donors is None:
        scales = site_scales(data.inputs, points)
        means = {name: scale.average for name, scale in scales.items()}
    donor_acts = None
    if donors is not None:
        donor_acts = _activations(Inputs(clip, tower, donors, data.inputs.batch_size), points)

    def new(act: Tensor, point: HookPoint, rows: Sequence[int]) -> Tensor:
        if donor_acts is None:
            return means[point.name].to(act).expand_as(act) if means else torch.zeros_like(act)
        other = torch.stack([donor_acts[point.name][row] for row in rows]).to(act)
        if other.shape != act.shape:
            raise ConfigError(
                f"A donor's activations at {point.name} have the shape {tuple(other.shape[1:])} "
                f"and an input's {tuple(act.shape[1:])}: give donors of the same size or length."
            )
        return other

    predictor = Predictor(
        data, points, numbers_by_point, new, steps=steps, probes=probes, norms=norms, seed=seed
    )
    effects = {point.name: np.full((n, m, point.n_units), np.nan) for point in points}
    for rows, changes in predictor.batches():
        for name, values in changes.items():
            cells = np.ix_(rows, range(m), numbers_by_point[name])
            effects[name][cells] = values * data.factor
    for name, second in predictor.second_order().items():
        effects[name][..., numbers_by_point[name]] += second * data.factor
    return PredictedEffects(
        effects=effects,
        targets=data.targets,
        score=score,
        baseline="donors" if donors is not None else baseline,
        steps=steps,
        probes=probes,
        norms=predictor.norms is not None,
        n_backward=predictor.n_backward,
        provenance=clip.provenance(),
    )


def _activations(inputs: Inputs, points: Sequence[HookPoint]) -> dict[str, dict[int, Tensor]]:
    """Hook point -> input -> its activations."""
    acts_by_point: dict[str, dict[int, Tensor]] = {point.name: {} for point in points}
    for batch in inputs.batches():
        with capture(inputs.clip, [point.name for point in points], pool="none") as acts:
            inputs.run(batch)
        for point in points:
            acts_by_point[point.name] |= dict(zip(batch.rows, acts[point.name], strict=True))
    return acts_by_point
