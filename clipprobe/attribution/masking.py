"""Encode images of which only some patches are seen: patches masked out of every attention layer.

A patch that no layer may attend to has no influence on the others, so it is taken out of the
sequence before the first block, with every other token in its place (position embeddings were
added before). This is the same as attention logits of minus infinity in every layer, for any
transformer, and cheaper. The pixels of such a patch have no influence at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from clipprobe.errors import UnsupportedHookError
from clipprobe.hooks.session import Session

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.job import Job
    from clipprobe.hooks import HookPoint
    from clipprobe.hooks.hooked import Hooked


class KeptTokens(Session):
    """While the block runs, a tower sees some of its tokens only.

    Args:
        points: The point before the first block; and, where the tower's own pooling counts on all
            places, the point after the last.
        tokens: ``(b, kept)`` int64 numbers of the tokens, ascending.
        n_tokens: Tokens of the whole sequence.
    """

    changes = True

    def __init__(
        self, clip: Hooked, points: Iterable[HookPoint], tokens: Tensor, n_tokens: int
    ) -> None:
        super().__init__(clip, points)
        self._tokens, self._n_tokens = tokens, n_tokens
        self._first = next(iter(self.points))
        self.edits = (f"{self._first} kept {tokens.shape[1]} of {n_tokens} tokens",)

    def __enter__(self) -> None:
        self.open()

    def edit(self, name: str, value: Tensor) -> Tensor:
        """Take the tokens out before the first block; put them back in place after the last."""
        self.fired.add(name)
        index = self._tokens.to(value.device)[..., None].expand(-1, -1, value.shape[-1])
        if name == self._first:
            return value.gather(1, index)
        whole = value.new_zeros(value.shape[0], self._n_tokens, value.shape[-1])
        return whole.scatter(1, index, value)


def encode_masked(job: Job, masks: Tensor) -> Tensor:
    """Features of every image under each of its masks.

    Args:
        masks: ``(m, n_patches)`` or ``(n, m, n_patches)`` bool, true where a patch is seen.
    Returns:
        ``(n, m, f)``.
    Raises:
        UnsupportedHookError: the tower has no patch tokens, or nothing would be left of them.
    """
    import torch

    tower = job.clip.anatomy.vision
    if not tower.blocks:
        raise UnsupportedHookError(
            f"The vision tower of {job.clip.id} is a ResNet, which has no attention to mask "
            "patches out of: mask pixels instead."
        )
    n = len(job.pixels)
    masks = masks.cpu()
    masks = masks.expand(n, *masks.shape) if masks.ndim == 2 else masks
    m = masks.shape[1]
    flat = masks.reshape(n * m, -1)
    counts = flat.sum(dim=1)
    if not tower.has_class_token and not bool(counts.all()):
        raise UnsupportedHookError(
            f"{job.clip.id} has no class token, so an image without any patch has no embedding: "
            "keep at least one."
        )
    runs, features = [], []
    for rows in _equal_runs(counts, job):
        patches = flat[rows].nonzero()[:, 1].view(len(rows), -1)
        runs.append(rows)
        features.append(_run_part(job, job.pixels[rows // m], patches))
    return torch.cat(features)[torch.cat(runs).argsort()].view(n, m, -1)


def encode_mean_pixel(job: Job, masks: Tensor) -> Tensor:
    """Features ``(n, m, f)`` where patches that are not seen have the mean colour instead."""
    import torch

    n = len(job.pixels)
    masks = masks.expand(n, *masks.shape) if masks.ndim == 2 else masks
    m = masks.shape[1]
    high, wide = job.pixels.shape[-2:]
    parts = []
    for part in torch.split(torch.arange(n * m), job.batch_size):
        cells = masks.reshape(n * m, 1, *job.grid)[part].to(job.pixels)
        parts.append(job.encode(job.pixels[part // m] * spread(cells, (high, wide))))
    return torch.cat(parts).view(n, m, -1)


def spread(cells: Tensor, size: tuple[int, int]) -> Tensor:
    """Cells ``(b, 1, rows, columns)`` on pixels ``(b, 1, h, w)``; a border joins the last cell."""
    import torch

    axes = []
    for length, count in zip(size, cells.shape[-2:], strict=True):
        axes.append((torch.arange(length) // (length // count)).clamp(max=count - 1))
    return cells[..., axes[0].to(cells.device), :][..., axes[1].to(cells.device)]


def _equal_runs(counts: Tensor, job: Job) -> Iterable[Tensor]:
    """Rows in runs of equal count, as long as a batch of whole images has tokens."""
    import torch

    for count in torch.unique(counts):
        rows = (counts == count).nonzero()[:, 0]
        most = max(1, job.batch_size * (job.n_patches + 1) // (int(count) + 1))
        yield from torch.split(rows, most)


def _run_part(job: Job, pixels: Tensor, patches: Tensor) -> Tensor:
    """Features of a batch of which only the given patches ``(b, kept)`` are seen."""
    import torch

    from clipprobe.hooks import resolve

    first = job.first_patch
    tokens = patches + first
    if first:
        tokens = torch.cat([torch.zeros(len(tokens), 1, dtype=tokens.dtype), tokens], dim=1)
    points = resolve(job.clip, "vision.blocks.0.resid_pre")
    n_tokens = job.n_patches + first
    with torch.no_grad(), KeptTokens(job.clip, points, tokens, n_tokens):
        return job.targets.features(pixels)
