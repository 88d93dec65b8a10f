"""AltCLIP and ChineseCLIP: CLIP's vision tower beside a BERT-like text tower.

The text blocks are post-norm: each addition to the stream is followed by a layer norm, so there
is no untouched residual stream. The towers are bidirectional and told what is padding; they pool
the first token. AltCLIP (Chen et al. 2022, arXiv:2211.06679) norms and maps its whole last layer
before that; ChineseCLIP (Yang et al. 2022, arXiv:2211.01335) uses it as it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipprobe.anatomy.parts import Block, Tower, find_stack
from clipprobe.models.families.hf_clip import HFClip


def post_norm_block(module: Any) -> Block:
    """The block of BERT."""
    inner = module.attention.self
    return Block(
        module=module,
        norm_pre=None,
        norm_mid=None,
        attention=module.attention,
        q=inner.query,
        k=inner.key,
        v=inner.value,
        out=module.attention.output.dense,
        n_heads=inner.num_attention_heads,
        d_head=inner.attention_head_size,
        scale=float(inner.scaling),
        activation=module.intermediate.intermediate_act_fn,
        mlp_out=module.output.dense,
        causal=False,
    )


class HFChineseClip(HFClip):
    """``ChineseCLIPModel``."""

    name = "chinese_clip"

    def _text(self, text: Any) -> Tower:
        stack: list[Any] = find_stack(text, ("attention", "intermediate", "output"))
        return Tower(
            name="text",
            blocks=tuple(post_norm_block(module) for module in stack),
            embed=None,
            norm_final=None,
            projection=self._m.text_projection,
            has_class_token=True,
            grid=None,
            d_model=stack[0].output.dense.out_features,
            d_pooled=self._m.text_projection.in_features,
            d_mlp=stack[0].intermediate.dense.out_features,
            pool_token="cls",
        )

    def text_pooled(self, tokens: Tensor) -> Tensor:
        pooled: Tensor = self._text_output(tokens).last_hidden_state[:, 0]
        return pooled

    def _text_output(self, tokens: Tensor) -> Any:
        mask = self.real_tokens(tokens)
        return self._m.text_model(
            input_ids=tokens, attention_mask=None if mask is None else mask.long()
        )

    def pool_positions(self, tokens: Tensor) -> Tensor:
        return torch.zeros(tokens.shape[0], dtype=torch.long, device=tokens.device)

    def real_tokens(self, tokens: Tensor) -> Tensor:
        return tokens != int(self._m.config.text_config.pad_token_id)


class HFAltClip(HFChineseClip):
    """``AltCLIPModel``."""

    name = "altclip"

    def text_pooled(self, tokens: Tensor) -> Tensor:
        pooled: Tensor = self._text_output(tokens).pooler_output
        return pooled

    @property
    def context(self) -> int:
        # RoBERTa counts positions from pad_token_id + 1.
        config = self._m.config.text_config
        return int(config.max_position_embeddings - config.pad_token_id - 1)
