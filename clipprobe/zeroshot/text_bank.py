"""Sentences to vectors, each sentence once, whatever asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol, cast

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
#: How the vectors of several sentences become one: which of them have unit length.
Averaging = Literal["unit-mean-unit", "unit-mean", "raw-mean-unit"]


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
        self._vectors: dict[str, Floats] = {}
        self._network: Any = None

    def encode_texts(self, texts: Iterable[str], *, batch_size: int = 256) -> Floats:
        """Unit vectors of sentences, ``(m, d)``; those that are kept are not encoded again."""
        listed = list(texts)
        network = getattr(self.clip, "network", None)
        if network is not self._network:  # an edit was put on the model, or taken off
            self._vectors.clear()
            self._network = network
        new = [text for text in dict.fromkeys(listed) if text not in self._vectors]
        vectors_by_text = dict(self._vectors)
        if new:
            vectors = cast(Any, self.clip).encode_texts(new, batch_size=batch_size)
            vectors_by_text.update(zip(new, vectors, strict=True))
            self._vectors.update((text, vectors_by_text[text]) for text in new if self._keeps(text))
        if not listed:
            return np.zeros((0, self.d_embed), np.float32)
        return np.stack([vectors_by_text[text] for text in listed])

    def class_vectors(self, names: Sequence[str], vectors: Floats) -> Floats:
        """Vectors of classes as the rules of the model's edits leave them."""
        return ruled(self.clip, names, vectors)

    def _keeps(self, text: str) -> bool:
        return any(text.startswith(a) and text.endswith(b) for a, b in self._parts)


def ruled(clip: Any, names: Sequence[str], vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Class vectors ``(k, d)`` as the rules of a model's edits leave them.

    Where texts become a classifier, this is the last step; a model without rules changes nothing.
    """
    rule: Callable[..., npt.NDArray[Any]] | None = getattr(clip, "class_vectors", None)
    return vectors if rule is None else rule(list(names), vectors)


def averaged(
    encoded: npt.NDArray[Any], how: Averaging = "unit-mean-unit", dtype: Any = np.float32
) -> npt.NDArray[Any]:
    """One vector for each name from those of its sentences, ``(k, templates, d)`` to ``(k, d)``.

    The vectors of ``"raw-mean-unit"`` are given as they are before they have unit length.
    """
    mean = encoded.mean(axis=1, dtype=np.float64)
    if how != "unit-mean":
        mean = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    vectors: npt.NDArray[Any] = mean.astype(dtype, copy=False)
    return vectors


def sentence_means(
    encode: Callable[[list[str]], Any], sentences: Sequence[Sequence[str]]
) -> npt.NDArray[np.float64]:
    """One unit vector for each list of as many sentences, in double precision, ``(k, d)``.

    Args:
        encode: Sentences to their unit vectors, ``(m, d)``.
    """
    encoded = np.asarray(encode([sentence for own in sentences for sentence in own]))
    table = encoded.reshape(len(sentences), -1, encoded.shape[1])
    return averaged(table, dtype=np.float64)
