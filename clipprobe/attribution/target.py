"""What is explained: numbers that the model computes from an image, differentiable in its pixels.

Every score is linear in *features* of the image: the unit embedding for texts, pooled activations
for units. A pair of an image and a target then is a direction among the features, so one encoding
of an image serves all its targets.

*Texts.* The score is the cosine with a text, or with the mean direction of several (prompt
ensembling as in the CLIP paper, section 3.1.4). Two options take out what texts share: ``against``
subtracts the mean of other texts' directions (the score is then by how much the text beats them),
``centre`` subtracts the mean over the bundled concept names. With ``against``, centring cancels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from clipprobe.errors import ConfigError, UnsupportedHookError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.hooks import HookPoint, UnitAddress
    from clipprobe.identity import Identity
    from clipprobe.models import Clip

_UNIT = re.compile(r"(vision|text)\.\S+:\d+")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """What is explained in each of ``p`` pairs, bound to a model."""

    names: tuple[str, ...]
    """``p`` texts, or units' addresses with their pooling."""
    kind: str
    """``text`` or ``unit``."""
    units: str
    """What one unit of the score is."""
    points: tuple[HookPoint, ...]
    """Hook points of the units; empty for texts."""
    directions: Tensor
    """``(p, f)`` float32."""
    features: Callable[[Tensor], Tensor]
    """Preprocessed pixels ``(b, 3, H, W)`` to ``(b, f)``."""
    against: tuple[str, ...] = ()
    """Texts whose mean was subtracted from each text."""
    centred: bool = False
    """Whether the mean text was subtracted."""

    def __call__(self, pixels: Tensor) -> Tensor:
        """Scores ``(b,)`` of as many images as targets, or of one target for all."""
        return (self.features(pixels) * self.directions).sum(dim=-1)


def targets_of(
    clip: Clip,
    targets: Sequence[str | Sequence[str] | UnitAddress],
    *,
    pool: str = "max",
    against: Sequence[str] | None = None,
    centre: bool = False,
) -> Targets:
    """The scores that some targets mean, one for each pair.

    Args:
        targets: A text; several texts, whose mean direction counts; or a unit, as an address or as
            text of that form (``vision.blocks.3.mlp.post:17``). All of one kind.
        pool: How a unit's activations on the tokens become one number; not used for texts.
        against: Texts whose mean is subtracted from each text; the text itself is skipped there.
        centre: Subtract the mean over the bundled concept names.

    Raises:
        ConfigError: no text, an empty text, texts mixed with units, or options of texts for units.
        UnknownHookPointError: the unit does not exist.
        UnsupportedHookError: the unit is in the text tower, or has no single number per token.
    """
    from clipprobe.hooks import UnitAddress, parse_unit

    texts = [texts_of(target) for target in targets]
    if all(one is None for one in texts) and targets:
        if against or centre:
            raise ConfigError(
                "against and centre subtract directions of texts, and a unit has none: leave them "
                "out, or explain a text."
            )
        addresses = [
            one if isinstance(one, UnitAddress) else parse_unit(str(one).strip()) for one in targets
        ]
        return _unit_targets(clip, addresses, pool)
    if not texts or not all(
        one and all(isinstance(text, str) and text.strip() for text in one) for one in texts
    ):
        raise ConfigError(
            "There is no text to explain the image by: give a text, several, or a unit such as "
            "vision.blocks.3.mlp.post:17 (not texts and units together)."
        )
    return _text_targets(clip, [one for one in texts if one is not None], against, centre)


def texts_of(target: str | Sequence[str] | UnitAddress) -> list[str] | None:
    """The texts that a target is; None for a unit."""
    from clipprobe.hooks import UnitAddress

    if isinstance(target, UnitAddress):
        return None
    if isinstance(target, str):
        return None if _UNIT.fullmatch(target.strip()) else [target]
    return list(target)


def _text_targets(
    clip: Clip, texts: list[list[str]], against: Sequence[str] | None, centre: bool
) -> Targets:
    import torch

    others = [against] if isinstance(against, str) else list(against or ())
    flat = list(dict.fromkeys([text for one in texts for text in one] + others))
    place = {text: row for row, text in enumerate(flat)}
    encoded = clip.encode_texts(flat)
    rows = []
    for one in texts:
        mean = encoded[[place[text] for text in one]].mean(axis=0)
        direction = mean / (mean @ mean) ** 0.5
        rest = [place[text] for text in others if text not in one]
        if others and not rest:
            raise ConfigError(
                f"Nothing is left to contrast {' | '.join(one)!r} with: give other texts."
            )
        if rest:
            direction = direction - encoded[rest].mean(axis=0)
        elif centre:
            direction = direction - mean_text(clip)
        rows.append(direction)
    suffix = " less the mean of other texts" if others else " less the mean text" if centre else ""
    return Targets(
        names=tuple(" | ".join(one) for one in texts),
        kind="text",
        units=f"cosine similarity{suffix}",
        points=(),
        directions=torch.from_numpy(np.stack(rows)).to(clip.device),
        features=clip.image_embeddings,
        against=tuple(others),
        centred=centre,
    )


def mean_text(clip: Clip) -> np.ndarray:
    """The mean unit vector of the bundled concept names, ``(d,)``: what most texts share."""
    return _mean_text(clip, clip.identity)


@lru_cache(maxsize=4)
def _mean_text(clip: Clip, identity: Identity) -> np.ndarray:
    """Of a model whose identity, which changes with its weights and edits, is part of the key."""
    from clipprobe.stimuli import concepts

    mean: np.ndarray = clip.encode_texts([one.phrase for one in concepts()]).mean(axis=0)
    return mean


def _unit_targets(clip: Clip, addresses: list[UnitAddress], pool: str) -> Targets:
    import torch

    from clipprobe.hooks import capture
    from clipprobe.hooks.pooling import pool_tokens
    from clipprobe.hooks.sites import check_unit, resolve
    from clipprobe.hooks.units import find_sites

    readings: dict[tuple[str, int], tuple[HookPoint, str, str]] = {}
    keys = []
    for address in addresses:
        point = resolve(clip, address.hook)[0]
        check_unit(point, address.index)
        if point.tower != "vision":
            raise UnsupportedHookError(
                f"{point.name} does not depend on the image: explain a unit of the vision tower."
            )
        how = pool if "t" in point.axes or "h" in point.axes else "none"
        site = find_sites(clip, [point.name], how)[0]
        keys.append((point.name, address.index))
        name = f"{point.name}:{address.index} ({site.pooled(how)})"
        readings.setdefault(keys[-1], (point, how, name))

    def activations(pixels: Tensor) -> Tensor:
        with capture(clip, list(dict.fromkeys(name for name, _ in readings))) as acts:
            clip.image_embeddings(pixels)
        columns = []
        for (name, index), (point, how, _) in readings.items():
            one = acts[name].select(point.unit_axis, index)
            axes = tuple(axis for i, axis in enumerate(point.axes) if i != point.unit_axis)
            if how != "none":
                one = pool_tokens(one, axes, how, None, name=name)[0]
            columns.append(one.float())
        return torch.stack(columns, dim=-1)

    order = list(readings)
    return Targets(
        names=tuple(readings[key][2] for key in keys),
        kind="unit",
        units="activation",
        points=tuple(dict.fromkeys(point for point, _, _ in readings.values())),
        directions=torch.eye(len(order), device=clip.device)[[order.index(key) for key in keys]],
        features=activations,
    )
