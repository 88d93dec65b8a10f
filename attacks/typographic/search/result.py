"""What a search found, said as what it is: the best of N tries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attacks.typographic.search.oracle import Answer, Oracle
from attacks.typographic.search.strategy import best
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, wilson
from clipprobe.zeroshot.classes import key


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """The least visible flip of one arm.

    ``values``: axis -> value; ``x``, ``y`` are the centre of the label as fractions.
    ``text``: what is written. ``ink``: share of pixels inked. ``visibility``: ink times opacity.
    ``answer``: the answered class. ``margin``: in logits, positive. ``query``: when it was found.
    """

    values: dict[str, Any]
    text: str
    ink: float
    visibility: float
    answer: str
    margin: float
    query: int
    stage: str

    @property
    def settings(self) -> str:
        """The values as a text, numbers with six digits at most."""
        texts = {k: f"{v:g}" if isinstance(v, float) else v for k, v in self.values.items()}
        return ", ".join(f"{name} {text}" for name, text in texts.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm: the words, or nonsense in their place.

    ``found``: its least visible flip, None without one. ``queries``: that were asked.
    ``coarse``: share of flips among the coarse tries, which are in random order.
    ``first_flip``: number of the query that flipped first.
    ``curve``: for rising budgets ``queries``, ``expected`` (chance that the best of N random
    coarse tries flips, exact over their order; null past the coarse tries), ``flipped``, ``ink``
    and ``visibility`` (of the best in the order that was searched).
    """

    found: Flip | None
    queries: int
    coarse: Estimate
    first_flip: int | None
    curve: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult(AsJson):
    """The result of one search; see ``summary.json`` for the same as JSON.

    ``image``, ``label``, ``target``: names; the target is None for any wrong answer.
    ``clean_answer``, ``clean_margin``: of the image without text.
    ``candidates``: the words that were tried, in order.
    ``budget``, ``max_area``: what each arm might spend and ink.
    ``words``, ``nonsense``: the two arms; nonsense is None where no word has any.
    ``verified``: whether the image that was written flips the answer once more when it is read
    back and encoded alone; None where nothing was found.
    ``controls``: condition -> answer, with other text in the place of the attack.
    ``notes``: what a reader must know of words that were left out.
    ``path``: the run folder.
    """

    image: str
    label: str
    target: str | None
    clean_answer: str
    clean_margin: float
    candidates: tuple[str, ...]
    budget: int
    max_area: float
    words: Arm
    nonsense: Arm | None
    verified: bool | None
    controls: dict[str, dict[str, Any]]
    notes: tuple[str, ...] = ()
    path: Path

    @property
    def nonsense_suffices(self) -> bool:
        """Whether nonsense flips the answer with no more ink, so a flip need not be reading."""
        words, nonsense = self.words.found, None if self.nonsense is None else self.nonsense.found
        if nonsense is None:
            return False
        return words is None or nonsense.visibility <= words.visibility

    @property
    def says_the_word(self) -> bool:
        """Whether the answer is the word that is written, or the target that it names."""
        found = self.words.found
        if found is None:
            return False
        answers = (found.answer, *([self.target] if self.target else []))
        return key(found.values["word"]) in {key(answer) for answer in answers}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, without the path, and without notes where there are none."""
        left = ("path",) if self.notes else ("path", "notes")
        return {name: value for name, value in AsJson.to_json(self).items() if name not in left}

    @classmethod
    def from_json(cls, data: dict[str, Any], path: Path) -> SearchResult:
        """The inverse of :meth:`to_json`; other keys are left out."""

        def arm(part: dict[str, Any] | None) -> Arm | None:
            if part is None:
                return None
            flip = part["found"] and Flip(**part["found"])
            coarse = Estimate.from_json(part["coarse"])
            return Arm(**{**part, "found": flip, "coarse": coarse, "curve": tuple(part["curve"])})

        words = arm(data["words"])
        assert words is not None
        names = ("image", "label", "target", "clean_answer", "clean_margin", "budget", "max_area",
                 "verified", "controls")  # fmt: skip
        return cls(
            **{name: data[name] for name in names},
            candidates=tuple(data.get("candidates", ())),
            notes=tuple(data.get("notes", ())),
            words=words,
            nonsense=arm(data["nonsense"]),
            path=path,
        )


def arm_of(oracle: Oracle) -> Arm:
    """What one arm found, from its answers."""
    rows = sorted(oracle.answers.values(), key=lambda one: one.query)
    coarse = [row for row in rows if row.stage == "coarse"]
    flips = [row for row in rows if row.flip]
    least = best(oracle)
    return Arm(
        found=None if least is None else found_of(oracle, least),
        queries=len(rows),
        coarse=wilson(sum(row.flip for row in coarse), len(coarse)),
        first_flip=flips[0].query if flips else None,
        curve=tuple(_curve(rows, coarse, oracle.budget)),
    )


def found_of(oracle: Oracle, answer: Answer) -> Flip:
    """An answer in names and values."""
    values = oracle.space.values(answer.point)
    return Flip(
        values=values,
        text=oracle.written.get(values["word"], values["word"]),
        ink=answer.ink,
        visibility=answer.visibility,
        answer=oracle.goal.classes.names[answer.answer],
        margin=answer.margin,
        query=answer.query,
        stage=answer.stage,
    )


def best_of(n: int, tries: int, hits: int) -> float | None:
    """Chance that n of the tries, drawn without replacement, hold a hit; None past the tries.

    ``1 - C(tries - hits, n) / C(tries, n)``: the expected best-of-n over the order of the tries.
    """
    if n > tries:
        return None
    if hits == 0:
        return 0.0
    return 1.0 - math.comb(tries - hits, n) / math.comb(tries, n)


def _curve(rows: Sequence[Answer], coarse: Sequence[Answer], budget: int) -> list[dict[str, Any]]:
    budgets = [2**i for i in range(budget.bit_length()) if 2**i < budget] + [budget]
    hits, points = sum(row.flip for row in coarse), []
    for n in budgets:
        flips = [row for row in rows[:n] if row.flip]
        least = min(flips, key=lambda row: row.rank, default=None)
        points.append(
            {
                "queries": n,
                "expected": best_of(n, len(coarse), hits),
                "flipped": least is not None,
                "ink": None if least is None else least.ink,
                "visibility": None if least is None else least.visibility,
            }
        )
    return points
