"""What an edit is made of: parts that can be stored, each of which changes one place of a model."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from clipprobe.errors import ConfigError
from clipprobe.registry import Registry

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.models.network import Network

Arrays = Mapping[str, npt.NDArray[Any]]


@runtime_checkable
class Part(Protocol):
    """One change that can be stored; a value that is never changed."""

    kind: ClassVar[str]
    """Its name in :data:`PARTS` and in files."""

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Its fields as JSON, and its arrays by name."""

    @classmethod
    def read(cls, fields: Mapping[str, Any], arrays: Arrays) -> Self:
        """The inverse of :meth:`stored`.

        Raises:
            ConfigError, KeyError, TypeError, ValueError: they are not those of such a part.
        """

    def onto(self, clip: Clip, network: Network) -> Network:
        """The network with this change, behind the changes that it carries.

        Args:
            clip: The model, for its sizes.
        Raises:
            ConfigError, UnsupportedHookError, UnknownHookPointError: it does not fit the model.
        """

    def __str__(self) -> str:
        """In words, for reports and messages."""


class PlainPart:
    """A dataclass that is stored field by field, arrays apart, and made of its fields again."""

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Its fields as JSON, and its arrays by name."""
        values = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}  # type: ignore[arg-type]
        arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        return {name: value for name, value in values.items() if name not in arrays}, arrays

    @classmethod
    def read(cls, fields: Mapping[str, Any], arrays: Arrays) -> Self:
        """From what :meth:`stored` gave."""
        return cls(**fields, **arrays)


PARTS: Registry[type[Part]] = Registry(
    "part of an edit",
    {
        "centred-classes": "clipprobe.edits.classes:CentredClasses",
        "class-offsets": "clipprobe.edits.classes:ClassOffsets",
        "class-projection": "clipprobe.edits.classes:ClassProjection",
        "derived-point": "clipprobe.edits.derived:DerivedPoint",
        "image-token": "clipprobe.edits.tokens:ImageToken",
        "interventions": "clipprobe.edits.interventions:Interventions",
        "mask": "clipprobe.edits.pixels:Mask",
        "projection": "clipprobe.edits.projection:Projection",
        "text-prefix": "clipprobe.edits.tokens:TextPrefix",
        "views": "clipprobe.edits.pixels:Views",
        "weights": "clipprobe.edits.weights:WeightDifference",
    },
    group="clipprobe.edits",
    help="Another package adds one through the entry points of clipprobe.edits.",
)
"""Kind -> its class."""


def sha256_of(part: Part) -> str:
    """The hash of all that a part is, the same on every machine."""
    fields, arrays = part.stored()
    digest = hashlib.sha256(f"{part.kind}\0{canonical(fields)}".encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(np.asarray(array, order="C").reshape(-1).data)
    return digest.hexdigest()


def canonical(value: Any) -> str:
    """JSON in one spelling."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def floats(values: Any, what: str, ndim: int | None = None) -> npt.NDArray[Any]:
    """Given numbers as an array of its own that nobody writes to, float32 or float64.

    Raises:
        ConfigError: they are not finite numbers of that many axes; ``what`` says which.
    """
    array = values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
    array_copy = np.array(
        array, dtype=np.float64 if array.dtype == np.float64 else np.float32, order="C"
    )
    if ndim is not None and array_copy.ndim != ndim:
        raise ConfigError(
            f"{what} has {ndim} axes, and an array of shape {array_copy.shape} was given."
        )
    if not array_copy.size or not np.isfinite(array_copy).all():
        raise ConfigError(f"{what} holds nothing, or a number that is not finite.")
    array_copy.flags.writeable = False
    return array_copy
