"""Rules on class vectors, given the names of the classes.

They act where texts become a classifier (zero-shot answers, typographic and bias audits), never on
the embedding of a text by itself. Every rule brings vectors back to unit length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from clipprobe.edits.part import Arrays, PlainPart, floats
from clipprobe.edits.projection import check_width, square
from clipprobe.errors import ConfigError
from clipprobe.models.network import ClassRule, Network

if TYPE_CHECKING:
    from clipprobe.models import Clip

Vectors = npt.NDArray[Any]


@dataclass(frozen=True)
class CentredClasses(PlainPart):
    """Subtract a share of the classes' mean; one class alone is left as it is.

    Args:
        share: Of the mean, above 0 and at most 1.
    """

    kind: ClassVar[str] = "centred-classes"
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError(f"The share of the mean is above 0 and at most 1, not {self.share}.")
        object.__setattr__(self, "share", float(self.share))

    def onto(self, clip: Clip, network: Network) -> Network:
        """Behind the rules that are there."""

        def rule(names: Sequence[str], vectors: Vectors) -> Vectors:
            if len(vectors) < 2:
                return vectors
            mean = vectors.mean(axis=0, dtype=np.float64)
            return _unit(vectors - self.share * mean, vectors)

        return _with(network, rule)

    def __str__(self) -> str:
        return f"class vectors less {self.share:g} of their mean"


@dataclass(frozen=True, init=False, eq=False)
class ClassProjection(PlainPart):
    """``w -> unit(matrix @ w)`` of every class vector.

    Args:
        matrix: ``(d_embed, d_embed)``.
        name: What the matrix is called, for reports.
    """

    kind: ClassVar[str] = "class-projection"
    matrix: npt.NDArray[Any]
    name: str

    def __init__(self, matrix: Any, name: str = "") -> None:
        object.__setattr__(self, "matrix", square(matrix, "The matrix of a class projection"))
        object.__setattr__(self, "name", name)

    def onto(self, clip: Clip, network: Network) -> Network:
        """Behind the rules that are there."""
        check_width(self.matrix, clip, "The matrix of a class projection")
        return _with(network, lambda names, vectors: _unit(vectors @ self.matrix.T, vectors))

    def __str__(self) -> str:
        d = len(self.matrix)
        called = f" {self.name}" if self.name else ""
        return f"class vectors by the matrix{called} ({d} x {d})"


@dataclass(frozen=True, init=False, eq=False)
class ClassOffsets:
    """Add a vector to the class vectors of some names; classes of other names stay.

    Args:
        offsets: Class name -> ``(d_embed,)``.
    """

    kind: ClassVar[str] = "class-offsets"
    names: tuple[str, ...]
    vectors: npt.NDArray[Any]

    def __init__(self, offsets: Mapping[str, Any]) -> None:
        if not offsets:
            raise ConfigError("No class was named: give a vector for at least one.")
        rows = [floats(one, f"The offset of {name!r}", 1) for name, one in offsets.items()]
        if len({len(row) for row in rows}) > 1:
            raise ConfigError("The offsets of classes have different widths.")
        object.__setattr__(self, "names", tuple(offsets))
        object.__setattr__(self, "vectors", floats(np.stack(rows), "Offsets", 2))

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """The names and a row for each."""
        return {"names": list(self.names)}, {"vectors": self.vectors}

    @classmethod
    def read(cls, fields: Mapping[str, Any], arrays: Arrays) -> Self:
        """From what :meth:`stored` gave."""
        return cls(dict(zip(fields["names"], arrays["vectors"], strict=True)))

    def onto(self, clip: Clip, network: Network) -> Network:
        """Behind the rules that are there."""
        check_width(self.vectors, clip, "An offset of a class")
        offsets = dict(zip(self.names, self.vectors, strict=True))
        zero = np.zeros(clip.d_embed)

        def rule(names: Sequence[str], vectors: Vectors) -> Vectors:
            if not offsets.keys() & set(names):
                return vectors
            added = np.stack([offsets.get(name, zero) for name in names])
            return _unit(vectors + added, vectors)

        return _with(network, rule)

    def __str__(self) -> str:
        return f"offsets of {len(self.names)} class vectors"


def _with(network: Network, rule: ClassRule) -> Network:
    return network.changed(classes=(*network.classes, rule))


def _unit(changed: Vectors, original: Vectors) -> Vectors:
    """Rows of unit length, in the type of those given.

    Raises:
        ConfigError: nothing is left of a class.
    """
    length = np.linalg.norm(changed.astype(np.float64), axis=1, keepdims=True)
    if not (length > 1e-9).all():
        raise ConfigError("The edit leaves nothing of a class vector: it cannot be used here.")
    result: Vectors = (changed / length).astype(original.dtype)
    return result
