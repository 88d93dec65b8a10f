"""What the numbers of a task say about the towers, by rules that were set before any result.

The floor is ``chance + 0.2 (1 - chance)``; all comparisons are with the ends of 95 % intervals.

1. The upper ends of the image's and the text's probe below the floor: *absent in both*; one below
   and the other's lower end above it: *absent* in that tower.
2. Both lower ends above it: *fine* where zero-shot's lower end is above the floor and it keeps at
   least 0.8 of what the weaker probe has above chance; *misaligned* where the map helps zero-shot
   (paired, above 0) and clears the floor; *no linear map aligns* where the map's upper end is below
   the floor.
3. Everything else: *undecided*.

*Absent* is said only where more data would not help (half of the groups against all, the interval
of the gain holds 0) and a signal of the floor's strength, put into the same vectors, is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate
from clipprobe.zeroshot.limits.items import Items
from clipprobe.zeroshot.limits.numbers import Numbers, fitted, is_small

FINE, MISALIGNED, UNMAPPED = "fine", "misaligned", "no linear map aligns"
ABSENT = {
    ("image",): "absent in the image",
    ("text",): "absent in the text",
    ("image", "text"): "absent in both",
}
UNDECIDED = "undecided"
_KEEPS = 0.8
_INJECTED = 0.2
_INJECTIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(AsJson):
    """A verdict, and what it rests on."""

    verdict: str
    reason: str
    """Why it is undecided, or what else a reader must know; may be empty."""
    floor: float
    numbers: Mapping[str, Estimate]
    """Accuracy by number."""
    gain: Estimate
    """The map minus zero-shot, paired."""


def floor_of(chance: float) -> float:
    """The accuracy from which something counts as present."""
    return chance + 0.2 * (1 - chance)


def judge(numbers: Numbers, *, seed: int = 0) -> Verdict:
    """Apply the rules; fits again, on halves and with a signal, where it would say *absent*."""
    items = numbers.items
    floor = floor_of(items.chance)
    estimates = {name: items.mean(right, seed=seed) for name, right in numbers.right.items()}
    gain = items.mean(numbers.right["mapped"] - numbers.right["zero_shot"], seed=seed)
    verdict, reason = _rules(estimates, gain, items.chance, floor)
    missing = next((towers for towers, name in ABSENT.items() if name == verdict), ())
    for tower in missing:
        if why := _not_proven(numbers, tower, seed):
            verdict, reason = UNDECIDED, why
            break
    return Verdict(verdict=verdict, reason=reason, floor=floor, numbers=estimates, gain=gain)


def _rules(
    estimates: Mapping[str, Estimate], gain: Estimate, chance: float, floor: float
) -> tuple[str, str]:
    zero, mapped = estimates["zero_shot"], estimates["mapped"]
    if "image" not in estimates:
        if zero.low > floor:
            return FINE, "without codes the towers cannot be told apart: zero-shot alone is judged"
        if gain.low > 0 and mapped.low > floor:
            return MISALIGNED, ""
        return UNDECIDED, "a table without codes never shows that something is absent"
    image, text = estimates["image"], estimates["text"]
    missing = tuple(name for name, one in (("image", image), ("text", text)) if one.high < floor)
    if len(missing) == 2 or (missing and max(image.low, text.low) > floor):
        return ABSENT[missing], ""
    if image.low <= floor or text.low <= floor:
        weak = [n for n, one in (("image", image), ("text", text)) if one.low <= floor <= one.high]
        return UNDECIDED, f"the interval of the {' and the '.join(weak)} probe holds the floor"
    if zero.low > floor and zero.value - chance >= _KEEPS * (min(image.value, text.value) - chance):
        return FINE, ""
    if gain.low > 0 and mapped.low > floor:
        return MISALIGNED, ""
    if mapped.high < floor:
        return UNMAPPED, ""
    return UNDECIDED, "both towers have it, and neither zero-shot nor the map is clear"


def _not_proven(numbers: Numbers, tower: str, seed: int) -> str:
    """Why *absent* cannot be said; empty where it can."""
    items = numbers.items
    half = fitted(items, tower, seed=seed, share=0.5)
    if items.mean(numbers.right[tower] - half, seed=seed).low > 0:
        return f"the {tower} probe still rises with more pairs: too few items to call it absent"
    # Averaged, because which items are told, and how, is noise of the check and not of the towers.
    times = _INJECTIONS if is_small(items) else 1
    with_signal = np.mean(
        [fitted(injected(items, tower, seed + k), tower, seed=seed) for k in range(times)], axis=0
    )
    if items.mean(with_signal - numbers.right[tower], seed=seed).low <= 0:
        return f"a signal as strong as the floor, put into the {tower} vectors, was not found"
    return ""


def injected(items: Items, tower: str, seed: int) -> Items:
    """The same items, with the true code written into a fifth of the vectors of one tower.

    A fifth of the items answered, the others at chance, is exactly the floor.
    """
    assert items.codes is not None
    rng = np.random.default_rng([seed, 47])
    d, q = items.images.shape[1], items.codes.shape[2]
    writing = rng.normal(size=(q, d)) / d**0.5
    flips = rng.random(items.n) < _INJECTED
    if tower == "image":
        own = items.codes[np.arange(items.n), items.truth] @ writing
        strength = np.linalg.norm(items.images, axis=1, keepdims=True)
        return replace(items, images=items.images + strength * own * flips[:, None])
    strengths = np.linalg.norm(items.texts, axis=2, keepdims=True)
    spoken = strengths * (items.codes @ writing) * flips[:, None, None]
    return replace(items, texts=items.texts + spoken)
