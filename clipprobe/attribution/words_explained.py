"""Which words of a text make its score with an image.

``gradient``: gradient times input at the text tower's first stream, token by token. ``occlusion``:
what the score loses without the word. ``interactions``: what the word adds on average to random
sets of the others (its Banzhaf value; exact where all sets can be run). Tokens are merged to words.
Special tokens take part in ``gradient`` only, and are then reported apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.attribution.coalitions import coalitions, first_order
from clipprobe.attribution.words import Words, encode_words, masking_of, words_of
from clipprobe.errors import ConfigError
from clipprobe.people import refuse_person_groups
from clipprobe.runs.jsonio import AsJson

if TYPE_CHECKING:
    from clipprobe.models import Clip

METHODS = ("gradient", "occlusion", "interactions")
_BUDGET = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WordExplanation(AsJson):
    """The score of one image and one text, by words."""

    method: str
    """``gradient``, ``occlusion`` or ``interactions``."""
    text: str
    """The text."""
    words: tuple[str, ...]
    """Its words."""
    values: Floats
    """``(n_words,)`` attributions; positive raises the score."""
    token_words: tuple[int, ...]
    """The word of each token; -1 for special tokens."""
    token_values: Floats
    """``(t,)``; NaN where the method works on whole words."""
    special: float
    """What special tokens hold; NaN where the method does not touch them."""
    score: float
    """The cosine."""
    units: str
    """What the values are."""
    masking: str
    """How words were taken out: ``attention``, ``delete``, or empty."""
    reason: str
    """Why numbers are undefined; empty where all are defined."""
    provenance: Mapping[str, Any]
    """Model, versions."""


def explain_words(
    clip: Clip,
    images: object | Sequence[object],
    texts: str | Sequence[str],
    method: str = "interactions",
    *,
    masking: str | None = None,
    seed: int = 0,
) -> tuple[WordExplanation, ...]:
    """Which words of text ``i`` make its cosine with image ``i``.

    Args:
        images, texts: Of equal length, or one of each.
        masking: ``attention`` or ``delete``; None: by attention where the model allows it.
        seed: Of the sampled sets of a text with more than ten words.
    Raises:
        ConfigError: no such method, lengths that differ, or a text that says what a person is.
    """
    rows = [texts] if isinstance(texts, str) else list(texts)
    inputs = list(images) if isinstance(images, list | tuple) else [images]
    if len(rows) != len(inputs):
        raise ConfigError(
            f"{len(inputs)} images and {len(rows)} texts were given: give as many of one as of "
            "the other."
        )
    if method not in METHODS:
        raise ConfigError(f"There is no method {method!r} for words: use {', '.join(METHODS)}.")
    refuse_person_groups(rows, "explain_words")
    vectors = clip.encode_images(inputs).astype(np.float64)
    how = "" if method == "gradient" else masking_of(clip, masking)
    known = {text: words_of(clip, text) for text in dict.fromkeys(rows)}
    provenance = clip.provenance()
    explanations = []
    for text, image in zip(rows, vectors, strict=True):
        words = known[text]
        tokens = np.full(len(words.ids), math.nan)
        special, reason = math.nan, "words are taken out whole, so single tokens have no value"
        if method == "gradient":
            tokens = _gradient(clip, words, image)
            values, reason = words.merged(tokens), ""
            special = float(tokens.sum() - values.sum())
        elif method == "occlusion":
            values = _occlusion(clip, words, image, how)
        else:
            values = _banzhaf(clip, words, image, how, seed)
        explanations.append(
            WordExplanation(
                method=method,
                text=text,
                words=words.words,
                values=values,
                token_words=tuple(words.owners.tolist()),
                token_values=tokens,
                special=special,
                score=float(clip.encode_texts([text])[0].astype(np.float64) @ image),
                units=_UNITS[method],
                masking=how,
                reason=reason,
                provenance=provenance,
            )
        )
    return tuple(explanations)


_UNITS = {
    "gradient": "cosine similarity, to first order in the stream of the tokens",
    "occlusion": "cosine similarity lost without the word",
    "interactions": "cosine similarity that the word adds on average to random sets of the others",
}


def _gradient(clip: Clip, words: Words, image: Floats) -> Floats:
    """Gradient times input of every token at the stream before the first block, ``(t,)``."""
    import torch

    from clipprobe.attribution.job import as_floats
    from clipprobe.hooks import capture

    name = "text.blocks.0.resid_pre"
    ids = torch.tensor([list(words.ids)])
    with torch.enable_grad(), capture(clip, [name], grad=True) as acts:
        vector = clip.text_embeddings(ids)
        score = (vector.double() @ torch.from_numpy(image).to(vector.device)).sum()
        (gradient,) = torch.autograd.grad(score, acts[name])
    return as_floats((gradient.double() * acts[name].detach().double()).sum(dim=-1)[0])


def _occlusion(clip: Clip, words: Words, image: Floats, how: Any) -> Floats:
    n = len(words)
    members = np.concatenate([np.ones((1, n), bool), ~np.eye(n, dtype=bool)])
    scores = encode_words(clip, words, members, masking=how) @ image
    drops: Floats = scores[0] - scores[1:]
    return drops


def _banzhaf(clip: Clip, words: Words, image: Floats, how: Any, seed: int) -> Floats:
    sets = coalitions(len(words), _BUDGET, seed=seed)
    vectors = encode_words(clip, words, sets.members, masking=how)
    return first_order(sets, vectors)[1] @ image
