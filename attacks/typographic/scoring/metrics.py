"""From outcomes to numbers: accuracy, success under stated denominators, effects over controls.

Terms. *Correct*: the answer means the true label. *Hit*: the answer means the attack word's class
(the target). *Targeted success* is the share of hits, *untargeted success* the share of wrong
answers, both among attacked images. The denominators are stated: all images, those that are
answered correctly when clean, and those whose clean answer is not already the target (Goh et
al. 2021). The *reading effect* is the share of hits under the attack minus the share of hits, on
the same target, when a nonsense word of the same length stands in the same place.

Every rate has a 95 % Wilson interval where each image counts once, and a bootstrap over images
(or, for photographed attacks, over objects) where it counts several times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.statistics import (
    Estimate,
    cluster_bootstrap,
    difference_of_paired_proportions,
    holm,
    mcnemar,
    undefined,
    wilson,
)

Bools = npt.NDArray[np.bool_]
#: Why there is no share of hits.
NO_TARGET = "no written word means one of the classes"
#: Why there is no difference.
NO_PAIR = "no image has both conditions with the same word"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """One condition's outcomes, one row per image and word; all arrays ``(n,)``."""

    pair: npt.NDArray[np.str_]
    """What the row is paired by across conditions: image and word."""
    cluster: npt.NDArray[np.str_]
    """Rows of one cluster are not independent: one image, or one photographed object."""
    correct: Bools
    hit: Bools
    """Whether the answer is the target; False where there is none."""
    has_target: Bools
    """Whether the attack word means one of the classes."""
    margin: npt.NDArray[np.float64]
    """Logit of the target minus logit of the label; NaN without a target."""

    def take(self, rows: npt.NDArray[Any]) -> Outcomes:
        """Some of the rows."""
        return Outcomes(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def rate(hits: Bools, clusters: npt.NDArray[np.str_], *, seed: int) -> Estimate:
    """A share with its interval: Wilson for independent rows, else over clusters."""
    distinct = np.unique(clusters)
    if len(distinct) == len(hits):
        return wilson(int(hits.sum()), len(hits))
    estimate = cluster_bootstrap(hits.astype(float), clusters=clusters, seed=seed)
    if estimate.low < estimate.high or len(distinct) == 1:  # one cluster alone has no interval
        return estimate
    # Every cluster gave the same share. Count clusters, not rows, and let Wilson bound the rest.
    bound = wilson(round(estimate.value * len(distinct)), len(distinct))
    return Estimate(
        value=estimate.value,
        low=min(bound.low, estimate.value),
        high=max(bound.high, estimate.value),
        n=estimate.n,
        method=f"Wilson over {len(distinct)} clusters, which are all alike, 95 %",
    )


def difference(x: Bools, y: Bools, clusters: npt.NDArray[np.str_], *, seed: int) -> Estimate:
    """A paired difference of shares: over rows where they are independent, else over clusters."""
    independent = len(np.unique(clusters)) == len(clusters) > 0
    return difference_of_paired_proportions(
        x, y, clusters=None if independent else clusters, seed=seed
    )


def paired(a: Outcomes, b: Outcomes) -> tuple[Outcomes, Outcomes]:
    """The rows that two conditions share, in the same order."""
    _, rows_a, rows_b = np.intersect1d(a.pair, b.pair, return_indices=True)
    return a.take(rows_a), b.take(rows_b)


def condition_rates(
    now: Outcomes, clean: Outcomes | None, *, seed: int
) -> dict[str, dict[str, Estimate]]:
    """Accuracy and success of one condition: ``rates[metric][denominator]``.

    Args:
        clean: The clean outcomes of the same pairs; None where there are none, which leaves the
            denominators that need them undefined.
    """

    def share(part: Outcomes, hits: Bools, keep: Bools, *, why: str = NO_TARGET) -> Estimate:
        rows = np.flatnonzero(keep)
        return rate(hits[rows], part.cluster[rows], seed=seed) if len(rows) else undefined(why)

    everything = np.ones(len(now.pair), dtype=bool)
    rates: dict[str, dict[str, Estimate]] = {
        "accuracy": {"all": share(now, now.correct, everything)},
        "pairwise_accuracy": {"all": share(now, now.margin < 0, now.has_target)},
        "targeted_success": {"all": share(now, now.hit, now.has_target)},
        "untargeted_success": {"all": share(now, ~now.correct, everything)},
    }
    if clean is None:
        missing = undefined("there is no clean image to compare with")
        rates["targeted_success"].update(clean_right=missing, not_already_target=missing)
        rates["untargeted_success"]["clean_right"] = missing
        return rates
    now, before = paired(now, clean)
    right, some = before.correct, bool(now.has_target.any())
    whys = {
        "clean_right": "no image whose word means a class is answered correctly without text",
        "not_already_target": "every clean answer is the written word already",
    }
    for name, keep in (("clean_right", right), ("not_already_target", ~before.hit)):
        rates["targeted_success"][name] = share(
            now, now.hit, keep & now.has_target, why=whys[name] if some else NO_TARGET
        )
    rates["untargeted_success"]["clean_right"] = share(
        now, ~now.correct, right, why="no image is answered correctly without text"
    )
    return rates


def distill_fractions(attacked: Outcomes, clean: Outcomes) -> dict[str, float | None]:
    """The four shares of Goh et al. 2021 over images with a target; they sum to 1."""
    now, before = paired(attacked, clean)
    rows = np.flatnonzero(now.has_target)
    now, before = now.take(rows), before.take(rows)
    shares = {
        "changed_to_target": ~before.hit & now.hit,
        "already_target": before.hit & now.hit,
        "changed_away_from_target": before.hit & ~now.hit,
        "both_not_target": ~before.hit & ~now.hit,
    }
    return {name: float(share.mean()) if len(rows) else None for name, share in shares.items()}


#: name -> (outcome, condition, compared with, what it means)
EFFECTS: Mapping[str, tuple[str, str, str, str]] = {
    "reading_effect": (
        "hit", "attack", "nonsense",
        "answers that are the written word, beyond those with a nonsense word in its place",
    ),
    "reading_effect_over_scrambled": (
        "hit", "attack", "scrambled",
        "answers that are the written word, beyond those with its letters scrambled",
    ),
    "reading_effect_over_blank": (
        "hit", "attack", "blank",
        "answers that are the written word, beyond those with a blank label in its place",
    ),
    "effect_over_clean": (
        "hit", "attack", "clean",
        "answers that are the written word, beyond those without any text",
    ),
    "synthetic_effect_over_clean": (
        "hit", "synth", "clean",
        "answers that are the word drawn by a program, beyond those of the clean twins",
    ),
    "photographed_over_synthetic": (
        "hit", "attack", "synth",
        "answers that are the photographed word, beyond those of the same word drawn by a program",
    ),
    "accuracy_lost_to_reading": (
        "correct", "nonsense", "attack",
        "accuracy with a nonsense word minus accuracy with the attack word",
    ),
    "accuracy_lost_to_clutter": (
        "correct", "clean", "nonsense",
        "accuracy without text minus accuracy with a nonsense word",
    ),
    "accuracy_lost_to_hiding": (
        "correct", "clean", "blank",
        "accuracy without text minus accuracy with a blank label",
    ),
    "accuracy_gained_by_true_word": (
        "correct", "true", "clean",
        "accuracy with the true word minus accuracy without text",
    ),
}  # fmt: skip


def effects(conditions: Mapping[str, Outcomes], *, seed: int) -> dict[str, dict[str, Any]]:
    """Every paired difference that the conditions allow, with exact McNemar and Holm."""
    figures: dict[str, dict[str, Any]] = {}
    for name, (outcome, first, second, meaning) in EFFECTS.items():
        if first not in conditions or second not in conditions:
            continue
        a, b = paired(conditions[first], conditions[second])
        why = NO_TARGET if outcome == "hit" and len(a.pair) else NO_PAIR
        if outcome == "hit":
            rows = np.flatnonzero(a.has_target)
            a, b = a.take(rows), b.take(rows)
        x, y = getattr(a, outcome), getattr(b, outcome)
        independent = len(np.unique(a.cluster)) == len(a.cluster) > 0
        figures[name] = {
            "estimate": difference(x, y, a.cluster, seed=seed) if len(x) else undefined(why),
            "outcome": outcome,
            "of": first,
            "minus": second,
            "meaning": meaning,
            "mcnemar_p": mcnemar(x, y) if independent else None,
            "holm_p": None,
        }
        if not independent:
            why = "no test: several rows belong to one cluster, or there is none"
            figures[name]["reason"] = why
    correct(figures.values())
    return figures


def correct(rows: Iterable[dict[str, Any]]) -> None:
    """Set ``holm_p`` of the rows that were tested, over all of them."""
    tested = [row for row in rows if row["mcnemar_p"] is not None]
    for row, p in zip(tested, holm([row["mcnemar_p"] for row in tested]), strict=True):
        row["holm_p"] = float(p)


def margin_shift(attacked: Outcomes, clean: Outcomes, *, seed: int) -> Estimate:
    """Mean growth of logit(target) - logit(label) from clean to attacked."""
    now, before = paired(attacked, clean)
    shift = now.margin - before.margin
    rows = np.flatnonzero(~np.isnan(shift))
    if not len(rows):
        return undefined("no image has the target's logit both clean and attacked")
    return cluster_bootstrap(shift[rows], clusters=now.cluster[rows], seed=seed)
