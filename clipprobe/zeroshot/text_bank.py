"""Sentences to vectors, each sentence once, whatever asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol, cast

import numpy as np
import numpy.typing as npt

from clipprobe.zeroshot.prompts import fill

Floats = npt.NDArray[np.float32]
#: How the vectors of several sentences become one: which of them have unit length.
Averaging = Literal["unit-mean-unit", "unit-mean", "raw-mean-unit"]
_AT_ONCE = 4_096


class TextEncoder(Protocol):
    """The text side of :class:`clipprobe.Clip`."""

    d_embed: int

    def encode_texts(self, texts: Iterable[str]) -> Floats: ...


class TextBank:
    """The text side of a model that remembers sentences which are asked for again.

    Args:
        clip: The model.
        templates: Sentences made of these are kept; others are encoded and forgotten, so that
            80 templates of 1,000 classes do not stay in memory for nothing.
    """

    def __init__(self, clip: TextEncoder, templates: Iterable[str] = ()) -> None:
        self.clip = clip
        self.d_embed = clip.d_embed
        self._parts = [tuple(t.split("{}", 1)) for t in templates]
        self._kept: dict[str, Floats] = {}
        self._network: Any = None

    def encode_texts(self, texts: Iterable[str], *, batch_size: int = 256) -> Floats:
        """Unit vectors of sentences, ``(m, d)``; those that are kept are not encoded again."""
        wanted = list(texts)
        network = getattr(self.clip, "network", None)
        if network is not self._network:  # an edit was put on the model, or taken off
            self._kept.clear()
            self._network = network
        new = [text for text in dict.fromkeys(wanted) if text not in self._kept]
        found = dict(self._kept)
        if new:
            vectors = cast(Any, self.clip).encode_texts(new, batch_size=batch_size)
            found.update(zip(new, vectors, strict=True))
            self._kept.update((text, found[text]) for text in new if self._keeps(text))
        if not wanted:
            return np.zeros((0, self.d_embed), np.float32)
        return np.stack([found[text] for text in wanted])

    def raw(self, texts: Sequence[str]) -> Floats:
        """The model's own text vectors before they are brought to unit length, ``(m, d)``."""
        if not hasattr(self.clip, "hook_points"):  # a model without a unit-length step
            return self.clip.encode_texts(texts)
        from clipprobe.hooks import capture

        with capture(cast(Any, self.clip), ["text.projected"]) as acts:
            self.clip.encode_texts(texts)
        found: Floats = np.asarray(acts["text.projected"], dtype=np.float32)
        return found

    def classifier(self, names: Sequence[str], templates: Sequence[str], how: Averaging) -> Floats:
        """One vector for each name, ``(k, d)``, averaged over templates in the stated order."""
        encode = self.raw if how == "raw-mean-unit" else self.encode_texts
        step = max(1, _AT_ONCE // len(templates))
        parts = []
        for start in range(0, len(names), step):
            chunk = names[start : start + step]
            encoded = encode([text for name in chunk for text in fill(templates, name)])
            shape = (len(chunk), len(templates), encoded.shape[1])
            parts.append(averaged(encoded.reshape(shape), how))
        if not parts:
            return np.zeros((0, self.d_embed), np.float32)
        made: Floats = ruled(self.clip, names, np.concatenate(parts))
        return made

    def class_vectors(self, names: Sequence[str], vectors: Floats) -> Floats:
        """Vectors of classes as the rules of the model's edits leave them."""
        made: Floats = ruled(self.clip, names, vectors)
        return made

    def _keeps(self, text: str) -> bool:
        return any(text.startswith(a) and text.endswith(b) for a, b in self._parts)


def ruled(clip: Any, names: Sequence[str], vectors: npt.NDArray[Any]) -> Any:
    """Class vectors ``(k, d)`` as the rules of a model's edits leave them.

    Where texts become a classifier, this is the last step; a model without rules changes nothing.
    """
    rule = getattr(clip, "class_vectors", None)
    return vectors if rule is None else rule(list(names), vectors)


def averaged(encoded: Floats, how: Averaging) -> Floats:
    """One vector for each name from those of its sentences, ``(k, templates, d)`` to ``(k, d)``.

    The vectors of ``"raw-mean-unit"`` are given as they are before they have unit length.
    """
    mean = encoded.mean(axis=1, dtype=np.float64)
    if how != "unit-mean":
        mean = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    vectors: Floats = mean.astype(np.float32)
    return vectors
