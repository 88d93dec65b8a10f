"""Everything that fixes a training run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from clipprobe.pretraining.model import Shape
from clipprobe.pretraining.pairs import PairSpec
from clipprobe.pretraining.plan import GROUNDS_FROM, PEOPLE_AGAIN_FROM, PEOPLE_FROM, WIDE_FROM
from clipprobe.pretraining.samples import BatchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A part of the schedule: warm-up, plateau, cosine to zero (Loshchilov & Hutter 2017,
    arXiv:1608.03983, for beginning anew)."""

    from_step: int = 0
    learning_rate: float = 1e-3
    warm_up_steps: int = 200
    decay_share: float = 0.35
    """Last share of its steps, over which the learning rate falls."""
    whole_share: float = 0.06
    """Last share of its steps, in which the vision tower sees every patch."""
    letter_weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A training run, but for its length."""

    name: str
    shape: Shape
    data: BatchSpec | PairSpec
    seed: int = 0
    tokenizer_batches: int = 80
    """Batches whose captions teach the tokenizer."""
    weight_decay: float = 0.1
    rounds: tuple[Round, ...] = (Round(),)
    """In order of their first steps; the first begins at step 0, the last one that a run reaches
    ends with it."""
    letter_block: int = 3
    """Vision blocks below the letter head."""
    curriculum_every: int = 10
    """Steps between decisions about the difficulty of words."""
    curriculum_step: float = 0.01
    curriculum_accuracy: float = 0.6
    """Share of a batch's words matched to their captions before the next step is taken."""

    def learning_rate_at(self, step: int, steps: int) -> float:
        """Warm-up, plateau, cosine to zero; once for each round."""
        at, done, n = self._round(step, steps)
        decay_from = round(n * (1 - at.decay_share))
        if done < at.warm_up_steps:
            return at.learning_rate * (done + 1) / at.warm_up_steps
        if done < decay_from:
            return at.learning_rate
        fallen = (done - decay_from) / max(1, n - decay_from)
        return at.learning_rate * 0.5 * (1 + math.cos(math.pi * fallen))

    def drops_patches_at(self, step: int, steps: int) -> bool:
        """Whether the vision tower sees a part of the patches only."""
        at, done, n = self._round(step, steps)
        return done < n * (1 - at.whole_share)

    def letter_weight_at(self, step: int, steps: int) -> float:
        """Constant, then linearly to zero over the first half of the decay."""
        at, done, n = self._round(step, steps)
        faded = (done - n * (1 - at.decay_share)) / max(1.0, n * at.decay_share / 2)
        return at.letter_weight * min(1.0, max(0.0, 1 - faded))

    def _round(self, step: int, steps: int) -> tuple[Round, int, int]:
        """The round of a step, its steps that are done, and all its steps."""
        starts = [r.from_step for r in self.rounds if r.from_step < steps]
        index = sum(start <= step for start in starts) - 1
        end = [*starts[1:], steps][index]
        return self.rounds[index], step - starts[index], end - starts[index]

    def to_json(self) -> dict[str, Any]:
        """The recipe as plain data."""
        return asdict(self)


def emoji_clip(seed: int = 0) -> Recipe:
    """The recipe of the bundled model."""
    return Recipe(
        name="emoji-clip",
        shape=Shape(),
        data=BatchSpec(seed=seed),
        seed=seed,
        rounds=(
            Round(),
            Round(from_step=GROUNDS_FROM, decay_share=0.7),
            Round(
                from_step=PEOPLE_FROM,
                learning_rate=4e-4,
                warm_up_steps=50,
                decay_share=0.9,
                whole_share=0.2,
                letter_weight=0.0,
            ),
            Round(from_step=WIDE_FROM, learning_rate=8e-4, whole_share=0.08),
            Round(
                from_step=PEOPLE_AGAIN_FROM,
                learning_rate=3e-4,
                warm_up_steps=50,
                decay_share=0.9,
                whole_share=0.5,
                letter_weight=0.0,
            ),
        ),
    )


def on_pairs(recipe: Recipe, pairs: PairSpec) -> Recipe:
    """``recipe`` on a user's own pairs: the same towers and schedule, no letters to name."""
    rounds = (replace(recipe.rounds[0], letter_weight=0.0),)
    return replace(recipe, name=f"{recipe.name} on pairs", data=pairs, rounds=rounds)


#: Every recipe, by name: a function of the seed.
RECIPES: dict[str, Callable[[int], Recipe]] = {"emoji-clip": emoji_clip}
