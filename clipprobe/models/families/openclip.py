"""Models of open_clip: OpenAI's ResNets and ViTs, and what LAION and others trained.

open_clip is an extra. Only its own two vision towers are run: ``ModifiedResNet`` (OpenAI's RN50,
RN101, RN50x4 and so on, with channels in place of blocks) and ``VisionTransformer``; only models
of its plain ``CLIP`` class; and only weights that the hub holds as safetensors.

* Attention is ``nn.MultiheadAttention``: q, k and v are one fused matrix and ``out_proj`` never
  fires, so ``attn.q``, ``k``, ``v``, ``z``, ``head_out`` and ``pattern`` do not exist here.
* All OpenAI weights were trained with QuickGELU, and their plain configurations do not say so;
  open_clip only warns. The tag ``openai`` therefore implies QuickGELU, and any other contradiction
  between configuration and tag is an error.
* ``layer4.5.add`` of RN50x4 (the input of the block's last ReLU) is ``image_block_4/5/Add_6`` of
  the Distill article "Multimodal Neurons in Artificial Neural Networks" (Goh et al. 2021).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from clipprobe.anatomy.parts import Anatomy, Block, ChannelSite, PoolToken, Tower, find_stack
from clipprobe.models.families.base import Family

BLOCK_PARTS = ("ln_1", "attn", "ln_2", "mlp")
_POOLS: dict[str, PoolToken] = {"tok": "cls", "avg": "none"}


def fused_block(module: Any, *, causal: bool) -> Block:
    """A block of open_clip's transformers."""
    attention = module.attn

    def scaled(part: nn.Module, name: str) -> nn.Module:
        # What is added to the stream is the output of the layer scale, where there is one.
        scale: nn.Module = getattr(module, name, nn.Identity())
        return part if isinstance(scale, nn.Identity) else scale

    return Block(
        module=module,
        norm_pre=module.ln_1,
        norm_mid=module.ln_2,
        attention=scaled(attention, "ls_1"),
        q=None,
        k=None,
        v=None,
        out=None,
        n_heads=attention.num_heads,
        d_head=attention.head_dim,
        scale=float(attention.head_dim**-0.5),
        activation=module.mlp.gelu,
        mlp_out=scaled(module.mlp.c_proj, "ls_2"),
        causal=causal,
    )


class OpenClip(Family):
    """open_clip's ``CLIP`` class."""

    name = "open_clip"

    def __init__(self, module: nn.Module, *, pad_id: int | None = None) -> None:
        super().__init__(module, pad_id=pad_id)
        self._m: Any = module
        self._v: Any = self._m.visual
        self.is_resnet = hasattr(self._v, "attnpool")

    def anatomy(self) -> Anatomy:
        return Anatomy(vision=self._resnet() if self.is_resnet else self._vit(), text=self._text())

    def _tower(self, name: Literal["vision", "text"], root: Any, **options: Any) -> Tower:
        stack: list[Any] = find_stack(root, BLOCK_PARTS)
        d_model = stack[0].mlp.c_proj.out_features
        return Tower(
            name=name,
            blocks=tuple(fused_block(module, causal=name == "text") for module in stack),
            d_model=d_model,
            d_mlp=stack[0].mlp.c_fc.out_features,
            projection=None,
            **{"d_pooled": d_model, "grid": None, "embed": None, **options},
        )

    def _vit(self) -> Tower:
        return self._tower(
            "vision",
            self._v.transformer,
            norm_final=self._v.ln_post,
            embed=self._v.conv1,
            has_class_token=True,
            grid=tuple(self._v.grid_size),
            d_pooled=self._v.ln_post.normalized_shape[0],
            pool_token=_POOLS[self._v.pool_type],
        )

    def _text(self) -> Tower:
        return self._tower(
            "text",
            self._m.transformer,
            norm_final=self._m.ln_final,
            has_class_token=False,
            pool_token="eos",
        )

    def _resnet(self) -> Tower:
        channels: dict[str, ChannelSite] = {}
        stages = [f"layer{i}" for i in range(1, 5)]
        for stage in stages:
            for i, block in enumerate(getattr(self._v, stage)):
                n = block.conv3.out_channels
                add = ChannelSite(module=block.act3, at="input", n_channels=n)
                post = ChannelSite(module=block, at="output", n_channels=n)
                channels |= {f"{stage}.{i}.add": add, f"{stage}.{i}.post": post}
        side = self.image_size // 32
        return Tower(
            name="vision",
            blocks=(),
            embed=None,
            norm_final=None,
            projection=None,
            has_class_token=False,
            grid=(side, side),
            d_model=self._v.attnpool.c_proj.in_features,
            d_pooled=self._v.attnpool.c_proj.out_features,
            d_mlp=0,
            pool_token="none",
            channels=channels,
        )

    def vision_pooled(self, pixels: Tensor) -> Tensor:
        if self.is_resnet:
            pooled: Tensor = self._v(pixels)  # the attention pool projects as it pools
            return pooled
        # `visual.forward`, stopped before its projection.
        result: Tensor = self._v._pool(self._v.transformer(self._v._embeds(pixels)))[0]
        return result

    def vision_projected(self, pooled: Tensor) -> Tensor:
        if self.is_resnet or self._v.proj is None:
            return pooled
        projected: Tensor = pooled @ self._v.proj
        return projected

    def text_pooled(self, tokens: Tensor) -> Tensor:
        # `encode_text`, stopped before its projection and cut to the tokens' length, which causal
        # attention allows; the method itself only takes the full context.
        t = tokens.shape[1]
        x = self._m.token_embedding(tokens).to(self._m.transformer.get_cast_dtype())
        x = x + self._m.positional_embedding[:t].to(x.dtype)
        x = self._m.transformer(x, attn_mask=self._m.attn_mask[:t, :t])
        x = self._m.ln_final(x)
        pooled: Tensor = x[torch.arange(len(x), device=x.device), self.pool_positions(tokens)]
        return pooled

    def text_projected(self, pooled: Tensor) -> Tensor:
        projection = self._m.text_projection
        if projection is None:
            return pooled
        projected: Tensor = (
            projection(pooled) if isinstance(projection, nn.Linear) else pooled @ projection
        )
        return projected

    def pool_positions(self, tokens: Tensor) -> Tensor:
        if self._m.text_pool_type == "eos":
            return (tokens == int(self._m.text_eos_id)).to(torch.int).argmax(dim=-1)
        return tokens.argmax(dim=-1)  # the end token has the highest id

    @property
    def image_size(self) -> int:
        size: int | tuple[int, int] = self._v.image_size
        return size if isinstance(size, int) else size[0]

    @property
    def d_embed(self) -> int:
        return int(self._v.output_dim)

    @property
    def n_tokens(self) -> int:
        return int(self._m.token_embedding.num_embeddings)

    @property
    def context(self) -> int:
        return int(self._m.context_length)
