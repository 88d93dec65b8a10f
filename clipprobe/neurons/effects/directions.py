"""What a vision unit writes into the image embedding: a direction of the joint space.

A unit of a residual tower adds a vector to the residual stream of the tokens. The last layer norm
and the projection (of SigLIP: the pooling head) map the stream to the joint space. That map is not
linear, so it is *linearised*: its Jacobian is taken at reference images and averaged. A unit's
direction is the Jacobian times what the unit writes per unit of activation, or, for a head, times
what it writes on average. The vector is in units of the embedding before it is normalised to
length 1.

This is the *direct path* alone: what later blocks make of the unit is left out, and for MLP neurons
of early and middle blocks that is most of their effect (Gandelsman et al. 2024, arXiv:2406.04341).

For the channels of a ResNet's last block the direction is the article's ``W_o W_v`` (Goh et al.
2021, Distill): the value and output matrices of the attention pool, whose attention is held fixed.
A channel that rises everywhere alike moves the embedding by exactly that, whatever the attention
was, because its weights sum to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clipprobe.data.images import as_pil
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.hooks import HookPoint, capture
from clipprobe.hooks.sites import check_unit, parse_unit, resolve
from clipprobe.neurons.direction_results import SiteDirections, UnitDirection
from clipprobe.neurons.effects.direct import STREAMS
from clipprobe.neurons.effects.unit_writes import N_REFERENCE, mlp_writes, reference_images

if TYPE_CHECKING:
    from clipprobe.models import Clip

Floats = NDArray[np.float32]
_EXACT = 1e-5


def unit_direction(clip: Clip, unit: str, *, images: Sequence[Any] | None = None) -> UnitDirection:
    """The direction of one vision unit; see :class:`Directions` for several.

    Args:
        unit: ``<hook point>:<index>``; negative block numbers count from the end.
        images: At least two images to linearise at; None for bundled images.

    Raises:
        UnknownHookPointError: the model has no such unit.
        UnsupportedHookError: the unit does not write to what becomes the embedding.
    """
    parsed = parse_unit(unit)
    point = _one_point(resolve(clip, parsed.hook), parsed.hook)
    check_unit(point, parsed.index)
    return Directions(clip, images=images).site(point.name).unit(parsed.index)


class Directions:
    """Directions of a model's vision units; the Jacobian is computed once and shared.

    Args:
        images: At least two images to linearise at; None for 16 bundled images.
    """

    def __init__(self, clip: Clip, *, images: Sequence[Any] | None = None) -> None:
        self.clip = clip
        if images is not None and len(images) < 2:
            raise ConfigError(
                f"{len(images)} images were given to linearise at: give at least 2, so that it can "
                "be told whether the direction depends on the image."
            )
        self._images = images
        self._pixels: Tensor | None = None
        self._jacobians: dict[str, Tensor] = {}

    @property
    def linearised_at(self) -> str:
        """The reference images, in words."""
        if self._images is None:
            return f"the mean over {N_REFERENCE} bundled images"
        return f"the mean over {len(self._images)} given images"

    def site(self, name: str) -> SiteDirections:
        """The directions of all units of a hook point.

        Raises:
            UnknownHookPointError: the model has no such hook point.
            UnsupportedHookError: its units do not write to what becomes the embedding.
        """
        hook = _one_point(resolve(self.clip, name), name)
        point = hook if hook.base is None else resolve(self.clip, hook.base)[0]
        if point.tower != "vision":
            raise UnsupportedHookError(
                f"{point.name} is in the text tower, and a direction is what a unit writes into "
                "the image embedding: name a hook point that begins with 'vision.'."
            )
        if point.site in self.clip.anatomy.vision.channels:
            return self._channels(hook, point)
        if point.site in ("pooled", "projected"):
            # (image, embed, unit) -> (image, unit, embed)
            return self._from_images(hook, self._jacobian(point.name).transpose(1, 2), "")
        if point.block is None:
            raise UnsupportedHookError(
                f"{point.name} reaches the image embedding only through the blocks, so it has no "
                "direct path to the joint space: use a unit of a block."
            )
        later = len(self.clip.anatomy.vision.blocks) - 1 - point.block
        reason = "the direct path only: " + (
            f"what the {later} later block{'s' * (later != 1)} do with it is left out"
            if later
            else "no block comes later"
        )
        if point.site in STREAMS:
            return self._from_images(hook, self._stream().transpose(1, 2), reason)
        if point.site in ("mlp.pre", "mlp.post"):
            writes = mlp_writes(self.clip, point.block)  # unit, width
            if point.site == "mlp.pre":
                reason += "; the direction of the neuron after its non-linearity"
            vectors = writes @ self._stream().transpose(1, 2)
            return self._from_images(hook, vectors, reason)
        return self._heads(point, f"{reason}; a head has no activation, so this is its mean write")

    def _from_images(self, point: HookPoint, vectors: Tensor, reason: str) -> SiteDirections:
        """Average directions ``(image, unit, embed)`` and say how much they differ."""
        vectors = self._along(point, vectors)
        mean = vectors.mean(dim=0)
        apart = (vectors - mean).abs().amax(dim=(0, 2))
        lengths = vectors.norm(dim=2) * mean.norm(dim=1)
        cosines = ((vectors * mean).sum(dim=2) / lengths).amin(dim=0)
        return SiteDirections(
            site=point.name,
            vectors=mean.cpu().numpy(),
            linearised_at=self.linearised_at,
            exact=(apart <= _EXACT * mean.abs().amax(dim=1)).cpu().numpy(),
            agreement=cosines.double().cpu().numpy(),
            reason=reason,
        )

    def _along(self, point: HookPoint, vectors: Tensor) -> Tensor:
        """What named directions write: they add units of the model, ``(…, unit, embed)``."""
        for one in self.clip.anatomy.derived:
            if f"{one.base}.{one.name}" == point.name:
                return torch.tensor(one.vectors).to(vectors) @ vectors
        return vectors

    def _reference(self) -> Tensor:
        if self._pixels is None:
            images = (
                reference_images(self.clip.image_size) if self._images is None else self._images
            )
            views = [as_pil(image) for image in images]
            side = self.clip.image_size
            # One shape, also for models that keep each image's own.
            self._pixels = self.clip.preprocess(
                [view.convert("RGB").resize((side, side)) for view in views]
                if len(self.clip.preprocess.groups(views)) > 1
                else views
            )
        return self._pixels

    def _stream(self) -> Tensor:
        """``(image, embed, width)``: the same write at every token, of the last block's output."""
        last = len(self.clip.anatomy.vision.blocks) - 1
        return self._jacobian(f"vision.blocks.{last}.resid_post")

    def _jacobian(self, hook: str) -> Tensor:
        if hook not in self._jacobians:
            rows = [
                grad.flatten(1, -2).sum(1) if grad.ndim > 2 else grad for grad in self._rows(hook)
            ]
            self._jacobians[hook] = torch.stack(rows, dim=1)
        return self._jacobians[hook]

    def _rows(self, hook: str) -> Any:
        """For each dimension of the embedding its gradient at the hook point, ``(image, …)``."""
        with (
            torch.enable_grad(),
            capture(self.clip, [hook, "vision.projected"], grad=True) as acts,
        ):
            self.clip.image_embeddings(self._reference())
        x, embedding = acts[hook], acts["vision.projected"]
        if hook == "vision.projected":
            eye = torch.eye(embedding.shape[1], device=embedding.device)
            yield from (row.expand(len(embedding), -1) for row in eye)
            return
        for k in range(embedding.shape[1]):
            (grad,) = torch.autograd.grad(embedding[:, k].sum(), x, retain_graph=True)
            yield grad.float()

    def _heads(self, point: HookPoint, reason: str) -> SiteDirections:
        tower = self.clip.anatomy.vision
        hook = f"vision.blocks.{point.block}.attn.head_out"
        only_class = tower.pool_token == "cls"
        with (
            torch.no_grad(),
            capture(self.clip, hook, pool="cls" if only_class else "none") as acts,
        ):
            self.clip.image_embeddings(self._reference())
        writes = acts[hook].float()  # image (token) head width
        if only_class:
            vectors = torch.einsum("bhd,bed->bhe", writes, self._stream())
        else:
            last = f"vision.blocks.{len(tower.blocks) - 1}.resid_post"
            rows = [torch.einsum("bthd,btd->bh", writes, grad) for grad in self._rows(last)]
            vectors = torch.stack(rows, dim=2)
        return self._from_images(point, vectors, reason)

    def _channels(self, hook: HookPoint, point: HookPoint) -> SiteDirections:
        visual: Any = getattr(self.clip.module, "visual", None)
        pool: Any = getattr(visual, "attnpool", None)
        names = list(self.clip.anatomy.vision.channels)
        last = names[-1].rpartition(".")[0]
        if point.site.rpartition(".")[0] != last:
            raise UnsupportedHookError(
                f"{point.name} reaches the image embedding only through later layers: name a "
                f"channel of the last one, such as vision.{last}.add:0."
            )
        if not (hasattr(pool, "v_proj") and hasattr(pool, "c_proj")):
            raise UnsupportedHookError(
                f"The tower of {self.clip.id} has no attention pool with value and output matrices "
                f"behind {point.name}, so its channels have no direction in the joint space."
            )
        weights = pool.c_proj.weight.float() @ pool.v_proj.weight.float()  # embed channel
        gate = (
            "; the ReLU passes it only where it is above 0" if point.site.endswith(".add") else ""
        )
        return SiteDirections(
            site=hook.name,
            vectors=self._along(hook, weights.T).contiguous().detach().cpu().numpy(),
            linearised_at="the attention of the pool held fixed (W_o W_v), no image needed",
            exact=np.zeros(hook.n_units, bool),
            agreement=np.full(hook.n_units, math.nan),
            reason=f"exact only where the channel rises everywhere alike and the attention of the "
            f"pool stays as it is{gate}",
        )


def _one_point(points: Sequence[HookPoint], name: str) -> HookPoint:
    if len(points) != 1:
        raise UnsupportedHookError(
            f"{name!r} names {len(points)} hook points where one was asked for: write it without "
            "a glob."
        )
    return points[0]
