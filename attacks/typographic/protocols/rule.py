"""The decision of a protocol on given similarities; knows no model and no file.

Every protocol puts its candidates in an order and takes the first of the largest, so the order is
the rule for ties: with the label first a tie is right, with it last a tie is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.typographic.protocols.record import Protocol

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a protocol says about ``n`` images; all arrays ``(n,)``."""

    correct: Bools
    """Whether the answer names the object."""
    hit: Bools
    """Whether the answer is the attack word."""
    margin: npt.NDArray[np.float64]
    """Best candidate that names the object minus the best that does not, in logits."""


def answer(protocol: Protocol, scores: Any, *, label: Any = None, word: Any = None) -> Answers:
    """Apply the protocol's rule.

    Args:
        scores: Logits. ``pairwise``: ``(n, 2)``, label then word. ``captions``: ``(n, 4)`` in the
            order of the templates. ``union`` and ``full``: ``(n, k)``, all candidates.
        label, word: For ``union`` and ``full`` the columns of label and word, ``(n,)``; a word
            that is not a candidate is -1.
    """
    table = np.asarray(scores, dtype=np.float64)
    n = len(table)
    if protocol.candidates in ("union", "full"):
        rows = np.arange(n)
        label, word = np.asarray(label, int), np.asarray(word, int)
        answers = table.argmax(axis=1)
        goal = table[rows, label]
        others = table.copy()
        others[rows, label] = -np.inf
        return Answers(
            correct=answers == label, hit=answers == word, margin=goal - others.max(axis=1)
        )
    names_object = np.array([True, False] * (table.shape[1] // 2))
    order = np.arange(table.shape[1])
    if protocol.ties == "right":
        order = np.argsort(~names_object, kind="stable")
    elif protocol.ties == "wrong":
        order = np.argsort(names_object, kind="stable")
    correct = names_object[order[table[:, order].argmax(axis=1)]]
    margin = table[:, names_object].max(axis=1) - table[:, ~names_object].max(axis=1)
    return Answers(correct=correct, hit=~correct, margin=margin)
