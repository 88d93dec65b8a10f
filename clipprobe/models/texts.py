"""Texts to token ids, and token ids to batches without padding.

A text tower whose tokens see only earlier ones (CLIP), or which is told what is padding (BERT),
gives the same vector for a text however much padding follows it. So texts are encoded in groups of
exactly equal length and nothing is padded. SigLIP is the exception: it attends to its padding and
pools the last position, so it always gets the full context, as it was trained.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from clipprobe.data.texts import list_of_texts
from clipprobe.errors import DataError
from clipprobe.lines import has_half_character, shortened

_NAMED, _NAME = 3, 60
"""Texts that a sentence on what was cut names, and letters of each."""


class Tokens(Protocol):
    """Texts to token ids, as the model wants them."""

    context: int
    """Most tokens of a text, special tokens included; an edit gives a copy that has fewer."""

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """One list of ids per text; over-long texts are cut, with one counted warning."""

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text before any is cut, special tokens included."""

    def piece(self, token: int) -> str:
        """A token as text, for display."""


class _Alone:
    """A lock that copies and pickles get anew, since no other holds theirs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[type[_Alone], tuple[()]]:
        return _Alone, ()


class _Shared:
    """What a tokenizer of either library does alike, safe to share between threads."""

    def __init__(self, tokenizer: Any, context: int) -> None:
        self.tokenizer, self.context = tokenizer, context
        # Truncation and padding are state inside the shared Rust tokenizer: two threads that set
        # them at once fail with "Already borrowed". open_clip's cache is a plain dict.
        self._lock = _Alone()

    def piece(self, token: int) -> str:
        """A token as text, for display."""
        with self._lock:
            return str(self.tokenizer.decode([token])).strip()


class HFTokens(_Shared):
    """A transformers tokenizer without padding.

    Args:
        context: Most tokens of a text, special tokens included.
        pad_to_context: Pad every text to ``context`` (SigLIP).
    """

    def __init__(self, tokenizer: Any, *, context: int, pad_to_context: bool = False) -> None:
        super().__init__(tokenizer, min(context, int(tokenizer.model_max_length)))
        self.pad_to_context = pad_to_context

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """One list of ids per text, each of at most ``context``; longer ones keep their end."""
        if not texts:
            return []
        with self._lock:
            # Without truncation first: the true lengths are what tells which are cut.
            ids: list[list[int]] = self.tokenizer(list(texts), verbose=False)["input_ids"]
            lengths = [len(row) for row in ids]
            too_long = [i for i, n in enumerate(lengths) if n > self.context]
            limit = {"truncation": True, "max_length": self.context}
            if self.pad_to_context:
                ids = self.tokenizer(list(texts), padding="max_length", **limit)["input_ids"]
            elif too_long:
                cut = self.tokenizer([texts[i] for i in too_long], **limit)["input_ids"]
                for i, row in zip(too_long, cut, strict=True):
                    ids[i] = row
        _warn_cut(texts, lengths, self.context)
        return ids

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text before any is cut, special tokens included."""
        if not texts:
            return []
        with self._lock:
            return [len(row) for row in self.tokenizer(list(texts), verbose=False)["input_ids"]]


class OpenClipTokens(_Shared):
    """open_clip's byte-pair tokenizer without its padding."""

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """One list of ids per text, each of at most ``context``; longer ones keep their end."""
        start, end = self.tokenizer.sot_token_id, self.tokenizer.eot_token_id
        with self._lock:
            ids = [[start, *self.tokenizer.encode(text), end] for text in texts]
        lengths = [len(row) for row in ids]
        for i, n in enumerate(lengths):
            if n > self.context:
                ids[i] = [*ids[i][: self.context - 1], end]
        _warn_cut(texts, lengths, self.context)
        return ids

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text before any is cut, special tokens included."""
        with self._lock:
            return [len(self.tokenizer.encode(text)) + 2 for text in texts]


def cut_sentence(texts: Sequence[str], lengths: Sequence[int], context: int) -> str:
    """Which texts are cut, the longest three by name; empty where none is.

    Args:
        lengths: Tokens of each text before any is cut.
        context: Most tokens that the model reads.
    """
    cut = [(n, text) for n, text in zip(lengths, texts, strict=True) if n > context]
    if not cut:
        return ""
    distinct = sorted(dict.fromkeys(cut), key=lambda one: -one[0])
    named = [f"{shortened(text, _NAME)!r} has {n:,}" for n, text in distinct[:_NAMED]]
    if len(distinct) > _NAMED:
        named.append(f"and {len(distinct) - _NAMED:,} more")
    return (
        f"{len(cut):,} of {len(texts):,} texts have more than the {context} tokens that this model "
        f"reads and were cut at their end: {'; '.join(named)}."
    )


def _warn_cut(texts: Sequence[str], lengths: Sequence[int], context: int) -> None:
    """Say once per call which texts were cut."""
    if sentence := cut_sentence(texts, lengths, context):
        warnings.warn(sentence, stacklevel=5)  # the caller of Clip.encode_texts


def check_texts(texts: Iterable[str]) -> list[str]:
    """The texts as a list.

    Raises:
        DataError: a single string, something not a text, or half a character.
    """
    listed = list_of_texts(texts)
    for index, text in enumerate(listed):
        if has_half_character(text):
            raise DataError(
                f"Text {index} ({text!r}) holds half a character (a lone surrogate), which no "
                "tokenizer can read: decode it as UTF-8."
            )
    return listed


def length_batches(
    tokens: Sequence[Sequence[int]], batch_size: int, max_tokens: int | None = None
) -> list[list[int]]:
    """Indices of ``tokens`` in batches of exactly equal length, shortest first, input order within.

    Args:
        batch_size: Most texts in a batch.
        max_tokens: Most tokens in a batch of several texts, if given.

    Example:
        >>> length_batches([[1, 2], [1], [3, 4], [5, 6]], batch_size=2)
        [[1], [0, 2], [3]]
    """
    by_length: dict[int, list[int]] = {}
    for index, row in enumerate(tokens):
        by_length.setdefault(len(row), []).append(index)
    batches = []
    for length, rows in sorted(by_length.items()):
        most = batch_size if max_tokens is None else min(batch_size, max(1, max_tokens // length))
        # Evenly, because a small last batch costs more per text.
        size = math.ceil(len(rows) / math.ceil(len(rows) / most))
        batches += [rows[start : start + size] for start in range(0, len(rows), size)]
    return batches
