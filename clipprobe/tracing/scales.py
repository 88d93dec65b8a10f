"""How strong the units of a hook point are over a set of inputs, and what they are replaced with.

One streaming pass: per unit the root mean square and standard deviation over all inputs and tokens,
and the mean activation (per token in the vision tower, where tokens are places; over all tokens in
the text tower). A head's strength is the length of what it writes. Activations of single units are
kept for every input only where resampling needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.tracing.inputs import Inputs

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.hooks import HookPoint


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteScale:
    """The units of one hook point over a set of inputs.

    ``rms``, ``std``: ``(n_units,)`` over inputs and tokens; of a head's output vector the root
    mean squared length, about zero and about its mean.
    ``mean``: what mean ablation puts there, with the axes of the hook point after the batch; one
    token for texts.
    ``average``: each unit's mean over inputs and tokens, with those axes, of length 1.
    ``kept``: unit -> its activations ``(n, t, ...)`` on every input, where they were asked for.
    ``n_inputs``: how many inputs.
    """

    rms: Floats
    std: Floats
    mean: Tensor
    average: Tensor
    kept: Mapping[int, Tensor]
    n_inputs: int


class _Moments:
    """Running sums of one hook point, in float64."""

    def __init__(self, point: HookPoint, keep: Iterable[int]) -> None:
        self.point = point
        self.keep = sorted(set(keep))
        self.n = 0
        self.n_values = 0
        self.sums: Any = 0.0
        self.squares: Any = 0.0
        self.means: Any = 0.0
        self.rows: list[int] = []
        self.shape: tuple[int, ...] = ()
        self.kept: dict[int, list[Tensor]] = {unit: [] for unit in self.keep}

    def add(self, value: Tensor, rows: list[int]) -> None:
        """One batch with the axes of the hook point."""
        from clipprobe.hooks.arithmetic import as_tokens

        x = value.double()
        tokens = as_tokens(x.contiguous(), self.point.axes)  # b t u ...
        flat = tokens.flatten(0, 1)  # n u ...
        power = flat**2 if flat.ndim == 2 else (flat**2).sum(dim=-1)
        self.n += len(value)
        self.n_values += len(flat)
        self.sums = self.sums + flat.sum(dim=0)
        self.squares = self.squares + power.sum(dim=0)
        if self.point.tower == "vision":
            self.means = self.means + x.sum(dim=0)
        self.rows += rows
        self.shape = tuple(value.shape[1:])
        for unit in self.keep:
            self.kept[unit] += list(value.select(self.point.unit_axis, unit))

    def result(self) -> SiteScale:
        import torch

        mean = self.sums / self.n_values  # u or u d
        power = self.squares / self.n_values
        centre = mean**2 if mean.ndim == 1 else (mean**2).sum(dim=-1)
        variance = (power - centre).clamp(min=0)
        replacement = self.means / self.n if self.point.tower == "vision" else mean[None]
        if "t" not in self.point.axes and "h" not in self.point.axes:
            replacement = mean
        shape = zip(self.point.axes[1:], self.shape, strict=True)
        order = np.argsort(self.rows, kind="stable")
        kept = {}
        for unit, values in self.kept.items():
            if len({value.shape for value in values}) == 1:
                kept[unit] = torch.stack([values[i] for i in order])
        return SiteScale(
            rms=power.sqrt().cpu().numpy(),
            std=variance.sqrt().cpu().numpy(),
            mean=replacement,
            average=mean.reshape([1 if axis in "bthw" else size for axis, size in shape]),
            kept=kept,
            n_inputs=self.n,
        )


def site_scales(
    inputs: Inputs,
    points: Iterable[HookPoint],
    *,
    keep: Mapping[str, Iterable[int]] | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, SiteScale]:
    """Run all inputs once and measure the units of some hook points.

    Args:
        keep: Hook point -> units whose activations are kept for every input. Units whose inputs
            have different numbers of tokens are left out of ``kept``.
        progress: Called with the number of inputs done.
    """
    from clipprobe.hooks import capture

    wanted_units = keep or {}
    moments = {point.name: _Moments(point, wanted_units.get(point.name, ())) for point in points}
    for batch in inputs.batches():
        with capture(inputs.clip, list(moments)) as acts:
            inputs.run(batch)
        for name, one in moments.items():
            one.add(acts[name], batch.rows)
        if progress is not None:
            progress(len(batch.rows))
    return {name: one.result() for name, one in moments.items()}
