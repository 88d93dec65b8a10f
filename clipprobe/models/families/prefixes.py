"""Texts that begin alike, their beginning encoded once.

A token of a causal tower sees only earlier ones, so the keys and values of a beginning are those of
every text that has it. What follows is computed beside them, block by block, from the parts that
the anatomy names. No hook fires in here: captures, interventions and edits must take the ordinary
way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from clipprobe.anatomy.parts import Block

Cache = list[tuple[Tensor, Tensor]]
"""Keys and values of each block, ``(1, n_heads, p, d_head)``."""


class SharedPrefix:
    """A pre-norm causal text tower, run in two parts.

    Args:
        embed: Token ids ``(b, t)`` and their positions ``(t,)`` to the first stream ``(b, t, d)``.
        blocks: As in the anatomy, each with all projections.
        norms, mlps: Of each block: the norm before its attention, and its whole MLP.
        norm_final: Behind the last block.
    """

    def __init__(
        self,
        embed: Any,
        blocks: Sequence[Block],
        norms: Sequence[nn.Module],
        mlps: Sequence[nn.Module],
        norm_final: nn.Module,
    ) -> None:
        self._embed, self._blocks = embed, blocks
        self._norms, self._mlps, self._norm_final = norms, mlps, norm_final

    def begin(self, prefix: Tensor) -> Cache:
        """Keys and values of a beginning, ``(p,)`` token ids."""
        _, cache = self._run(prefix[None], None)
        return cache

    def go_on(self, cache: Cache, suffixes: Tensor) -> Tensor:
        """The last stream, after its norm, of what follows the beginning.

        Args:
            suffixes: Token ids, ``(b, s)``.
        Returns:
            ``(b, s, d)``.
        """
        stream, _ = self._run(suffixes, cache)
        output: Tensor = self._norm_final(stream)
        return output

    def _run(self, tokens: Tensor, cache: Cache | None) -> tuple[Tensor, Cache]:
        b, s = tokens.shape
        p = 0 if cache is None else cache[0][0].shape[2]
        stream: Tensor = self._embed(tokens, torch.arange(p, p + s, device=tokens.device))
        # Row i of what follows sees the beginning and the first i of its own.
        mask = torch.ones(s, p + s, dtype=torch.bool, device=tokens.device).tril(p)
        pairs: Cache = []
        for index, block in enumerate(self._blocks):
            normed = self._norms[index](stream)
            q, k, v = (_heads(part, normed, block) for part in (block.q, block.k, block.v))
            pairs.append((k, v))
            if cache is not None:
                before = (one.expand(b, -1, -1, -1) for one in cache[index])
                k, v = (torch.cat(pair, dim=2) for pair in zip(before, (k, v), strict=True))
            z = nn.functional.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, scale=block.scale
            )
            assert block.out is not None and block.norm_mid is not None
            stream = stream + block.out(z.transpose(1, 2).reshape(b, s, -1))
            stream = stream + self._mlps[index](block.norm_mid(stream))
        return stream, pairs


def _heads(projection: nn.Module | None, stream: Tensor, block: Block) -> Tensor:
    """``(b, n_heads, t, d_head)``."""
    assert projection is not None
    b, t, _ = stream.shape
    projected: Tensor = projection(stream)
    return projected.view(b, t, block.n_heads, block.d_head).transpose(1, 2)
