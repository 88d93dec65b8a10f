"""A linear map of image or text embeddings, brought back to unit length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from clipprobe.edits.part import PlainPart, floats
from clipprobe.errors import ConfigError
from clipprobe.models.families.rewired import Map, Rewired
from clipprobe.models.network import Network

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models import Clip

Embedding = Literal["image", "text", "both"]


@dataclass(frozen=True, init=False, eq=False)
class Projection(PlainPart):
    """``x -> unit(matrix @ x)`` of image embeddings, text embeddings or both.

    Args:
        matrix: ``(d_embed, d_embed)``.
        of: Which embeddings.
    Raises:
        ConfigError: the matrix is not square or not finite, or ``of`` is none of the three.
    """

    kind: ClassVar[str] = "projection"
    matrix: npt.NDArray[Any]
    of: Embedding

    def __init__(self, matrix: Any, of: Embedding = "both") -> None:
        matrix_checked = square(matrix, "The matrix of a projection")
        if of not in get_args(Embedding):
            raise ConfigError(f"A projection is of image, text or both embeddings, not of {of!r}.")
        object.__setattr__(self, "matrix", matrix_checked)
        object.__setattr__(self, "of", of)

    @classmethod
    def without(cls, directions: Any, of: Embedding = "both") -> Self:
        """The projection on all that is orthogonal to some directions, ``(k, d_embed)``."""
        rows = np.atleast_2d(floats(directions, "The directions of a projection"))
        basis, values, _ = np.linalg.svd(rows.astype(np.float64).T, full_matrices=False)
        basis = basis[:, values > 1e-6 * values[0]]
        return cls(np.eye(rows.shape[1]) - basis @ basis.T, of)

    @classmethod
    def dropping(cls, dimensions: Sequence[int], d_embed: int, of: Embedding = "both") -> Self:
        """Set some dimensions of the joint space to zero."""
        diagonal = np.ones(d_embed)
        diagonal[list(dimensions)] = 0.0
        return cls(np.diag(diagonal), of)

    def onto(self, clip: Clip, network: Network) -> Network:
        """A map behind each tower's projection."""
        check_width(self.matrix, clip, "The matrix of a projection")
        change = _map(self.matrix)
        image = (change,) if self.of in ("image", "both") else ()
        text = (change,) if self.of in ("text", "both") else ()
        return network.changed(adapter=Rewired.of(network.adapter, image=image, text=text))

    def __str__(self) -> str:
        which = "image and text" if self.of == "both" else self.of
        d = len(self.matrix)
        return f"projection of the {which} embeddings ({d} x {d})"


def square(matrix: Any, what: str) -> npt.NDArray[Any]:
    """A square matrix of finite numbers."""
    array = floats(matrix, what, 2)
    if array.shape[0] != array.shape[1]:
        raise ConfigError(f"{what} is of shape {array.shape}, and it must be square.")
    return array


def check_width(array: npt.NDArray[Any], clip: Clip, what: str) -> None:
    """Refuse numbers of another width than the joint space has."""
    if array.shape[-1] != clip.d_embed:
        raise ConfigError(
            f"{what} is of width {array.shape[-1]}, and the joint space of {clip.id} has "
            f"{clip.d_embed} dimensions: the edit was made for another model."
        )


def _map(matrix: npt.NDArray[Any]) -> Map:
    def change(vectors: Tensor) -> Tensor:
        import torch

        weight = torch.from_numpy(matrix.astype(np.float32)).to(vectors.device)
        return vectors @ weight.T

    return change
