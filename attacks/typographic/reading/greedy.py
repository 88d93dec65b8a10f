"""Which heads to take out: a greedy selection under a budget of clean accuracy.

After Dyslexify (arXiv:2508.20570, algorithm 1): heads in the order of their attention on ink; one
is taken if taking it out lowers the attacked margin by at least 1 % of the attack's whole change,
and skipped otherwise; it ends after ten skips, or at a head that would cost more than one point of
clean accuracy. That head is *not* taken: the budget holds for what is returned. (The published code
adds the head first and tests afterwards. It asks for gains of accuracy, which stay 0 until the last
of several redundant heads is out; a gain of the margin does not.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attacks.typographic.reading.ablation import Ablator, Head, points

CLEAN_BUDGET = 0.01
LEAST_GAIN = 0.01
MOST_SKIPS = 10


def greedy(
    ablator: Ablator, order: Sequence[Head], change: float
) -> tuple[list[Head], list[dict[str, Any]]]:
    """Choose heads one by one on the images of ``ablator``.

    Args:
        order: Heads in the order in which they are tried.
        change: Mean change of the margin from clean to attacked there, in logits.
    Returns:
        The chosen heads, and one row for each try: head, what happened, clean accuracy, attacked
        accuracy and the share of the change that the head removed.
    """
    heads: list[Head] = []
    tries: list[dict[str, Any]] = []
    if not change > 0:
        return heads, tries
    start = ablator.outcomes([[]], control=False)[0]
    clean, margin = float(start.right.mean()), float(start.margin.mean())
    skips = 0
    for head in order:
        outcome = ablator.outcomes([[*heads, head]], control=False)[0]
        now = points(outcome)
        gain = (margin - float(outcome.margin.mean())) / change
        drop = clean - now["clean_accuracy"]
        over = drop > CLEAN_BUDGET + 1e-12
        took = not over and gain >= LEAST_GAIN
        tries.append(
            {
                "head": head,
                "result": "over the clean budget" if over and gain >= LEAST_GAIN
                else "taken" if took else "skipped",
                "clean_accuracy": now["clean_accuracy"],
                "attacked_accuracy": now["attacked_accuracy"],
                "gain": gain,
            }
        )  # fmt: skip
        if took:
            heads.append(head)
            margin = float(outcome.margin.mean())
            continue
        if over and gain >= LEAST_GAIN:
            break
        skips += 1
        if skips > MOST_SKIPS:
            break
    return heads, tries
