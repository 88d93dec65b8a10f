"""Where does an answer come from? Activation patching over hook points and positions, in batches.

For every pair, hook point and position: the clean input runs with the other input's activations at
that position, and its score is compared with the clean one (Vig et al. 2020; Meng et al. 2022,
"Locating and Editing Factual Associations in GPT", arXiv:2202.05262; Heimersheim and Nanda 2024,
"How to use and interpret activation patching", arXiv:2404.15255). ``share`` is that change in
units of the whole difference between the two inputs: 1 where the position carries all of it.

Beside it stand the noise floor (the clean input's own activations patched in, which should change
nothing) and a control: the same positions patched from the other input of a *different* pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.hooks import intervene
from clipprobe.neurons.circuits.pairs import PairBatch, Pairs
from clipprobe.neurons.effects.changes import derangement
from clipprobe.tracing.units import points_of

if TYPE_CHECKING:
    from clipprobe.models import Clip

_SMALL = 10.0  # a difference below this many noise floors has no share
ALL = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSweep:
    """What patching each hook point at each position changes.

    Attributes:
        sites: Hook points or units, in the order given.
        positions: Token positions (0 is the class token of a vision tower that has one); -1 stands
            for all of them at once.
        targets: What the scores are with.
        clean, other: ``(n, m)`` logits of the two inputs of each pair.
        effects: ``(n, m, n_sites, n_positions)``, patched minus clean logit.
        control: The same with the activations of another pair's other input; NaN where there is
            one pair only.
        noise: Largest change of a logit by patching an input with its own activations.
        provenance: Of the model.
    """

    sites: tuple[str, ...]
    positions: tuple[int, ...]
    targets: tuple[str, ...]
    clean: Floats
    other: Floats
    effects: Floats
    control: Floats
    noise: float
    provenance: dict[str, Any]

    @property
    def share(self) -> Floats:
        """Effects in units of other minus clean; NaN where the two inputs hardly differ."""
        return self._share(self.effects)

    def mean_share(self) -> Floats:
        """``(n_sites, n_positions)``: mean over pairs and targets; NaN where none is defined."""
        return _mean(self.share)

    def mean_control(self) -> Floats:
        """The same share of the control: what another pair's other input does there."""
        return _mean(self._share(self.control))

    def _share(self, effects: Floats) -> Floats:
        whole = (self.other - self.clean)[..., None, None]
        small = np.abs(whole) <= max(_SMALL * self.noise, np.finfo(np.float32).tiny)
        return np.asarray(np.where(small, np.nan, effects / np.where(small, 1.0, whole)))


def _mean(share: Floats) -> Floats:
    """Over pairs and targets, of what is defined."""
    known = np.isfinite(share)
    total = np.where(known, share, 0.0).sum(axis=(0, 1))
    n = known.sum(axis=(0, 1))
    return np.asarray(np.where(n > 0, total / np.maximum(n, 1), np.nan))


