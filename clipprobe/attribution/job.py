"""A batch of pairs to explain: distinct images, and for each pair its image and its direction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.errors import UnsupportedHookError
from clipprobe.models.grid import patch_grid

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.target import Targets
    from clipprobe.attribution.trace import Trace
    from clipprobe.models import Clip

_AFTER_ATTENTION = ("attn.out", "attn.z", "attn.head_out", "resid_mid", "resid_post")


class Job:
    """``p`` pairs over ``n`` images of one shape; what methods share is computed once.

    Args:
        pixels: Preprocessed, ``(n, 3, H, W)``.
        targets: Of the ``p`` pairs.
        image_of: The image of each pair; by default pair ``i`` is of image ``i``.
        batch_size: Most images in one forward pass without gradients.
        gradients: Most images in one forward and backward pass that a method makes of its own.
            None: as many as without gradients.
    """

    def __init__(
        self,
        clip: Clip,
        pixels: Tensor,
        targets: Targets,
        image_of: Sequence[int] | None = None,
        *,
        batch_size: int = 32,
        gradients: int | None = None,
    ) -> None:
        self.clip = clip
        self.pixels = pixels.to(clip.device)
        self.targets = targets
        self.image_of = list(range(len(pixels))) if image_of is None else list(image_of)
        self.directions = targets.directions.to(clip.device)
        if len(self.directions) == 1 and len(self.image_of) > 1:
            self.directions = self.directions.expand(len(self.image_of), -1)
        self.batch_size = batch_size
        self.gradients = batch_size if gradients is None else gradients
        self.grid = patch_grid(clip, pixels)
        self.needs: set[str] = set()
        """What the methods that will run read of the shared pass."""
        self.cache: dict[Any, Any] = {}
        """What methods of one family share, under keys of their own."""
        self._trace: Trace | None = None
        self._features: Tensor | None = None

    def __len__(self) -> int:
        return len(self.image_of)

    @property
    def n_patches(self) -> int:
        """Patches of an image."""
        return self.grid[0] * self.grid[1]

    @property
    def is_text(self) -> bool:
        """Whether texts are explained, not units."""
        return self.targets.kind == "text"

    @property
    def first_patch(self) -> int:
        """The token number of the first patch."""
        return int(self.clip.anatomy.vision.has_class_token)

    @property
    def final(self) -> str:
        """The hook point of the stream after the last block."""
        return f"vision.blocks.{len(self.clip.anatomy.vision.blocks) - 1}.resid_post"

    def features(self) -> Tensor:
        """``(n, f)`` of the images as they are, without gradients."""
        if self._features is None:
            self._features = (
                self._trace.features if self._trace is not None else self.encode(self.pixels)
            )
        return self._features

    def scores(self) -> Floats:
        """``(p,)`` float64."""
        products = (self.features()[self.image_of] * self.directions).sum(dim=-1)
        return as_floats(products)

    def encode(self, pixels: Tensor) -> Tensor:
        """Features ``(m, f)`` of any number of preprocessed images, without gradients."""
        import torch

        with torch.no_grad():
            return torch.cat(
                [self.targets.features(part) for part in torch.split(pixels, self.batch_size)]
            )

    def per_pair(self, features: Tensor) -> Floats:
        """Features ``(n, m, f)`` of m variants of every image to scores ``(p, m)``."""
        import torch

        rows = features[self.image_of].double()
        return as_floats(torch.einsum("pmf,pf->pm", rows, self.directions.double()))

    def trace(self, needs: Iterable[str] = ()) -> Trace:
        """The shared forward and backward pass, run once for all that is needed."""
        from clipprobe.attribution.trace import run_trace

        if self._trace is None or not set(needs) <= self.needs:
            self.needs |= set(needs)
            self._trace = run_trace(
                self.clip,
                self.pixels,
                self.targets.features,
                self.needs,
                directions=self.directions,
                image_of=self.image_of,
            )
        return self._trace

    def last_block(self, method: str) -> int:
        """The last block whose attention can move a patch towards the score.

        Raises:
            UnsupportedHookError: there is none before the unit.
        """
        blocks = [_attention_before(point) for point in self.targets.points]
        last = min((block for block in blocks if block is not None), default=None)
        if last is None:
            return len(self.clip.anatomy.vision.blocks) - 1
        if last < 0:
            raise UnsupportedHookError(
                f"{method} reads attention, and none comes before {self.targets.names[0]}: use "
                "integrated_gradients."
            )
        return last

    def attention(self, method: str) -> str:
        """Prefix of the names of that attention: a block's, or the pooling head's."""
        tower = self.clip.anatomy.vision
        if self.is_text and tower.blocks and tower.pool_token == "none":
            return "head."
        return f"vision.blocks.{self.last_block(method)}.attn."

    def on_grid(self, values: Any) -> Floats:
        """Numbers of the patches, ``(p, n_patches)``, laid out ``(p, rows, columns)``."""
        array = values if isinstance(values, np.ndarray) else as_floats(values)
        return array.reshape(-1, *self.grid)


def as_floats(values: Tensor) -> Floats:
    """A detached float64 copy on the host."""
    return values.detach().cpu().double().numpy()


def _attention_before(point: Any) -> int | None:
    """The block of the last attention before a unit; None where all come before it."""
    if point.block is not None:
        after = point.read_site.startswith("mlp") or point.read_site in _AFTER_ATTENTION
        return int(point.block if after else point.block - 1)
    return -1 if "h" in point.axes or "t" in point.axes else None
