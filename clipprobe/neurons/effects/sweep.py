"""Many changes of units over the same inputs: one forward pass per input and condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.attribution.readout import ScoreName
from clipprobe.memory import fitting_batch
from clipprobe.tracing import Score
from clipprobe.tracing.inputs import Inputs, encode_other, names_of
from clipprobe.tracing.scales import SiteScale, site_scales
from clipprobe.tracing.units import find_units

if TYPE_CHECKING:
    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip


class InputsWithTargets:
    """The inputs of one tower, and what their scores are with: the other tower's vectors."""

    def __init__(
        self,
        clip: Clip,
        tower: str,
        images: Sequence[Any],
        texts: Sequence[str],
        score: ScoreName,
        batch_size: int,
    ) -> None:
        texts = [texts] if isinstance(texts, str) else list(texts)
        rows, others = (images, texts) if tower == "vision" else (texts, images)
        batch_size = fitting_batch(clip, batch_size, len(rows), tower=tower)
        self.clip, self.tower = clip, tower
        self.inputs = Inputs(clip, tower, rows, batch_size)
        self.targets = names_of(others)
        self.others = encode_other(clip, tower, others, batch_size).double()
        self.factor = float(clip.scale) if score == "logit" else 1.0

    @property
    def scores(self) -> list[Score]:
        """One for each target, as cosines."""
        rows = zip(self.targets, self.others.cpu().numpy(), strict=True)
        return [Score(name=name, direction=row) for name, row in rows]


class Sweep(InputsWithTargets):
    """Many changes of units over the same inputs: each input is decoded once and runs once per
    condition, a batch at a time."""

    def __init__(
        self,
        clip: Clip,
        images: Sequence[Any],
        texts: Sequence[str],
        units: Sequence[str],
        *,
        score: ScoreName = "logit",
        batch_size: int = 32,
    ) -> None:
        self.units = find_units(clip, units)
        tower = next(point.tower for point, _ in self.units.values())
        super().__init__(clip, tower, images, texts, score, batch_size)

    def scales(
        self,
        progress: Callable[[int], None] | None = None,
        keep: Sequence[tuple[HookPoint, int]] = (),
    ) -> dict[str, SiteScale]:
        """Scales of the hook points of the units."""
        points = {point.name: point for point, _ in self.units.values()}
        numbers: dict[str, list[int]] = {}
        for point, unit in keep:
            numbers.setdefault(point.name, []).append(unit)
        return site_scales(self.inputs, points.values(), keep=numbers, progress=progress)

    def deltas(
        self,
        changes: Mapping[tuple[str, str], Any],
        progress: Callable[[int], None] | None = None,
    ) -> dict[tuple[str, str], Floats]:
        """``(n, m)`` changed minus clean scores of each condition."""
        from clipprobe.hooks import intervene

        n, m = len(self.inputs), len(self.others)
        deltas = {key: np.zeros((n, m)) for key in changes}
        for batch in self.inputs.batches():
            clean = self.inputs.run(batch).double()
            for key, how in changes.items():
                with intervene(self.clip, {key[0]: how}):
                    changed = self.inputs.run(batch).double()
                delta = (changed - clean) @ self.others.T * self.factor
                deltas[key][batch.rows] = delta.cpu().numpy()
            if progress is not None:
                progress(len(batch.rows) * (1 + len(changes)))
        return deltas
