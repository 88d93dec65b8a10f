"""SigLIP and SigLIP 2 as transformers builds them.

Same blocks as CLIP, but: no class token (an attention head with a learnt query pools the patches,
and its ``out_proj`` module never fires), a bidirectional text tower that attends to its own
padding and pools the last position, and a bias beside the scale, because the loss is a sigmoid
per pair (Zhai et al. 2023, arXiv:2303.15343).

The fixed-resolution checkpoints of SigLIP 2 have the same classes as SigLIP. The NaFlex ones
(``model_type`` ``siglip2``) take images of any shape, cut into at most ``max_num_patches``
patches; here each batch holds images of one shape, so that nothing has to be padded or masked.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from clipprobe.anatomy.parts import Anatomy
from clipprobe.errors import UnsupportedModelError
from clipprobe.models.families.hf import HuggingFace
from clipprobe.models.families.hf_clip import pre_norm_tower


class HFSiglip(HuggingFace):
    """``SiglipModel``: SigLIP, and SigLIP 2 at a fixed resolution."""

    name = "siglip"
    one_grid = True
    """Whether all images have the same rows and columns of patches."""

    def __init__(self, module: nn.Module, *, pad_id: int | None = None) -> None:
        super().__init__(module, pad_id=pad_id)
        if not hasattr(self._m.vision_model, "head"):
            raise UnsupportedModelError(
                f"This {type(module).__name__} has no pooling head (vision_use_head is off), so "
                "it has no image embedding: use the original checkpoint."
            )

    def anatomy(self) -> Anatomy:
        vision, text = self._m.vision_model, self._m.text_model
        return Anatomy(
            vision=pre_norm_tower(
                "vision",
                vision,
                norm_final=vision.post_layernorm,
                projection=None,
                pool_token="none",
                grid=self.nominal_grid if self.one_grid else None,
            ),
            text=pre_norm_tower(
                "text",
                text,
                norm_final=text.final_layer_norm,
                projection=text.head,
                pool_token="last",
            ),
        )

    def vision_projected(self, pooled: Tensor) -> Tensor:
        return pooled

    def text_pooled(self, tokens: Tensor) -> Tensor:
        # The tower's own pooler_output is already projected; the pooled vector lies before it.
        hidden: Tensor = self._m.text_model(
            input_ids=tokens, attention_mask=self.real_tokens(tokens)
        ).last_hidden_state
        return hidden[:, -1]

    def text_projected(self, pooled: Tensor) -> Tensor:
        projected: Tensor = self._m.text_model.head(pooled)
        return projected

    def pool_positions(self, tokens: Tensor) -> Tensor:
        return torch.full((tokens.shape[0],), tokens.shape[1] - 1, device=tokens.device)

    def real_tokens(self, tokens: Tensor) -> Tensor | None:
        # SigLIP was trained to attend to its padding, and its tokenizers return no mask. A
        # checkpoint whose tokenizer does return one gets it, as in transformers' own pipeline.
        return None if self.pad_id is None else tokens != self.pad_id

    @property
    def d_embed(self) -> int:
        return int(self._m.config.vision_config.hidden_size)


class HFSiglip2(HFSiglip):
    """``Siglip2Model``: SigLIP 2 NaFlex, images of any shape."""

    name = "siglip2"
    one_grid = False

    def vision_pooled(self, pixels: Tensor) -> Tensor:
        b, _, height, width = pixels.shape
        p = self.patch_size
        rows, columns = height // p, width // p
        patches = pixels.reshape(b, 3, rows, p, columns, p).permute(0, 2, 4, 3, 5, 1)
        shape = torch.tensor([[rows, columns]], device=pixels.device).expand(b, 2)
        pooled: Tensor = self._m.vision_model(
            pixel_values=patches.reshape(b, rows * columns, p * p * 3),
            pixel_attention_mask=torch.ones(b, rows * columns, device=pixels.device).long(),
            spatial_shapes=shape,
        ).pooler_output
        return pooled

    @property
    def image_size(self) -> int:
        """Of a square image, from the grid of the learnt position embeddings."""
        return math.isqrt(self._m.config.vision_config.num_patches) * self.patch_size
