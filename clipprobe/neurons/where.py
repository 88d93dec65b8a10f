"""Where in one image or text a unit fires: its activation on every patch, or on every token."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.errors import UnsupportedHookError
from clipprobe.runs.jsonio import AsJson

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitMap(AsJson):
    """A unit's activations on one image, laid out where they belong.

    Attributes:
        address: ``<hook point>:<index>``.
        map: ``(rows, columns)`` float32 activations on the patches (or places of a map), before
            any pooling.
        class_token: Activation on the class token; NaN where the model has none.
        reason: Why ``class_token`` is undefined; empty where it is not.
        provenance: Model and versions.
    """

    address: str
    map: NDArray[np.float32]
    class_token: float
    reason: str
    provenance: Mapping[str, Any]

    def pooled(self, pool: str) -> float:
        """What an atlas with this pooling holds for the image: ``max``, ``mean`` or ``cls``."""
        values = self.map.reshape(-1)
        if not math.isnan(self.class_token):
            values = np.concatenate([np.array([self.class_token], np.float32), values])
        if pool == "cls":
            return self.class_token
        return float(values.max() if pool == "max" else values.mean(dtype=np.float64))


def unit_map(clip: Clip, image: object, address: str) -> UnitMap:
    """Run one image and lay a unit's activations out on the grid.

    Args:
        image: A path, a Pillow image, a uint8 array ``(h, w, 3)`` or an ImageRecord.
        address: ``<hook point>:<index>``; negative block numbers count from the end.

    Raises:
        UnknownHookPointError: the unit does not exist; names the nearest hook points.
        UnsupportedHookError: the hook point has no single number per place of the image.
        UnreadableImageError: the image cannot be decoded.
    """
    import torch

    from clipprobe.hooks import capture, parse_unit, resolve
    from clipprobe.hooks.sites import check_unit
    from clipprobe.models.grid import patch_grid

    parsed = parse_unit(address)
    point = resolve(clip, parsed.hook)[0]
    check_unit(point, parsed.index)
    tokens = point.axes in (("b", "t", "d"), ("b", "t", "d_mlp"))
    if point.tower != "vision" or not (tokens or "h" in point.axes):
        raise UnsupportedHookError(
            f"{point.name} has the axes {' '.join(point.axes)} and no single number per place of "
            "an image: use a vision hook point with axes b t d or b c h w."
        )
    pixels = clip.preprocess([image])
    with torch.no_grad(), capture(clip, [point.name]) as acts:
        clip.image_embeddings(pixels)
    values = acts[point.name].select(point.unit_axis, parsed.index)[0].float().cpu().numpy()
    class_token, reason = math.nan, "the model has no class token" if tokens else "a map of places"
    if tokens and clip.anatomy.vision.has_class_token:
        class_token, reason, values = float(values[0]), "", values[1:]
    if tokens:
        values = values.reshape(patch_grid(clip, pixels))
    return UnitMap(
        address=f"{point.name}:{parsed.index}",
        map=values,
        class_token=class_token,
        reason=reason,
        provenance=clip.provenance(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMap(AsJson):
    """A unit's activations on the tokens of one text.

    Attributes:
        address: ``<hook point>:<index>``.
        tokens: The text's tokens in words, special ones included.
        values: ``(n_tokens,)`` float32 activations, before any pooling.
        provenance: Model and versions.
    """

    address: str
    tokens: tuple[str, ...]
    values: NDArray[np.float32]
    provenance: Mapping[str, Any]


def text_map(clip: Clip, text: str, address: str) -> TextMap:
    """Run one text and lay a unit's activations out on its tokens.

    Args:
        address: ``<hook point>:<index>`` in the text tower; negative block numbers count from the
            end.

    Raises:
        UnknownHookPointError: the unit does not exist; names the nearest hook points.
        UnsupportedHookError: the hook point has no single number per token of a text.
        DataError: the text holds a token that the model does not know.
    """
    import torch

    from clipprobe.hooks import capture, parse_unit, resolve
    from clipprobe.hooks.sites import check_unit

    parsed = parse_unit(address)
    point = resolve(clip, parsed.hook)[0]
    check_unit(point, parsed.index)
    if point.tower != "text" or point.axes not in (("b", "t", "d"), ("b", "t", "d_mlp")):
        raise UnsupportedHookError(
            f"{point.name} has the axes {' '.join(point.axes)} and no single number per token of a "
            "text: use a text hook point with axes b t d."
        )
    (ids,) = clip.tokenize([text])
    with torch.no_grad(), capture(clip, [point.name]) as acts:
        clip.text_embeddings(torch.tensor([ids]))
    values = acts[point.name].select(point.unit_axis, parsed.index)[0].float().cpu().numpy()
    return TextMap(
        address=f"{point.name}:{parsed.index}",
        tokens=tuple(clip.tokens.piece(token) for token in ids),
        values=values,
        provenance=clip.provenance(),
    )
