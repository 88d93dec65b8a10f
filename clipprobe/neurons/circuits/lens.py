"""What would the model answer if it stopped at this block? The logit lens, for either tower.

The residual stream after each block is put in the place of the last one, so that the tower's own
end (last norm, pooling, projection) reads it (nostalgebraist 2020, "interpreting GPT: the logit
lens"). Nothing is trained, so early streams are read in a basis that they may not be written in: a
low score early is not proof that the information is absent; a probe may find it.

Control: the last block's lens is the model itself, and ``noise`` says how exactly; with labels the
accuracy stands beside that of the same lens with the labels permuted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.hooks import capture, intervene
from clipprobe.statistics import Estimate, wilson
from clipprobe.tracing.inputs import Inputs, encode_other, names_of

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class LogitLens:
    """Scores read off the residual stream of every block.

    Attributes:
        sites: ``<tower>.blocks.<i>.resid_post``, from the first block to the last.
        targets: What the scores are with.
        cosines: ``(n_sites, n_inputs, n_targets)``.
        noise: Largest difference between the last block's cosines and the model's own.
        provenance: Of the model.
    """

    sites: tuple[str, ...]
    targets: tuple[str, ...]
    cosines: Floats
    noise: float
    provenance: dict[str, Any]

    def accuracy(self, labels: Sequence[int]) -> list[Estimate]:
        """Share of inputs whose highest target is their label, by block, with Wilson intervals.

        Raises:
            ConfigError: not one label for each input, or one that is not a target.
        """
        right = np.asarray(labels)
        n_sites, n, m = self.cosines.shape
        if right.shape != (n,) or not np.isin(right, range(m)).all():
            raise ConfigError(f"Give one label from 0 to {m - 1} for each of the {n} inputs.")
        hits = (self.cosines.argmax(axis=2) == right).sum(axis=1)
        return [wilson(int(hits[site]), n) for site in range(n_sites)]

    def permuted_accuracy(self, labels: Sequence[int], *, seed: int = 0) -> list[Estimate]:
        """The same with the labels permuted over inputs: what the lens shows of nothing."""
        return self.accuracy(np.random.default_rng(seed).permutation(np.asarray(labels)).tolist())


def logit_lens(
    clip: Clip,
    inputs: Sequence[Any],
    targets: Sequence[Any],
    *,
    tower: str = "vision",
    batch_size: int = 32,
) -> LogitLens:
    """Read the residual stream of every block with the end of the tower.

    Args:
        inputs: Images for the vision tower, texts for the text tower.
        targets: Texts for the vision tower, images for the text tower.
        tower: ``vision`` or ``text``.
    Raises:
        UnsupportedHookError: the tower has no blocks (a ResNet).
        ConfigError: an unknown tower. DataError: nothing to run, or nothing to compare with.
    """
    anatomy = clip.anatomy.tower(tower)
    if not anatomy.blocks:
        raise UnsupportedHookError(
            f"The {tower} tower of {clip.id} has no blocks with one residual stream: the logit "
            "lens needs a transformer."
        )
    listed = [inputs] if isinstance(inputs, str) else list(inputs)
    rows = Inputs(clip, tower, listed, batch_size)
    named = [targets] if isinstance(targets, str) else list(targets)
    others = encode_other(clip, tower, named, batch_size).double()
    names = [f"{tower}.blocks.{i}.resid_post" for i in range(len(anatomy.blocks))]
    cosines = np.zeros((len(names), len(listed), len(others)))
    noise = 0.0
    for batch in rows.batches():
        with capture(clip, names, pool="none") as acts:
            own = rows.run(batch).double() @ others.T
        for site, name in enumerate(names):
            stream = acts[name]
            with intervene(clip, {names[-1]: lambda value, stream=stream: stream.to(value)}):
                read = rows.run(batch).double() @ others.T
            cosines[site, batch.rows] = read.cpu().numpy()
        noise = max(noise, float((read - own).abs().max()))
    return LogitLens(
        sites=tuple(names),
        targets=names_of(named),
        cosines=cosines,
        noise=noise,
        provenance=clip.provenance(),
    )
