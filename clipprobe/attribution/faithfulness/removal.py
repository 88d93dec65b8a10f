"""What the score does when patches are taken away in the order of a map; higher is better.

``deletion`` and ``insertion`` (Petsiuk et al. 2018, arXiv:1806.07421): the mean score while the
strongest patches are covered first (its negative, so that higher is better), or uncovered first.
``drop`` and ``increase`` (Chattopadhay et al. 2018, arXiv:1710.11063): what the score loses, as a
negative share, when the image is multiplied with the positive part of the map; whether it rises.

Numbers of different protocols do not compare; :class:`Protocol` is printed with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats, softmax
from clipprobe.attribution.methods.paths import baseline_pixels
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models import Clip

FILLS = ("mean", "black", "blur")
SCORES = ("cosine", "logit", "softmax", "top1", "top5")
CURVES = ("deletion", "insertion")
REMOVAL = (*CURVES, "drop", "increase")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How patches are taken away, and what is read."""

    fill: str = "mean"
    """What covers a patch: ``mean`` colour, ``black``, or the image's own ``blur``."""
    score: str = "cosine"
    """``cosine``, ``logit``, ``softmax`` over the prompts, or whether the text is the best
    (``top1``) or among the best five of the prompts."""
    prompts: tuple[str, ...] = ()
    """What softmax and ranks run over."""
    steps: int = 8
    """Points of a curve, besides its start."""
    until: float = 1.0
    """Share of the patches that the last point takes away; 1 is the full range, 0.5 with 10 steps
    and ``top1`` the protocol of Grad-ECLIP and CCI."""

    def __post_init__(self) -> None:
        if self.fill not in FILLS or self.score not in SCORES:
            raise ConfigError(
                f"fill={self.fill!r} and score={self.score!r} are not both known: fills are "
                f"{', '.join(FILLS)}; scores are {', '.join(SCORES)}."
            )
        if self.steps < 1 or not 0 < self.until <= 1:
            raise ConfigError(
                f"steps={self.steps} until={self.until} make no curve: give at least 1 step and a "
                "share above 0 and at most 1."
            )

    def sentence(self) -> str:
        """For the output."""
        over = f" over {len(self.prompts)} prompts" if self.score not in ("cosine", "logit") else ""
        return (
            f"patches covered by {self.fill} in {self.steps} steps to {self.until:.0%} of the "
            f"image; score: {self.score}{over}"
        )


class Remover:
    """Scores of partly covered images of one shape.

    Args:
        pixels: ``(n, 3, H, W)``; a row per case.
        texts: Of the cases.
    """

    def __init__(
        self, clip: Clip, pixels: Tensor, texts: list[str], protocol: Protocol, batch_size: int
    ) -> None:
        self.clip, self.pixels, self.protocol = clip, pixels, protocol
        self.batch_size = batch_size
        prompts = list(dict.fromkeys([*protocol.prompts, *texts]))
        self.vectors = clip.encode_texts(prompts).astype(np.float64)
        self.own = np.array([prompts.index(text) for text in texts])
        self.cover = _cover(clip, pixels, protocol.fill)
        self.whole = self.scores(pixels, np.arange(len(pixels)))

    def scores(self, pixels: Tensor, cases: NDArray[np.int_]) -> Floats:
        """``(m,)`` of images that belong to the given cases."""
        import torch

        with torch.no_grad():
            parts = [
                self.clip.image_embeddings(part).cpu().double().numpy()
                for part in torch.split(pixels, self.batch_size)
            ]
        cosines = np.concatenate(parts) @ self.vectors.T
        own: Floats = np.take_along_axis(cosines, self.own[cases][:, None], axis=1)[:, 0]
        kind = self.protocol.score
        if kind == "cosine":
            return own
        logits = cosines * self.clip.scale + self.clip.bias
        if kind == "logit":
            values: Floats = own * self.clip.scale + self.clip.bias
            return values
        if kind == "softmax":
            shares: Floats = softmax(logits)[np.arange(len(cases)), self.own[cases]]
            return shares
        rank = (cosines > own[:, None]).sum(axis=1)
        return np.asarray(rank < (1 if kind == "top1" else 5), np.float64)

    def measure(self, name: str, maps: Floats) -> Floats:
        """One metric of maps ``(n, rows, columns)``, ``(n,)``."""
        if name in CURVES:
            return signed_area(self.curve(maps, insert=name == "insertion"), name)
        import torch

        positive = maps.clip(min=0)
        top = positive.max(axis=(1, 2), keepdims=True)
        soft = torch.from_numpy(positive / np.where(top > 0, top, 1.0))
        confidence = self.scores(self._mixed(soft, np.arange(len(maps))), np.arange(len(maps)))
        if name == "increase":
            return (confidence > self.whole).astype(np.float64)
        return -np.maximum(0, self.whole - confidence) / np.maximum(np.abs(self.whole), 1e-9)

    def curve(self, maps: Floats, *, insert: bool) -> Floats:
        """Scores ``(n, steps + 1)`` from nothing taken away (or shown) to the last point."""
        import torch

        n, cells = len(maps), maps[0].size
        order = np.argsort(-maps.reshape(n, -1), axis=1, kind="stable")
        rank = np.argsort(order, axis=1)
        counts = np.rint(np.linspace(0, self.protocol.until, self.protocol.steps + 1) * cells)
        first = rank[:, None] < counts[None, :, None]  # n s cells
        visible = first if insert else ~first
        masks = torch.from_numpy(visible.reshape(-1, *maps.shape[1:]).astype(np.float64))
        cases = np.repeat(np.arange(n), len(counts))
        step = max(1, self.batch_size)
        areas = [
            self.scores(self._mixed(masks[start : start + step], part), part)
            for start in range(0, len(cases), step)
            for part in [cases[start : start + step]]
        ]
        return np.concatenate(areas).reshape(n, -1)

    def _mixed(self, masks: Tensor, cases: NDArray[np.int_]) -> Tensor:
        """Images where the mask is 1, the cover where it is 0."""
        from clipprobe.attribution.masking import spread

        size = (int(self.pixels.shape[-2]), int(self.pixels.shape[-1]))
        weight = spread(masks[:, None], size).to(self.pixels)
        return self.pixels[cases] * weight + self.cover[cases] * (1 - weight)


def signed_area(curve: Floats, name: str) -> Floats:
    """Area ``(n,)`` under curves ``(n, steps + 1)``, that of deletion negated: higher is better."""
    area: Floats = (curve[:, 1:] + curve[:, :-1]).mean(axis=1) / 2
    return area if name == "insertion" else -area


def _cover(clip: Clip, pixels: Tensor, fill: str) -> Tensor:
    from torch.nn import functional

    if fill != "blur":
        return baseline_pixels(clip, pixels, "grey" if fill == "mean" else fill)
    # A wide blur, as far as the image allows: a fifth of its shorter side, three times over.
    side = max(3, min(pixels.shape[-2:]) // 5 | 1)
    blurred = pixels
    for _ in range(3):
        padded = functional.pad(blurred, (side // 2,) * 4, mode="replicate")
        blurred = functional.avg_pool2d(padded, side, stride=1)
    return blurred
