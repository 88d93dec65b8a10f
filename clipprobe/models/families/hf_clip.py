"""CLIP as transformers builds it: OpenAI, LAION, DFN, MetaCLIP, MetaCLIP 2 and their fine-tunes.

Both towers have the same pre-norm block; the vision tower pools its class token after a last
layer norm, the causal text tower its end-of-text token.

The pooled text position follows transformers: a config with ``eos_token_id == 2`` (all of OpenAI's
first uploads) is a known mistake, and the highest id of each text is taken instead; otherwise the
first end token (https://github.com/huggingface/transformers/pull/24773).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from clipprobe.anatomy.parts import Anatomy, Block, PoolToken, Tower, find_one, find_stack
from clipprobe.models.families.hf import HuggingFace
from clipprobe.models.families.prefixes import SharedPrefix

BLOCK_PARTS = ("layer_norm1", "self_attn", "layer_norm2", "mlp")


def pre_norm_block(module: Any, *, causal: bool) -> Block:
    """The block that CLIP, SigLIP and their relatives share."""
    attention, mlp = module.self_attn, module.mlp
    return Block(
        module=module,
        norm_pre=module.layer_norm1,
        norm_mid=module.layer_norm2,
        attention=attention,
        q=attention.q_proj,
        k=attention.k_proj,
        v=attention.v_proj,
        out=attention.out_proj,
        n_heads=attention.num_heads,
        d_head=attention.head_dim,
        scale=float(attention.scale),
        activation=mlp.activation_fn,
        mlp_out=mlp.fc2,
        causal=causal,
    )


def pre_norm_tower(
    name: Literal["vision", "text"],
    root: nn.Module,
    *,
    norm_final: nn.Module | None,
    projection: nn.Module | None,
    pool_token: PoolToken,
    has_class_token: bool = False,
    causal: bool = False,
    grid: tuple[int, int] | None = None,
) -> Tower:
    """A tower of pre-norm blocks, found by their parts anywhere below ``root``."""
    stack: list[Any] = find_stack(root, BLOCK_PARTS)
    d_model = stack[0].mlp.fc2.out_features
    return Tower(
        name=name,
        blocks=tuple(pre_norm_block(module, causal=causal) for module in stack),
        embed=find_one(root, nn.Conv2d) if name == "vision" else None,
        norm_final=norm_final,
        projection=projection,
        has_class_token=has_class_token,
        grid=grid,
        d_model=d_model,
        d_pooled=d_model,
        d_mlp=stack[0].mlp.fc1.out_features,
        pool_token=pool_token,
    )


class HFClip(HuggingFace):
    """``CLIPModel`` and the classes with the same shape."""

    name = "clip"

    def anatomy(self) -> Anatomy:
        vision = pre_norm_tower(
            "vision",
            self._m.vision_model,
            norm_final=self._m.vision_model.post_layernorm,
            projection=self._m.visual_projection,
            pool_token="cls",
            has_class_token=True,
            grid=self.nominal_grid,
        )
        return Anatomy(vision=vision, text=self._text(self._m.text_model))

    def _text(self, text: Any) -> Tower:
        return pre_norm_tower(
            "text",
            text,
            norm_final=text.final_layer_norm,
            projection=self._m.text_projection,
            pool_token="eos",
            causal=True,
        )

    def vision_projected(self, pooled: Tensor) -> Tensor:
        projected: Tensor = self._m.visual_projection(pooled)
        return projected

    def text_pooled(self, tokens: Tensor) -> Tensor:
        # No mask: attention is causal, so whatever stands after the end token is never seen.
        pooled: Tensor = self._m.text_model(input_ids=tokens).pooler_output
        return pooled

    def text_projected(self, pooled: Tensor) -> Tensor:
        projected: Tensor = self._m.text_projection(pooled)
        return projected

    def pool_positions(self, tokens: Tensor) -> Tensor:
        eos: int = self._m.config.text_config.eos_token_id
        if eos == 2 and self.name == "clip":
            return tokens.to(torch.int).argmax(dim=-1)
        return (tokens == eos).to(torch.int).argmax(dim=-1)

    def shared_prefix(self) -> SharedPrefix | None:
        text = self._m.text_model
        blocks = self.anatomy().text.blocks
        if not all(block.causal and block.pre_norm for block in blocks):
            return None

        def embed(tokens: Tensor, positions: Tensor) -> Tensor:
            rows = text.embeddings
            stream: Tensor = rows.token_embedding(tokens) + rows.position_embedding(positions)
            return stream

        modules: list[Any] = [block.module for block in blocks]
        norms, mlps = ([getattr(m, part) for m in modules] for part in ("layer_norm1", "mlp"))
        return SharedPrefix(embed, blocks, norms, mlps, text.final_layer_norm)

    @property
    def d_embed(self) -> int:
        return int(self._m.config.projection_dim)


class HFMetaClip2(HFClip):
    """MetaCLIP 2: CLIP's shape with a multilingual vocabulary; pools the first end token."""

    name = "metaclip_2"
