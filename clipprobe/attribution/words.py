"""Words of a text as players: which tokens each has, and texts of which only some words are seen.

Words are masked like patches: their tokens are taken out of the sequence before the first block,
every other token keeping its place. Where a text tower is told what to attend to from outside
(post-norm towers, fused attention), words are deleted from the text instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.attribution.masking import KeptTokens
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from clipprobe.models import Clip

Masking = Literal["attention", "delete"]
MASKINGS: tuple[Masking, ...] = ("attention", "delete")
_ATTENTION = ("sdpa", "flash_attention_2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A text in words."""

    text: str
    """The text."""
    words: tuple[str, ...]
    """Its words, as they stand between blanks."""
    tokens: tuple[tuple[int, ...], ...]
    """Token numbers of each word; none for a word beyond the model's context."""
    ids: tuple[int, ...]
    """Token ids of the whole text, special tokens included."""

    def __len__(self) -> int:
        return len(self.words)

    @property
    def owners(self) -> NDArray[np.int_]:
        """The word of each token, ``(t,)``; -1 for special tokens."""
        owners = np.full(len(self.ids), -1)
        for word, tokens in enumerate(self.tokens):
            owners[list(tokens)] = word
        return owners

    def merged(self, values: Floats) -> Floats:
        """Sums over each word's tokens of numbers ``(t,)``."""
        return np.array([values[list(one)].sum() for one in self.tokens])


def words_of(clip: Clip, text: str) -> Words:
    """The words of a text with their tokens.

    A word's tokens are those that it adds to the words before it.

    Raises:
        ConfigError: there is no word, or an edit puts tokens into every text.
    """
    if clip.network.extra_tokens("text"):
        raise ConfigError(
            f"An edit puts learned tokens into every text of {clip.id}, so its words cannot be "
            "told by their tokens: leave that edit out."
        )
    words = text.split()
    if not words:
        raise ConfigError("The text has no word: give at least one.")
    starts = [" ".join(words[: n + 1]) for n in range(len(words))]
    empty, *ids = clip.tokenize(["", *starts])
    lead = next((i for i, (a, b) in enumerate(zip(empty, ids[-1], strict=False)) if a != b), 0)
    end = empty[lead]
    ends = [lead] + [row.index(end, lead) if end in row[lead:] else len(row) for row in ids]
    spans = [
        tuple(range(a, max(a, b)))
        for a, b in zip(ends, np.maximum.accumulate(ends[1:]), strict=False)
    ]
    return Words(text=text, words=tuple(words), tokens=tuple(spans), ids=tuple(ids[-1]))


def masking_of(clip: Clip, masking: str | None) -> Masking:
    """How words can be masked in a model: by attention where possible, unless asked otherwise.

    Raises:
        ConfigError: there is no such masking, or the model cannot do it.
    """
    import torch

    tower = clip.anatomy.text
    outside = (
        clip.adapter.attention not in _ATTENTION
        or not all(block.pre_norm and block.q is not None for block in tower.blocks)
        or clip.adapter.real_tokens(torch.zeros(1, 2, dtype=torch.long)) is not None
    )
    if masking is None:
        return "delete" if outside else "attention"
    if masking not in MASKINGS:
        raise ConfigError(f"There is no masking of words {masking!r}: use attention or delete.")
    if masking == "attention" and outside:
        raise ConfigError(
            f"The text tower of {clip.id} is told from outside what to attend to, so words cannot "
            'be masked out of its attention: use text_masking="delete".'
        )
    return "attention" if masking == "attention" else "delete"


def encode_words(
    clip: Clip,
    words: Words,
    members: NDArray[np.bool_],
    *,
    masking: Masking = "attention",
    batch_size: int = 256,
) -> Floats:
    """Unit vectors ``(m, d)`` of a text of which only some words are seen.

    Args:
        members: ``(m, n_words)``, true where a word is seen.
    """
    if masking == "delete":
        texts = [
            " ".join(w for w, member in zip(words.words, row, strict=True) if member)
            for row in members
        ]
        return clip.encode_texts(texts).astype(np.float64)
    owners = words.owners
    sentences = [np.flatnonzero((owners < 0) | row[owners]).tolist() for row in members]
    vectors = np.zeros((len(sentences), clip.d_embed))
    for length in sorted({len(one) for one in sentences}):
        rows = [row for row, one in enumerate(sentences) if len(one) == length]
        for start in range(0, len(rows), batch_size):
            part = rows[start : start + batch_size]
            vectors[part] = _run(clip, words.ids, [sentences[row] for row in part])
    return vectors


def _run(clip: Clip, ids: Sequence[int], places: list[list[int]]) -> Floats:
    import torch

    from clipprobe.attribution.job import as_floats
    from clipprobe.hooks import resolve

    points = resolve(clip, ["text.blocks.0.resid_pre", "text.blocks.-1.resid_post"])
    tokens = torch.tensor([list(ids)] * len(places))
    with torch.no_grad(), KeptTokens(clip, points, torch.tensor(places), len(ids)):
        return as_floats(clip.text_embeddings(tokens))
