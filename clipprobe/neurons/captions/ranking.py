"""Top captions of vision units through the text tower, and top prompts of text units.

    vision_captions(clip, ["vision.blocks.5.mlp.post:17"])[0].top
    text_prompts(clip, ["text.blocks.5.mlp.post:17"], pool="eos")[0].top

For a vision unit the direction of ``directions.py`` (what it writes into the image embedding) is
compared with the embedding of each caption. The mean embedding over all captions is subtracted
first, because all captions share most of their direction (the cone of the text tower, Liang et al.
2022, arXiv:2203.02053) and a unit along it would get the same list as every other such unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import unit_rows
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.hooks import HookPoint, capture
from clipprobe.neurons.captions.lists import caption_list
from clipprobe.neurons.captions.result import ALIGNMENT, TEXT_ALONE, UnitCaptions
from clipprobe.neurons.captions.scoring import corrected, ends, highest_by_chance
from clipprobe.neurons.direction_results import UnitDirection
from clipprobe.neurons.effects.directions import Directions
from clipprobe.neurons.words.result import highest_of
from clipprobe.tracing.units import units_by_point

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons.words.lists import WordList


N_RANDOM = 999
_POOLED = {
    "eos": "end-of-text token",
    "max": "max over tokens",
    "mean": "mean over tokens",
    "cls": "class token",
    "none": "one value per text",
}
_SCALAR_AXES = {("b", "t", "d"), ("b", "t", "d_mlp"), ("b", "d")}


def vision_captions(
    clip: Clip,
    units: Sequence[str] | str,
    captions: WordList | Sequence[str] | None = None,
    *,
    images: Sequence[Any] | None = None,
    directions: Directions | None = None,
    subtract_mean: bool = True,
    top: int = 10,
    n_random: int = N_RANDOM,
    seed: int = 0,
    batch_size: int = 256,
    progress: Callable[[int], None] | None = None,
) -> list[UnitCaptions]:
    """The captions along the direction of each vision unit; bears on cross-tower alignment.

    Args:
        units: Addresses, or hook points and globs for all of their units.
        captions: Texts; None for the bundled concepts in templates.
        images: At least two images to linearise at; None for bundled images.
        directions: Directions of this model that were made before; None makes them at ``images``.
        subtract_mean: Remove the mean embedding over the captions.
        top: Captions at either end.
        n_random: Random mixtures of the captions that say what is chance.
        seed: Of those.
        progress: Called with the number of units finished since the last call.

    Raises:
        UnknownHookPointError: the model has no such unit.
        UnsupportedHookError: a unit has no direction in the joint space.
    """
    _check(top, n_random)
    by_point = by_site(clip, units, "vision")
    listed = caption_list(captions)
    embedded = clip.encode_texts(listed.words, batch_size=batch_size).astype(np.float64)
    mean = embedded.mean(axis=0)
    shifted = embedded - mean if subtract_mean else embedded
    rows = unit_rows(shifted)
    null = highest_by_chance(shifted, rows, n_random, seed)
    directions = directions or Directions(clip, images=images)

    def captions_along(direction: UnitDirection) -> UnitCaptions:
        vector = direction.vector.astype(np.float64)
        length = float(np.linalg.norm(vector))
        reasons = [direction.reason] if direction.reason else []
        if length > 0:
            raw, scores = embedded @ vector / length, rows @ vector / length
            to_mean = float(mean @ vector / (length * np.linalg.norm(mean)))
        else:
            raw = scores = np.full(len(listed.words), np.nan)
            to_mean = math.nan
            reasons.append("the unit writes nothing, so it has no direction")
        p = chance = math.nan
        if len(null) and length > 0:
            chance = float(null.mean())
            highest = (scores.max() - scores.mean()) / scores.std() if scores.std() > 0 else 0.0
            p = (1 + int(np.count_nonzero(null >= highest))) / (1 + len(null))
        elif not len(null):
            reasons.append("no random directions were drawn, so there is no chance level")
        return UnitCaptions(
            unit=direction.unit,
            name=direction.unit,
            claim=ALIGNMENT,
            measure="cosine of the unit's direction with the caption"
            + (", less the mean over captions" if subtract_mean else ""),
            mean_subtracted=subtract_mean,
            mean=to_mean,
            n_captions=len(listed.words),
            chance=chance,
            p=p,
            q=math.nan,
            n_random=len(null),
            linearised_at=direction.linearised_at,
            exact=direction.exact,
            agreement=direction.agreement,
            **ends(listed.words, scores, raw, top),
            reason="; ".join(reasons),
        )

    rankings = []
    for point, indices in by_point:
        site = directions.site(point.name)
        for index in indices:
            rankings.append(captions_along(site.unit(index)))
            if progress is not None:
                progress(1)
    return corrected(rankings)


def text_prompts(
    clip: Clip,
    units: Sequence[str] | str,
    captions: WordList | Sequence[str] | None = None,
    *,
    pool: str = "eos",
    subtract_mean: bool = True,
    top: int = 10,
    batch_size: int = 256,
    progress: Callable[[int], None] | None = None,
) -> list[UnitCaptions]:
    """The captions that activate each text unit most; bears on neither claim.

    Args:
        units: Addresses, or hook points and globs for all of their units.
        pool: ``eos`` (the token that the tower pools), ``max`` or ``mean`` over tokens; ``none``
            for hook points without tokens.
        subtract_mean: Remove the unit's mean over the captions (the order stays the same).
        progress: Called with the number of units finished since the last call.

    Raises:
        UnknownHookPointError: the model has no such unit.
        UnsupportedHookError: a head, or a pooling that has no meaning there.
    """
    _check(top, 0)
    by_point = by_site(clip, units, "text")
    check_pool(by_point, pool)
    listed = caption_list(captions)
    rankings = []
    for point, indices in by_point:  # one hook point at a time: captions times units in memory
        how = pool if "t" in point.axes else "none"
        with capture(clip, point.name, pool=how) as acts:
            clip.encode_texts(listed.words, batch_size=batch_size)
        values = acts[point.name].double().cpu().numpy()  # caption unit
        for index in indices:
            own, unit = values[:, index], f"{point.name}:{index}"
            mean = float(own.mean())
            constant = not float(own.std()) > 0
            rankings.append(
                UnitCaptions(
                    unit=unit,
                    name=f"{unit} ({_POOLED[how]})",
                    claim=TEXT_ALONE,
                    measure=f"activation, {_POOLED[how]}"
                    + (", less the mean over captions" if subtract_mean else ""),
                    mean_subtracted=subtract_mean,
                    mean=mean,
                    n_captions=len(own),
                    chance=highest_of(len(own)),
                    p=math.nan,
                    q=math.nan,
                    n_random=0,
                    linearised_at="",
                    exact=True,
                    agreement=math.nan,
                    **ends(listed.words, own - mean if subtract_mean else own, own, top),
                    reason="every caption gives the same value, so z has no scale"
                    if constant
                    else "",
                )
            )
            if progress is not None:
                progress(1)
    return rankings


def check_pool(points: Sequence[tuple[HookPoint, list[int]]], pool: str) -> None:
    """Refuse text hook points that have no single number per text with this pooling.

    Raises:
        UnsupportedHookError: a head, or a pooling that has no meaning there.
    """
    for point, _ in points:
        if point.axes not in _SCALAR_AXES:
            raise UnsupportedHookError(
                f"{point.name} has the axes {' '.join(point.axes)}, so its {point.unit}s have no "
                "single number per token: use a hook point such as mlp.post or attn.out."
            )
        if pool == "none" and "t" in point.axes:
            raise UnsupportedHookError(
                f"{point.name} has one value per token: choose pool eos, max or mean."
            )


def by_site(
    clip: Clip, units: Sequence[str] | str, tower: str
) -> list[tuple[HookPoint, list[int]]]:
    """Hook points and the units of each that were named, in order of first mention.

    Raises:
        UnsupportedHookError: units of the other tower.
    """
    by_point = units_by_point(clip, units)
    for point, _ in by_point:
        if point.tower != tower:
            other = "text_prompts" if point.tower == "text" else "vision_captions"
            raise UnsupportedHookError(
                f"{point.name} is in the {point.tower} tower, and this ranking is for units of the "
                f"{tower} tower: the two answer different questions; use {other} for it."
            )
    return by_point


def _check(top: int, n_random: int) -> None:
    if top < 1 or n_random < 0:
        raise ConfigError(f"top={top}, n_random={n_random}: top must be at least 1, n_random 0.")
