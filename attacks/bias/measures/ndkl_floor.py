"""NDKL of random rankings: what a search shows where groups do not matter.

With counts ``c_ig`` of group g among the first i ranks, NDKL (of
:func:`attacks.bias.measures.retrieval.ndkl`) is, in another order of its sums,

    (1/Z) sum_i w_i [ (1/i) sum_g c_ig ln c_ig - ln i - (1/i) sum_g c_ig ln p_g ]

with ``w_i = 1 / log2(i + 1)``, so that counts, which are whole numbers
outside tied blocks, look their logarithms up, and both targets share the first two parts.
"""

from __future__ import annotations

import numpy as np

from attacks.bias.measures.draws import Floats, Labels
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.retrieval import TARGETS, target_shares, tied_blocks

NDKL_PERMUTATIONS = 500  # its floor needs a mean and a percentile, not a small p
_ROWS = 50  # permutations of one block


class NdklFloors:
    """One floor serves all items where labels are permuted over all ranks and no ranks are tied;
    with clusters or strata it depends on where these stand in the ranking."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._shared: dict[str, Floats] | None = None

    def __call__(self, item: int) -> dict[str, Floats]:
        """NDKL of permuted labels, ``(b,)``, for each target."""
        scores = self.frame.scores[:, item]
        if self.frame.conditional or len(np.unique(scores)) < len(scores):
            return self._floor(scores)
        if self._shared is None:
            self._shared = self._floor(scores)
        return self._shared

    def _floor(self, scores: Floats) -> dict[str, Floats]:
        ranks, n_groups, remaining = _Ranks(scores), len(self.frame.sizes), NDKL_PERMUTATIONS
        floors: dict[str, list[Floats]] = {target: [] for target in TARGETS}
        for chunk in self.frame.permutations:
            for start in range(0, min(remaining, len(chunk)), _ROWS):
                labels = chunk[start : min(start + _ROWS, remaining)]
                entropy, depths, sizes = ranks.sums(labels, n_groups)
                for target, values in floors.items():
                    shares = target_shares(sizes, target)
                    values.append(entropy - (depths * np.log(shares)).sum(axis=1))
            remaining = max(0, remaining - len(chunk))
            if not remaining:
                break
        return {target: np.concatenate(values) for target, values in floors.items()}


class _Ranks:
    """One ranking: the order of the images, the weight of every rank, and the tied ones."""

    def __init__(self, scores: Floats) -> None:
        n = len(scores)
        self.order, starts, sizes = tied_blocks(scores)
        discount = 1 / np.log2(np.arange(2, n + 2))
        depth = np.arange(1, n + 1)
        self.weights = discount / discount.sum() / depth
        self.constant = float((self.weights * depth * np.log(depth)).sum())
        self.x_ln_x = np.arange(n + 1) * np.log(np.maximum(np.arange(n + 1), 1))
        block = np.repeat(np.arange(len(starts)), sizes)
        self.tied = np.flatnonzero(sizes[block] > 1)
        of = block[self.tied]
        self.first, self.last = starts[of], starts[of] + sizes[of] - 1
        self.share = (self.tied - self.first + 1) / sizes[of]  # of its block, down to this rank
        # An image at rank j is counted at this and every deeper rank; tied ones share their ranks.
        deeper = np.cumsum(self.weights[::-1])[::-1]
        self.deeper = (np.add.reduceat(deeper, starts) / sizes)[block]

    def sums(self, labels: Labels, n_groups: int) -> tuple[Floats, Floats, Floats]:
        """Of permuted labels ``(b, n)``: the parts of NDKL without targets ``(b,)``, what
        multiplies ``ln p_g``, and the sizes of the groups, ``(b, n_groups)`` each."""
        ordered = labels[:, self.order]
        entropy: Floats = np.full(len(labels), -self.constant)
        depths, sizes = np.empty((2, len(labels), n_groups))
        for g in range(n_groups):
            inside = ordered == g
            counts = np.cumsum(inside, axis=1, dtype=np.int32)
            terms = self.x_ln_x[counts]
            if len(self.tied):
                before = counts[:, self.first] - inside[:, self.first]
                within = before + (counts[:, self.last] - before) * self.share
                terms[:, self.tied] = within * np.log(np.where(within > 0, within, 1.0))
            entropy += terms @ self.weights
            depths[:, g] = inside @ self.deeper
            sizes[:, g] = counts[:, -1]
        return entropy, depths, sizes