def patch_sweep(
    clip: Clip,
    clean: Sequence[Any],
    other: Sequence[Any],
    targets: Sequence[Any],
    *,
    sites: str | Sequence[str] = "vision.blocks.*.resid_post",
    positions: Sequence[int] | str = "each",
    batch_size: int = 32,
    seed: int = 0,
) -> PatchSweep:
    """Patch every hook point at every position from the other input of each pair.

    Args:
        clean, other: Images (for hook points of the vision tower) or texts, in pairs.
        targets: Texts for images, images for texts: what the scores are with.
        sites: Hook points, globs or units of one tower, with a token axis; no attention pattern.
        positions: ``each``; ``all`` for every position at once; or positions.
        batch_size: Rows in one forward pass; each holds one pair at one position.
        seed: Draws which pair's other input is the control of which.
    Raises:
        ConfigError: see :class:`~clipprobe.neurons.circuits.pairs.Pairs`; unknown positions.
        UnknownHookPointError, UnsupportedHookError: a hook point is not there or has no tokens.
    """
    tower, points = points_of(clip, sites)
    for address, point in points.items():
        if point.axes[1:2] != ("t",):
            raise UnsupportedHookError(
                f"{address} has no token axis to sweep over: name a site of a block, such as "
                "resid_post, attn.out, attn.z or mlp.post."
            )
    pairs = Pairs(clip, tower, clean, other, targets, batch_size)
    n, m = len(pairs), len(pairs.names)
    donors = derangement(n, seed) if n > 1 else None
    names = [point.name for point in points.values()]
    stored: dict[int, dict[str, Tensor]] = {}
    scores = np.zeros((2, n, m))
    for batch in pairs.batches():
        acts, logits = pairs.activations(batch.other, names)
        scores[1, batch.rows] = logits.numpy()
        for i, row in enumerate(batch.rows):
            stored[row] = {name: value[i] for name, value in acts.items()}
    where: list[int] = []
    effects = control = np.empty(0)
    noise = 0.0
    for batch in pairs.batches():
        own, logits = pairs.activations(batch.clean, names)
        scores[0, batch.rows] = logits.numpy()
        if not where:
            where = _positions(positions, max(value.shape[1] for value in own.values()))
            effects = np.full((n, m, len(points), len(where)), np.nan)
            control = np.full_like(effects, np.nan)
        for k, (address, point) in enumerate(points.items()):
            unit = None if address == point.name else int(address.rpartition(":")[2])
            itself = dict(enumerate(own[point.name]))
            (same,) = _patched_logits(pairs, batch, address, unit, itself, where[:1])
            noise = max(noise, float((same - logits).abs().max()))
            wrong: dict[int, Tensor] = {}
            if donors is not None:
                wrong = {i: stored[donors[row]][point.name] for i, row in enumerate(batch.rows)}
            right = {i: stored[row][point.name] for i, row in enumerate(batch.rows)}
            for source, into in ((right, effects), (wrong, control)):
                shapes = {value.shape for value in source.values()}
                if shapes == {own[point.name].shape[1:]}:
                    values = _patched_logits(pairs, batch, address, unit, source, where)
                    for j, patched in enumerate(values):
                        into[batch.rows, :, k, j] = (patched - logits).numpy()
    return PatchSweep(
        sites=tuple(points),
        positions=tuple(where),
        targets=pairs.names,
        clean=scores[0],
        other=scores[1],
        effects=effects,
        control=control,
        noise=noise,
        provenance=clip.provenance(),
    )


def _patched_logits(
    pairs: Pairs,
    batch: PairBatch,
    address: str,
    unit: int | None,
    activations: dict[int, Tensor],
    positions: Sequence[int],
) -> list[Tensor]:
    """Logits ``(b, m)`` for each position, with the activations that are given by row.

    The positions stand side by side as rows of a forward pass.
    """
    conditions = [(place, i) for place in positions for i in range(len(batch.rows))]
    rows = []
    for start in range(0, len(conditions), pairs.batch_size):
        part = conditions[start : start + pairs.batch_size]

        def patched(x: Tensor, part: list[tuple[int, int]] = part) -> Tensor:
            new = x.clone()
            for row, (place, i) in enumerate(part):
                tokens = slice(None) if place == ALL else place
                source = activations[i] if unit is None else activations[i][:, unit]
                new[row, tokens] = source[tokens].to(new)
            return new

        with intervene(pairs.clip, {address: patched}):
            rows.append(pairs.run(torch.stack([batch.clean[i] for _, i in part])))
    return list(torch.cat(rows).reshape(len(positions), len(batch.rows), -1))


def _positions(positions: Sequence[int] | str, n_tokens: int) -> list[int]:
    if positions == "each":
        return list(range(n_tokens))
    if positions == "all":
        return [ALL]
    outside = [p for p in positions if isinstance(p, str) or not 0 <= int(p) < n_tokens]
    if isinstance(positions, str) or outside or not positions:
        raise ConfigError(
            f"positions={positions!r} is not 'each', 'all' or positions from 0 to {n_tokens - 1}."
        )
    return [int(place) for place in positions]
