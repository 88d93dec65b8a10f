"""Which path does an effect take? Path patching from a sender to receivers.

Activation patching says that a unit matters; path patching says for whom (Wang et al. 2022,
"Interpretability in the Wild", arXiv:2211.00593; Goldowsky-Dill et al. 2023, "Localizing Model
Behavior with Path Patching", arXiv:2304.05969). Four passes a pair:

1. clean and other inputs, everything stored;
2. the clean input with the sender's activations of the other one, while every other head and neuron
   is held at its clean value (the receivers, and what stands behind the last of them, excepted):
   what the receivers read then differs by the sender's direct writing alone;
3. the clean input with the receivers at what they had in pass 2, everything else free.

Without receivers the path is the direct one, from the sender to the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.hooks import HookPoint, Patch, capture, intervene
from clipprobe.neurons.circuits.pairs import Pairs
from clipprobe.tracing.units import points_of

if TYPE_CHECKING:
    from clipprobe.models import Clip

_SENDERS = ("attn.z", "mlp.post", "attn.out", "mlp.out")
_RECEIVERS = ("attn.q", "attn.k", "attn.v", "mlp.pre")
_FROZEN = ("attn.z", "mlp.post")


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPatch:
    """What a sender changes through some receivers.

    Attributes:
        sender, receivers: Addresses; no receiver stands for the output itself.
        targets: What the scores are with.
        clean, other: ``(n, m)`` logits of the two inputs of each pair.
        effect: ``(n, m)``: logit with the path patched minus clean.
        total: ``(n, m)``: the same with the sender patched and everything after it free.
        noise: Largest change of a logit when everything is held at its own clean value.
        provenance: Of the model.
    """

    sender: str
    receivers: tuple[str, ...]
    targets: tuple[str, ...]
    clean: Floats
    other: Floats
    effect: Floats
    total: Floats
    noise: float
    provenance: dict[str, Any]


def path_patch(
    clip: Clip,
    clean: Sequence[Any],
    other: Sequence[Any],
    targets: Sequence[Any],
    *,
    sender: str,
    receivers: str | Sequence[str] = (),
    batch_size: int = 32,
) -> PathPatch:
    """Patch the path from a sender to receivers.

    Args:
        clean, other: Images or texts, in pairs. targets: texts for images, images for texts.
        sender: A head (``vision.blocks.3.attn.z:2``), a neuron, or a whole ``attn.out``
            or ``mlp.out``.
        receivers: What reads it: heads by ``attn.q``, ``attn.k`` or ``attn.v``, neurons by
            ``mlp.pre``, of later blocks (or the MLP of the sender's own block behind its
            attention). Empty for the direct path to the output.
    Raises:
        UnsupportedHookError: a site that cannot send or receive, or a model whose blocks do not
            add to a residual stream.
        ConfigError: a receiver that does not stand behind the sender, or both towers.
    """
    tower, (address, point) = _sender(clip, sender)
    reading = _receivers(clip, point, receivers)
    n_blocks = len(clip.anatomy.tower(tower).blocks)
    frozen_points = [f"{tower}.blocks.{b}.{site}" for b in range(n_blocks) for site in _FROZEN]
    pairs = Pairs(clip, tower, clean, other, targets, batch_size)
    shape = (len(pairs), len(pairs.names))
    scores = {key: np.zeros(shape) for key in ("clean", "other", "effect", "total")}
    noise = 0.0

    for batch in pairs.batches():
        before, logits = pairs.activations(batch.clean, frozen_points)
        sent, others = pairs.activations(batch.other, [point.name])
        scores["clean"][batch.rows], scores["other"][batch.rows] = logits.numpy(), others.numpy()
        frozen: dict[str, Any] = {name: Patch(value) for name, value in before.items()}
        sending: dict[str, Any] = {address: Patch(sent[point.name])}
        with intervene(clip, frozen):
            noise = max(noise, float((pairs.run(batch.clean) - logits).abs().max()))
        with intervene(clip, sending):
            scores["total"][batch.rows] = (pairs.run(batch.clean) - logits).numpy()
        # The sender comes first and its own hook point is then mended unit by unit: a sender that
        # is one unit of a frozen point has to win over the freezing.
        read_from = point.base or point.name
        freezing = {name: how for name, how in frozen.items() if name != read_from}
        own = {read_from: frozen[read_from]} if read_from in frozen else {}
        with intervene(clip, {**own, **sending, **freezing}):
            if not reading:
                scores["effect"][batch.rows] = (pairs.run(batch.clean) - logits).numpy()
                continue
            with capture(clip, list({p.name: None for p in reading.values()}), pool="none") as acts:
                pairs.run(batch.clean)
        received = {name: Patch(acts[p.name]) for name, p in reading.items()}
        with intervene(clip, received):
            scores["effect"][batch.rows] = (pairs.run(batch.clean) - logits).numpy()
    return PathPatch(
        sender=address,
        receivers=tuple(reading),
        targets=pairs.names,
        noise=noise,
        provenance=clip.provenance(),
        **scores,
    )


def _sender(clip: Clip, sender: str) -> tuple[str, tuple[str, HookPoint]]:
    tower, points = points_of(clip, sender)
    if len(points) != 1:
        raise ConfigError(f"{sender} names {len(points)} hook points: a path has one sender.")
    ((address, point),) = points.items()
    anatomy = clip.anatomy.tower(tower)
    if not anatomy.blocks or not all(block.pre_norm for block in anatomy.blocks):
        raise UnsupportedHookError(
            f"The {tower} tower of {clip.id} has no residual stream that its blocks add to, so "
            "there are no paths to tell apart: use patch_sweep."
        )
    if point.read_site not in _SENDERS:
        raise UnsupportedHookError(
            f"{address} cannot send: name one of {', '.join(_SENDERS)} (or a unit of it)."
        )
    return tower, (address, point)


def _receivers(
    clip: Clip, sender: HookPoint, receivers: str | Sequence[str]
) -> dict[str, HookPoint]:
    if not receivers:
        return {}
    tower, points = points_of(clip, receivers)
    if tower != sender.tower:
        raise ConfigError("Sender and receivers are of two towers, which share no path.")
    for address, point in points.items():
        if point.read_site not in _RECEIVERS:
            raise UnsupportedHookError(
                f"{address} cannot receive: name one of {', '.join(_RECEIVERS)} (or a unit of it)."
            )
        assert point.block is not None and sender.block is not None
        own_mlp = point.read_site == "mlp.pre" and sender.site.startswith("attn")
        if point.block < sender.block or (point.block == sender.block and not own_mlp):
            raise ConfigError(f"{address} does not stand behind {sender.name}: nothing gets there.")
    return points
