"""Many texts made from few templates, encoded fast: the beginning of a template is computed once.

Texts of one template share their first tokens, and differ in few. A causal text tower gives the
same vectors (to rounding) when it computes the shared part once and nothing is padded. Every other
case takes the ordinary way through ``Clip.encode_texts``: a tower that is not causal or not in
single precision, an open capture or intervention, a model whose passes somebody has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from clipprobe.anatomy import listening as context
from clipprobe.models.clip import Clip
from clipprobe.models.finite import refuse_meaningless
from clipprobe.models.identity import foreign_code
from clipprobe.models.passes import Rows
from clipprobe.models.texts import length_batches
from clipprobe.models.vectors import Embeddings, as_numpy, unit

if TYPE_CHECKING:
    from clipprobe.models.families.prefixes import SharedPrefix

_FEWEST = 8
"""Texts of a group from which a beginning of their own pays."""


def shares_prefixes(clip: Any) -> bool:
    """Whether texts of this model may be encoded with their beginning computed once."""
    return (
        isinstance(clip, Clip)
        and type(clip).text_embeddings is Clip.text_embeddings
        and clip.dtype == torch.float32
        and clip.adapter.shared_prefix() is not None
        and not context.active()
        and not foreign_code(clip.module)
    )


def encode_groups(
    clip: Any, groups: Sequence[Sequence[str]], *, batch_size: int = 256, raw: bool = False
) -> list[Embeddings]:
    """Vectors of the texts of each group, ``(n, d_embed)`` each.

    Args:
        groups: Texts that are likely to begin alike, such as those of one template.
        raw: As they are before they are brought to unit length.
    """
    if not shares_prefixes(clip):
        texts = [text for group in groups for text in group]
        encoded = _ordinary(clip, texts, batch_size, raw)
        cuts = np.cumsum([len(group) for group in groups])[:-1]
        return list(np.split(encoded, cuts))
    tower = clip.adapter.shared_prefix()
    tokens = clip.tokenize([text for group in groups for text in group])
    blocks, start = [], 0
    with torch.no_grad():
        for group in groups:
            rows = tokens[start : start + len(group)]
            blocks.append(_group(clip, tower, rows, batch_size, raw))
            start += len(group)
    return blocks


def _ordinary(clip: Any, texts: list[str], batch_size: int, raw: bool) -> Embeddings:
    model = getattr(clip, "clip", clip)  # what remembers sentences keeps their unit vectors alone
    if not raw or not hasattr(model, "hook_points"):  # a model without a unit-length step
        encoded: Embeddings = clip.encode_texts(texts, batch_size=batch_size)
        return encoded
    from clipprobe.hooks import capture

    with capture(model, ["text.projected"]) as acts:
        model.encode_texts(texts, batch_size=batch_size)
    return np.asarray(acts["text.projected"], dtype=np.float32)


def _group(
    clip: Clip, tower: SharedPrefix, rows: list[list[int]], batch_size: int, raw: bool
) -> Embeddings:
    """One group of token ids: those before the first difference once, the rest by length."""
    encoded = np.zeros((len(rows), clip.d_embed), np.float32)
    least, most = min(rows), max(rows)  # in the order of lists: all lie between them
    alike = (place for place, (a, b) in enumerate(zip(least, most, strict=False)) if a != b)
    shared = min(next(alike, len(least)), min(map(len, rows)) - 1)
    cache = None
    if len(rows) >= _FEWEST and shared:
        cache = tower.begin(torch.tensor(rows[0][:shared], device=clip.device))
    rest = [row[shared:] for row in rows] if cache is not None else rows
    for places in length_batches(rest, batch_size, clip._max_text_tokens):
        whole = torch.tensor([rows[place] for place in places], device=clip.device)

        def encode(some: Rows, whole: Tensor = whole) -> Tensor:
            tokens = whole if some is None else whole[some]
            if cache is None:
                return clip.adapter.text_pooled(tokens)
            stream = tower.go_on(cache, tokens[:, shared:])
            at = clip.adapter.pool_positions(tokens) - shared
            return stream[torch.arange(len(tokens), device=clip.device), at]

        way = "text" if cache is None else f"text-{shared}"
        pooled = encode(None) if clip.passes is None else clip.passes.pooled(way, whole, encode)
        projected = clip.adapter.text_projected(pooled)
        encoded[places] = as_numpy(projected.float() if raw else unit(projected))
        refuse_meaningless(clip, "text", encoded[places], partial(clip._embed_row, whole))
    return encoded
