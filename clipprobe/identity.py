"""Which model made a result: its weights in memory, and the edits that it ran under.

Everything that asks whether two results are of one model compares two of these. A model has one
(``Clip.identity``, read from memory every time); a stored result has the one it was made under.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_BETWEEN = "+"


@dataclass(frozen=True, slots=True)
class Identity:
    """The weights of a model and the parts of the edits on it, in order.

    Example:
        >>> Identity("ab" * 32) == Identity("ab" * 32, ("cd" * 32,))
        False
    """

    weights_sha256: str
    """Of the weights in memory; empty where a result does not say."""
    edits: tuple[str, ...] = ()
    """The hash of each part of each edit, in the order in which they apply."""

    @classmethod
    def stored(cls, model: Mapping[str, Any] | None) -> Self:
        """What a run says: ``model`` of its manifest or configuration."""
        known = model or {}
        edits = known.get("edits") or ()
        return cls(str(known.get("weights_sha256") or ""), tuple(str(e["sha256"]) for e in edits))

    @classmethod
    def of(cls, model: Any) -> Self:
        """Of anything that says where its numbers come from, as a :class:`clipprobe.Clip` does."""
        return cls.stored(model.provenance()["model"])

    @classmethod
    def read(cls, key: str) -> Self:
        """The inverse of :attr:`key`."""
        weights, *edits = key.split(_BETWEEN)
        return cls(weights, tuple(edits))

    @property
    def key(self) -> str:
        """One text: the hash of the weights, then of each part."""
        return _BETWEEN.join((self.weights_sha256, *self.edits))

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self.weights_sha256)

    def __str__(self) -> str:
        """For messages: the beginning of each hash."""
        parts = " and ".join(f"{edit[:12]}…" for edit in self.edits)
        return f"{self.weights_sha256[:12]}…" + (f" under the edit {parts}" if parts else "")


def called(model: Mapping[str, Any]) -> str | None:
    """What a result calls its model: the id, and in words the edits that it ran under.

    Example:
        >>> called({"id": "emoji-clip", "edits": [{"text": "mask over 12.5% of the image"}]})
        'emoji-clip under: mask over 12.5% of the image'
    """
    edits = "; ".join(str(edit.get("text")) for edit in model.get("edits") or ())
    name = model.get("id")
    return f"{name} under: {edits}" if edits else name
