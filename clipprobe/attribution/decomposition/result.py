"""What an embedding is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingParts:
    """The unit embedding of one image or text as a sum of vectors in the joint space."""

    tower: str
    """``vision`` or ``text``."""
    input: str
    """The image's name, or the text."""
    embedding: Floats
    """``(d,)`` as the model gives it."""
    heads: NDArray[np.float32]
    """``(n_blocks, n_heads, t, d)`` what each head moved from each token."""
    neurons: NDArray[np.float32]
    """``(n_blocks, d_mlp, d)`` what each neuron wrote."""
    terms: Mapping[str, Floats]
    """Name -> ``(d,)`` of the rest: the stream before the first block, biases, and a pooling head's
    MLP."""
    tokens: tuple[str, ...]
    """What the tokens are: ``class token`` and ``row, column`` of patches; pieces of text."""
    grid: tuple[int, int]
    """Rows and columns of the patches; (0, 0) for texts."""
    first_patch: int
    """Token number of the first patch."""
    provenance: Mapping[str, Any]
    """Model, versions."""

    @property
    def total(self) -> Floats:
        """The sum of all parts, ``(d,)``."""
        sum_of_terms: Floats = (
            self.heads.astype(np.float64).sum(axis=(0, 1, 2))
            + self.neurons.astype(np.float64).sum(axis=(0, 1))
            + sum(self.terms.values(), np.zeros_like(self.embedding))
        )
        return sum_of_terms

    @property
    def gap(self) -> float:
        """Largest difference between the sum of the parts and the embedding."""
        return float(np.abs(self.total - self.embedding).max())

    def map(self, direction: NDArray[Any]) -> Floats:
        """``(rows, columns)``: what the heads moved from each patch, along a direction ``(d,)``."""
        moved = (self.heads @ direction).sum(axis=(0, 1), dtype=np.float64)
        laid_out: Floats = moved[self.first_patch :].reshape(self.grid)
        return laid_out

    def ranked(self, direction: NDArray[Any], k: int = 10) -> list[tuple[str, float]]:
        """The k parts with the largest magnitude along a direction: heads, neurons and terms.

        Heads are summed over tokens; names are unit addresses where there is one.
        """
        heads = (self.heads @ direction).sum(axis=2, dtype=np.float64)
        neurons = (self.neurons @ direction).astype(np.float64)
        ranking = [(name, float(vector @ direction)) for name, vector in self.terms.items()]
        for site, values in (("attn.head_out", heads), ("mlp.post", neurons)):
            flat = values.reshape(-1)
            for place in np.argsort(-np.abs(flat), kind="stable")[:k]:
                block, unit = divmod(int(place), values.shape[1])
                ranking.append((f"{self.tower}.blocks.{block}.{site}:{unit}", float(flat[place])))
        return sorted(ranking, key=lambda one: (-abs(one[1]), one[0]))[:k]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, without the large arrays: sizes, terms' lengths, and the gap."""
        return {
            "tower": self.tower,
            "input": self.input,
            "embedding": self.embedding.tolist(),
            "n_blocks": len(self.heads),
            "n_heads": int(self.heads.shape[1]),
            "tokens": list(self.tokens),
            "grid": list(self.grid),
            "terms": {name: vector.tolist() for name, vector in self.terms.items()},
            "gap": self.gap,
            "provenance": dict(self.provenance),
        }
