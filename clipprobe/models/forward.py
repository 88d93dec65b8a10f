"""One pass through a tower: batches of pixels or token ids to unit vectors, gradients included."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

from clipprobe.anatomy import listening as context
from clipprobe.anatomy.mode import training_part
from clipprobe.errors import ConfigError
from clipprobe.models.vectors import unit

if TYPE_CHECKING:
    from clipprobe.models.loaded import Loaded
    from clipprobe.models.network import Network
    from clipprobe.models.passes import Rows


def image_vectors(clip: Loaded, pixels: Tensor) -> Tensor:
    """Unit vectors ``(b, d_embed)`` of preprocessed images ``(b, 3, H, W)``."""
    network = clip.network
    refuse_training(clip, network, unless_trainable=True)
    first, *others = network.views(pixels.to(device=clip.device, dtype=clip.dtype))
    vectors = _image_pass(clip, network, first)
    if not others:
        return vectors
    with context.changes_only():  # who reads activations sees one pass per image
        vectors = vectors + sum(_image_pass(clip, network, view) for view in others)
    return unit(vectors)


def _image_pass(clip: Loaded, network: Network, pixels: Tensor) -> Tensor:
    def encode(rows: Rows) -> Tensor:
        return network.adapter.vision_pooled(pixels if rows is None else pixels[rows])

    with network.hooked(clip, "vision"):
        pooled = _emit(clip, "vision.pooled", _pooled(clip, "vision", network, pixels, encode))
        projected = _emit(clip, "vision.projected", network.adapter.vision_projected(pooled))
    return unit(projected)


def text_vectors(clip: Loaded, tokens: Tensor) -> Tensor:
    """Unit vectors ``(b, d_embed)`` of token ids of texts of equal length ``(b, t)``."""
    network, tokens = clip.network, tokens.to(clip.device)
    refuse_training(clip, network, unless_trainable=True)
    adapter = network.adapter

    def encode(rows: Rows) -> Tensor:
        return adapter.text_pooled(tokens if rows is None else tokens[rows])

    with (
        context.positions(adapter.pool_positions(tokens), adapter.real_tokens(tokens)),
        network.hooked(clip, "text"),
    ):
        pooled = _emit(clip, "text.pooled", _pooled(clip, "text", network, tokens, encode))
        projected = _emit(clip, "text.projected", adapter.text_projected(pooled))
    return unit(projected)


def refuse_training(clip: Loaded, network: Network, *, unless_trainable: bool = False) -> None:
    """Refuse training mode, in which dropout makes vectors random.

    Args:
        unless_trainable: Go on where a parameter asks for gradients: somebody trains.
    """
    part = training_part(network.module)
    if part is None:
        return
    if unless_trainable and any(one.requires_grad for one in network.module.parameters()):
        return
    raise ConfigError(
        f"{clip.id} is in training mode ({part}), in which dropout can make every vector "
        "random: call clip.module.eval() first."
    )


def _pooled(
    clip: Loaded,
    tower: str,
    network: Network,
    inputs: Tensor,
    encode: Callable[[Rows], Tensor],
) -> Tensor:
    if clip.passes is None or not clip.passes.are_of(network):
        return encode(None)
    return clip.passes.pooled(tower, inputs, encode)


def _emit(clip: Loaded, name: str, value: Tensor) -> Tensor:
    return context.emit(name, value, clip.module)
