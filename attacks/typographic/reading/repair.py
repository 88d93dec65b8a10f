"""Why one attacked image is misread, and what repairs it: heads and units turned down.

    contest = Contest(classes=classes, vectors=vectors, label=label, target=target)
    grid = without_each_head(clip, [clean, attacked], contest)      # every head, one by one
    heads = fewest_heads(clip, clean, attacked, contest)            # at most four that repair it
    result = repair(clip, {"clean": clean, "attack": attacked}, contest, heads)

The *margin* is the logit of the written word's class minus that of the true class, as in the rest
of this folder. All of it is about one image: heads that were chosen on it look better there than
they are. Random units of as many stand beside them, and ``audit reading`` chooses on one half of
many images and measures on the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attacks.typographic.reading.contest import Contest, Floats, Verdict
from clipprobe.edits.edit import Edit
from clipprobe.edits.interventions import Interventions
from clipprobe.hooks.changes import Scale, Zero
from clipprobe.models import Clip
from clipprobe.statistics.seeds import generator
from clipprobe.tracing.contributions import by_unit, gradients, unit_points
from clipprobe.tracing.inputs import Inputs
from clipprobe.tracing.removal import pools_like, random_sets
from clipprobe.tracing.scaling import encode_scaled

__all__ = [
    "MOST_HEADS",
    "Contest",
    "HeadGrid",
    "NeuronEffect",
    "Repair",
    "Verdict",
    "fewest_heads",
    "heads_of",
    "neurons_of_block",
    "repair",
    "repairing_edit",
    "without_each_head",
]

N_RANDOM = 20
MOST_HEADS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadGrid:
    """What removing each head does to the margin; ``n`` images, ``L`` blocks, ``H`` heads.

    ``heads``: the address of each, a row per block.
    ``before``: ``(n,)`` margin of the model as it is, logits.
    ``after``: ``(n, L, H)`` margin without the head.
    """

    heads: tuple[tuple[str, ...], ...]
    before: Floats
    after: Floats

    @property
    def change(self) -> Floats:
        """``(n, L, H)``: negative where the word loses by the removal."""
        change: Floats = self.after - self.before[:, None, None]
        return change


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronEffect:
    """A neuron and the margin: ``contribution``, activation times derivative; ``removed``, the
    change of the margin when it is removed. Logits."""

    address: str
    contribution: float
    removed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """The answers with and without some units, and with random ones in their place.

    ``units``: what was changed; ``factor``: what it was multiplied by.
    ``edited``: whether the stored edits were on too, in ``after`` and ``random``.
    ``before``, ``after``: condition -> answer. ``random``: the same for each set of as many other
    units of the same hook points; empty where no unit is changed or there are no others.
    """

    units: tuple[str, ...]
    factor: float
    edited: bool
    before: Mapping[str, Verdict]
    after: Mapping[str, Verdict]
    random: tuple[Mapping[str, Verdict], ...]

    def random_right(self, condition: str) -> int:
        """How many random sets leave the right answer under a condition."""
        return sum(one[condition].right for one in self.random)

    def random_margins(self, condition: str) -> tuple[float, float] | None:
        """Least and largest margin over the random sets."""
        margins = [one[condition].margin for one in self.random]
        return (min(margins), max(margins)) if margins else None


def without_each_head(clip: Clip, images: Sequence[Any], contest: Contest) -> HeadGrid:
    """Remove every head of the vision tower, one at a time, on every token.

    Raises:
        UnsupportedHookError: the model has no heads that can be told apart.
    """
    heads = heads_of(clip)
    flat = [address for row in heads for address in row]
    vectors = encode_scaled(clip, images, [{}, *({address: 0.0} for address in flat)])
    margins = np.stack([contest.score(clip).numbers(one) for one in vectors], axis=1)
    return HeadGrid(
        heads=heads,
        before=margins[:, 0],
        after=margins[:, 1:].reshape(len(images), len(heads), -1),
    )


def heads_of(clip: Clip) -> tuple[tuple[str, ...], ...]:
    """Addresses of the heads of the vision tower, a row per block."""
    points = unit_points(clip, "head")
    return tuple(tuple(f"{one.name}:{i}" for i in range(one.n_units)) for one in points)


def neurons_of_block(
    clip: Clip, image: Any, contest: Contest, block: int, *, k: int = 10
) -> list[NeuronEffect]:
    """The neurons of a block that do most for the word on one image, and what removing each does.

    Ranked by activation times derivative of the margin, summed over tokens: one backward pass.

    Raises:
        UnsupportedHookError: the model has no neurons that can be taken out one by one.
    """
    wanted = f"vision.blocks.{block}.mlp.post"
    [point] = [one for one in unit_points(clip, "neuron") if one.name == wanted]
    inputs, score = Inputs(clip, "vision", [image]), contest.score(clip)
    [batch] = inputs.batches()
    acts, [slopes], _ = gradients(inputs, batch, [wanted], [score])
    each = by_unit(slopes[wanted].double() * acts[wanted].double(), point)[0]
    order = [int(i) for i in np.argsort(-each, kind="stable")[:k]]
    vectors = encode_scaled(clip, [image], [{}, *({f"{wanted}:{i}": 0.0} for i in order)])
    margins = score.numbers(vectors[:, 0])
    return [
        NeuronEffect(
            address=f"{wanted}:{i}", contribution=float(each[i]), removed=float(margin - margins[0])
        )
        for i, margin in zip(order, margins[1:], strict=True)
    ]


def fewest_heads(
    clip: Clip, clean: Any, attacked: Any, contest: Contest, *, most: int = MOST_HEADS
) -> tuple[str, ...]:
    """Heads whose removal brings the right answer back, taken greedily, at most ``most``.

    Each step takes the head after whose removal the true class is furthest ahead on the attacked
    image, among those that leave the clean image right. It ends when the answer is right.

    Returns:
        The heads in the order in which they were taken; fewer repair it, or ``most`` did not.
    """
    everything = [address for row in heads_of(clip) for address in row]
    heads: tuple[str, ...] = ()
    while len(heads) < most:
        rest = [address for address in everything if address not in heads]
        sets = [dict.fromkeys((*heads, address), 0.0) for address in rest]
        vectors = encode_scaled(clip, [clean, attacked], [dict.fromkeys(heads, 0.0), *sets])
        ahead = np.stack([contest.ahead(clip, one) for one in vectors])
        if ahead[0, 1] > 0:
            break
        keeps = np.where(ahead[1:, 0] > 0, ahead[1:, 1], -np.inf)
        if not np.isfinite(keeps).any():
            break
        heads = (*heads, rest[int(keeps.argmax())])
    return heads


def repair(
    clip: Clip,
    images: Mapping[str, Any],
    contest: Contest,
    units: Sequence[str],
    *,
    factor: float = 0.0,
    edited: tuple[Clip, Contest] | None = None,
    n_random: int = N_RANDOM,
    seed: int = 0,
) -> Repair:
    """Multiply some units by a factor and ask again, beside random units of as many.

    Args:
        images: Condition -> image.
        units: Addresses of the vision tower; none where only stored edits are tried.
        edited: The model under stored edits, and the contest with its class vectors.
        n_random: Sets of other units of the same hook points; those that are equal count once.
        seed: Draws them.
    """
    pictures, own = list(images.values()), list(dict.fromkeys(units))
    model, its_contest = edited or (clip, contest)
    sets = _other_sets(model, own, n_random, seed) if own else []
    [before] = encode_scaled(clip, pictures, [{}])
    after, *random = encode_scaled(
        model, pictures, [dict.fromkeys(one, factor) for one in (own, *sets)]
    )

    def verdicts(model: Clip, of: Contest, vectors: Floats) -> dict[str, Verdict]:
        return {name: of.verdict(model, one) for name, one in zip(images, vectors, strict=True)}

    return Repair(
        units=tuple(own),
        factor=factor,
        edited=edited is not None,
        before=verdicts(clip, contest, before),
        after=verdicts(model, its_contest, after),
        random=tuple(verdicts(model, its_contest, one) for one in random),
    )


def repairing_edit(units: Sequence[str], factor: float, edits: Sequence[Edit] = ()) -> Edit:
    """What a repair did, as an edit that every audit takes.

    Raises:
        ConfigError: there is nothing to do.
    """
    how: Any = Zero() if factor == 0 else Scale(factor)
    parts = [Interventions(dict.fromkeys(units, how))] if units else []
    return Edit(*edits, *parts)


def _other_sets(clip: Clip, units: Sequence[str], n: int, seed: int) -> list[list[str]]:
    names = {address.rpartition(":")[0] for address in units}
    widths = {point.name: point.n_units for point in clip.hook_points() if point.name in names}
    everything = [f"{name}:{i}" for name, width in widths.items() for i in range(width)]
    rng = generator(seed, "repair", *units)
    sets = random_sets(pools_like(units, everything), [rng] * n)
    distinct = {tuple(sorted(one)): one for one in sets if set(one) != set(units)}
    return list(distinct.values())
