"""What all families of transformers have in common: where their sizes are written."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from clipprobe.models.families.base import Family


class HuggingFace(Family):
    """A model of transformers with a ``vision_model`` and a ``text_model``."""

    def __init__(self, module: nn.Module, *, pad_id: int | None = None) -> None:
        super().__init__(module, pad_id=pad_id)
        self._m: Any = module

    def vision_pooled(self, pixels: Tensor) -> Tensor:
        pooled: Tensor = self._m.vision_model(pixel_values=pixels).pooler_output
        return pooled

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""
        return int(self._m.config.vision_config.patch_size)

    @property
    def image_size(self) -> int:
        return int(self._m.config.vision_config.image_size)

    @property
    def nominal_grid(self) -> tuple[int, int]:
        side = self.image_size // self.patch_size
        return side, side

    @property
    def n_tokens(self) -> int:
        return int(self._m.config.text_config.vocab_size)

    @property
    def context(self) -> int:
        return int(self._m.config.text_config.max_position_embeddings)
