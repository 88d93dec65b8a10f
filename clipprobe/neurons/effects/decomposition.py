"""Which parts of a tower make one score: an exact sum over embedding, heads, MLPs and biases.

Every head and every MLP of a pre-norm tower adds to one residual stream, and the score is linear in
that stream once the last norm's statistics are fixed (see ``readout``). So the score is the sum of
what each part wrote, read off in the direction of the other tower's vector: *direct* effects
(Gandelsman et al. 2024, arXiv:2310.05916, eq. 3-6; Elhage et al. 2021, "A Mathematical Framework
for Transformer Circuits"). An MLP's part is the sum over its neurons, a head's the sum over the
tokens that it moved.

Limits: a part that acts only through later parts (most neurons before the last blocks) has hardly
any direct effect; what it does in all is measured by ablation (``total``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.attribution.readout import ScoreName
from clipprobe.errors import UnknownHookPointError
from clipprobe.memory import fitting_batch
from clipprobe.people import refuse_person_groups
from clipprobe.runs import jsonio
from clipprobe.tracing.inputs import Inputs, encode_other, names_of
from clipprobe.tracing.parts import TowerParts

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """The scores of n inputs with m targets, as sums.

    ``tower``: the tower that is taken apart.
    ``score``: ``logit`` or ``cosine``; the unit of every number.
    ``inputs``, ``targets``: their names: images and texts, or for the text tower the reverse.
    ``terms``: names of the K parts: ``embed``, ``<hook point>:<head>``, ``<hook point>``, biases.
    ``values``: ``(n, m, K)`` direct effects, in the unit of the score.
    ``totals``: ``(n, m)`` the scores as the model computes them.
    ``neurons``: hook point -> ``(n, m, d_mlp)``; sums to the term of its ``mlp.out``.
    ``tokens``: hook point -> ``(n, m, n_heads, t)``: what each head moved from each token; sums to
    the head's term. Empty unless asked for.
    ``provenance``: model and versions.
    """

    tower: str
    score: str
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    terms: tuple[str, ...]
    values: Floats
    totals: Floats
    neurons: Mapping[str, Floats]
    tokens: Mapping[str, Floats]
    provenance: Mapping[str, Any]

    @property
    def gap(self) -> float:
        """Largest difference between a sum of terms and the model's own score."""
        return float(np.abs(self.values.sum(axis=-1) - self.totals).max())

    def term(self, name: str) -> Floats:
        """``(n, m)`` of one term.

        Raises:
            UnknownHookPointError: there is none of that name.
        """
        if name not in self.terms:
            from clipprobe.hooks.sites import nearest

            raise UnknownHookPointError(
                f"This decomposition has no term {name!r}; the nearest of its {len(self.terms)} "
                f"are {', '.join(nearest(name, self.terms))}."
            )
        return self.values[..., self.terms.index(name)]

    def strongest(self, row: int = 0, target: int = 0, k: int = 10) -> list[tuple[str, float]]:
        """The k terms and neurons' blocks with the largest magnitude for one pair."""
        values = self.values[row, target]
        order = np.argsort(-np.abs(values), kind="stable")[:k]
        return [(self.terms[i], float(values[i])) for i in order]

    def strongest_neurons(
        self, row: int = 0, target: int = 0, k: int = 10
    ) -> list[tuple[str, float]]:
        """The k neurons with the largest direct effect in magnitude, as ``(address, effect)``."""
        strongest = [
            (f"{site}:{index}", float(values[row, target, index]))
            for site, values in self.neurons.items()
            for index in np.argsort(-np.abs(values[row, target]), kind="stable")[:k]
        ]
        return sorted(strongest, key=lambda one: (-abs(one[1]), one[0]))[:k]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, without the per-neuron and per-token arrays."""
        kept = [one.name for one in fields(self) if one.name not in ("neurons", "tokens")]
        result = jsonio.plain({name: getattr(self, name) for name in (*kept, "gap")})
        return cast("dict[str, Any]", result)


def decompose(
    clip: Clip,
    images: Sequence[Any],
    texts: Sequence[str],
    *,
    tower: str = "vision",
    score: ScoreName = "logit",
    tokens: bool = False,
    batch_size: int = 32,
) -> Decomposition:
    """Take the score of every image with every text apart.

    Args:
        images: Paths, Pillow images, arrays ``(h, w, 3)`` or records.
        tower: ``vision`` takes the image encoder apart and keeps the texts fixed; ``text`` the
            reverse, and then rows are texts and columns images.
        score: ``logit`` or ``cosine``.
        tokens: Also share each head's part out over the tokens it was moved from.
    Raises:
        UnsupportedHookError: the tower has no exact decomposition (ResNets, post-norm towers), or
            ``tokens`` was asked for where attention is fused; the message says why.
        ConfigError: a text says what the person in an image is.
    Example:
        >>> found = decompose(clip, [image], ["a dog"])  # doctest: +SKIP
        >>> abs(found.values.sum(-1) - found.totals).max() < 1e-5  # doctest: +SKIP
        True
    """
    if isinstance(texts, str):
        texts = [texts]
    refuse_person_groups(texts, "decompose")
    parts = TowerParts(clip, tower, score, tokens=tokens)
    rows, others = (images, texts) if tower == "vision" else (texts, images)
    inputs = Inputs(clip, tower, rows, fitting_batch(clip, batch_size, len(rows), tower=tower))
    targets = encode_other(clip, tower, others, batch_size)
    n, m = len(inputs), len(targets)
    names: tuple[str, ...] = ()
    values = np.zeros((n, m, 0))
    totals = np.zeros((n, m))
    neurons: dict[str, Floats] = {}
    moved: dict[str, list[Floats | None]] = {}
    for batch in inputs.batches():
        activations = parts.run(inputs, batch, targets)
        terms = parts.terms(activations)
        if not names:
            names = tuple(terms)
            values = np.zeros((n, m, len(names)))
        values[batch.rows] = np.stack([terms[name] for name in names], axis=-1)
        totals[batch.rows] = activations.totals
        for name, array in parts.neurons(activations).items():
            neurons.setdefault(name, np.zeros((n, m, array.shape[-1])))[batch.rows] = array
        for name, array in parts.moved(activations).items():
            slot = moved.setdefault(name, [None] * n)
            for row, one in zip(batch.rows, array, strict=True):
                slot[row] = one
    return Decomposition(
        tower=tower,
        score=score,
        inputs=names_of(rows),
        targets=names_of(others),
        terms=names,
        values=values,
        totals=totals,
        neurons=neurons,
        tokens={name: _padded([one for one in rows if one is not None])
                for name, rows in moved.items()},
        provenance=clip.provenance(),
    )  # fmt: skip


def _padded(rows: list[Floats]) -> Floats:
    """``(n, m, h, t)``; texts of fewer tokens are filled up with zeros."""
    longest = max(row.shape[-1] for row in rows)
    return np.stack([np.pad(row, ((0, 0), (0, 0), (0, longest - row.shape[-1]))) for row in rows])
