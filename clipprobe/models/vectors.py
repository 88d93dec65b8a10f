"""Embeddings as numbers: unit length, and out of torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor

Embeddings = npt.NDArray[np.float32]


def unit(vectors: Tensor) -> Tensor:
    """Float32 rows of length 1."""
    vectors = vectors.float()
    lengths: Tensor = vectors.norm(dim=-1, keepdim=True)
    return vectors / lengths


def as_numpy(tensor: Tensor) -> Embeddings:
    """A detached float32 copy on the host."""
    array: Embeddings = tensor.detach().cpu().numpy()
    return array
