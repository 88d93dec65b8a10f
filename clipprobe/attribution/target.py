"""What is explained: a number that the model computes from an image, differentiable in its pixels.

Two kinds. The *text* score is the cosine of the image with a text, or with the mean direction of
several texts (prompt ensembling as in the CLIP paper, section 3.1.4). The *unit* score is one
unit's pooled activation, in the vision tower.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipprobe.errors import ConfigError, UnsupportedHookError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.hooks import HookPoint, UnitAddress
    from clipprobe.models import Clip

_UNIT = re.compile(r"(vision|text)\.\S+:\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A target bound to a model.

    Attributes:
        name: The texts, or the unit's address with its pooling.
        kind: ``text`` or ``unit``.
        units: What one unit of the score is.
        point: The unit's hook point; None for texts.
        function: Preprocessed pixels ``(b, 3, H, W)`` to scores ``(b,)``.
    """

    name: str
    kind: str
    units: str
    point: HookPoint | None
    function: Callable[[Tensor], Tensor]

    def __call__(self, pixels: Tensor) -> Tensor:
        """Scores ``(b,)`` of preprocessed pixels; gradients flow where they are enabled."""
        return self.function(pixels)


def score_of(clip: Clip, target: str | Sequence[str] | UnitAddress, pool: str = "max") -> Score:
    """The score that a target means.

    Args:
        target: A text; several texts, whose mean direction counts; or a unit, as an address or as
            text of that form (``vision.blocks.3.mlp.post:17``).
        pool: How a unit's activations on the tokens become one number; not used for texts.

    Raises:
        ConfigError: an empty list of texts, or an empty text.
        UnknownHookPointError: the unit does not exist.
        UnsupportedHookError: the unit is in the text tower, or has no single number per token.
    """
    from clipprobe.hooks import UnitAddress, parse_unit

    texts = texts_of(target)
    if texts is None:
        address = target if isinstance(target, UnitAddress) else parse_unit(str(target).strip())
        return _unit_score(clip, address, pool)
    if not texts or not all(text.strip() for text in texts):
        raise ConfigError(
            "There is no text to explain the image by: give a text, several, or a unit such as "
            "vision.blocks.3.mlp.post:17."
        )
    return _text_score(clip, texts)


def texts_of(target: str | Sequence[str] | UnitAddress) -> list[str] | None:
    """The texts that a target is; None for a unit."""
    from clipprobe.hooks import UnitAddress

    if isinstance(target, UnitAddress):
        return None
    if isinstance(target, str):
        return None if _UNIT.fullmatch(target.strip()) else [target]
    return list(target)


def _text_score(clip: Clip, texts: list[str]) -> Score:
    import torch

    mean = clip.encode_texts(texts).mean(axis=0)
    direction = torch.from_numpy(mean / (mean @ mean) ** 0.5).to(clip.device)

    def cosine(pixels: Tensor) -> Tensor:
        return clip.image_embeddings(pixels) @ direction

    return Score(
        name=" | ".join(texts),
        kind="text",
        units="cosine similarity",
        point=None,
        function=cosine,
    )


def _unit_score(clip: Clip, address: UnitAddress, pool: str) -> Score:
    from clipprobe.hooks import capture
    from clipprobe.hooks.pooling import pool_tokens
    from clipprobe.hooks.sites import check_unit, resolve
    from clipprobe.hooks.units import find_sites

    point = resolve(clip, address.hook)[0]
    check_unit(point, address.index)
    if point.tower != "vision":
        raise UnsupportedHookError(
            f"{point.name} does not depend on the image: explain a unit of the vision tower."
        )
    if "t" not in point.axes and "h" not in point.axes:
        pool = "none"
    site = find_sites(clip, [point.name], pool)[0]

    def activation(pixels: Tensor) -> Tensor:
        with capture(clip, [point.name]) as seen:
            clip.image_embeddings(pixels)
        one = seen[point.name].select(point.unit_axis, address.index)
        if pool == "none":
            return one.float()
        axes = tuple(axis for i, axis in enumerate(point.axes) if i != point.unit_axis)
        return pool_tokens(one, axes, pool, None, name=point.name)[0].float()

    return Score(
        name=f"{point.name}:{address.index} ({site.pooled(pool)})",
        kind="unit",
        units="activation",
        point=point,
        function=activation,
    )
