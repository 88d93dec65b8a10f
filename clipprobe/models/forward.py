"""One pass through a tower: batches of pixels or token ids to unit vectors, gradients included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from clipprobe.anatomy import listening as context
from clipprobe.anatomy.mode import training_part
from clipprobe.errors import ConfigError
from clipprobe.models.vectors import unit

if TYPE_CHECKING:
    from clipprobe.models.loaded import Loaded
    from clipprobe.models.network import Network, TowerName
    from clipprobe.models.passes import Rows


def image_vectors(clip: Loaded, pixels: Tensor) -> Tensor:
    """Unit vectors ``(b, d_embed)`` of preprocessed images ``(b, 3, H, W)``."""
    network = clip.network
    refuse_training(clip, network, unless_trainable=True)
    first, *others = network.views(pixels.to(device=clip.device, dtype=clip.dtype))
    vectors = _pass(clip, network, "vision", first)
    if not others:
        return vectors
    with context.changes_only():  # who reads activations sees one pass per image
        vectors = vectors + sum(_pass(clip, network, "vision", view) for view in others)
    return unit(vectors)


def text_vectors(clip: Loaded, tokens: Tensor) -> Tensor:
    """Unit vectors ``(b, d_embed)`` of token ids of texts of equal length ``(b, t)``."""
    network, tokens = clip.network, tokens.to(clip.device)
    refuse_training(clip, network, unless_trainable=True)
    adapter = network.adapter
    with context.positions(adapter.pool_positions(tokens), adapter.real_tokens(tokens)):
        return _pass(clip, network, "text", tokens)


def _pass(clip: Loaded, network: Network, tower: TowerName, inputs: Tensor) -> Tensor:
    adapter, passes = network.adapter, clip.passes
    run, project = {
        "vision": (adapter.vision_pooled, adapter.vision_projected),
        "text": (adapter.text_pooled, adapter.text_projected),
    }[tower]

    def encode(rows: Rows) -> Tensor:
        return run(inputs if rows is None else inputs[rows])

    with network.hooked(clip, tower):
        if passes is not None and passes.are_of(network):
            pooled = passes.pooled(tower, inputs, encode)
        else:
            pooled = encode(None)
        pooled = context.emit(f"{tower}.pooled", pooled, clip.module)
        projected = context.emit(f"{tower}.projected", project(pooled), clip.module)
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
