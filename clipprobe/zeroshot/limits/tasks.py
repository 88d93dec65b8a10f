"""The tasks that are asked, by name.

Two objects on one image come in every pair of twelve things, and what is held out is the pair. One
object in one of several ways, or several of one kind, is held out by the thing; where the question
is which thing it is, what is held out is the scene and the sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clipprobe.zeroshot.limits.naming import (
    OTHER_STYLE,
    among_noise,
    blurred,
    characters,
    hidden,
    look_alikes,
    things,
)
from clipprobe.zeroshot.limits.one_thing import inked, one_thing, styled, turned
from clipprobe.zeroshot.limits.questions import ImageQuestion, shuffled
from clipprobe.zeroshot.limits.several import counting, several
from clipprobe.zeroshot.limits.staging import COLOURS, Make
from clipprobe.zeroshot.limits.two_things import binding, negation, relation, size

Taught = Literal["", "studio", "wide"]
WIDE_STEPS = 9000
"""Steps of training after which the bundled model's images are of the wider domain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing that a model may not be able to do."""

    question: str
    make: Make
    """From scenes per group, a generator and the side in pixels."""
    taught: Taught = ""
    """Which part of the bundled model's training shows or says such things, if any does."""

    def taught_by(self, steps: int) -> bool:
        """Whether this many of its steps have shown or said such things."""
        return {"": False, "studio": steps > 0, "wide": steps > WIDE_STEPS}[self.taught]


def questions(name: str, *, scenes: int, seed: int, size_px: int) -> list[ImageQuestion]:
    """All questions of a task, the order of their options shuffled."""
    rng = np.random.default_rng([seed, list(TASKS).index(name), 53])
    return [shuffled(question, rng) for question in TASKS[name].make(scenes, rng, size_px)]


TASKS: Mapping[str, Task] = {
    "left or right": Task(
        question="Which of two things is on the left?",
        make=relation("to the left of", "to the right of", upright=False),
        taught="studio",
    ),
    "above or below": Task(
        question="Which of two things is above?",
        make=relation("above", "below", upright=True),
        taught="studio",
    ),
    "binding": Task(question="Which drawing has which colour?", make=binding),
    "size": Task(question="Which of two things is the large one?", make=size),
    "negation": Task(question="Which of two things is not there?", make=negation),
    "counting": Task(question="How many are there, one to nine?", make=counting, taught="studio"),
    "colour": Task(
        question="Which colour has the drawing?",
        make=one_thing(tuple(COLOURS), inked, "a {way} {thing}"),
    ),
    "style": Task(
        question="Is it a colour picture or a line drawing?",
        make=one_thing(("colour picture", "line drawing"), styled, "a {way} of a {thing}"),
        taught="studio",
    ),
    "upside down": Task(
        question="Is it upright or upside down?",
        make=one_thing(("an upright", "an upside-down"), turned, "{way} {thing}"),
    ),
    "several things": Task(
        question="Which of two things is among the four, large or small, told first or last?",
        make=several,
        taught="wide",
    ),
    "digits and letters": Task(question="Which digit or letter is written?", make=characters()),
    "look-alikes": Task(
        question="Which of two things that look alike is it?", make=look_alikes(), taught="studio"
    ),
    "naming": Task(
        question="Which of four things is it? (What the tasks below are compared with.)",
        make=things(),
        taught="studio",
    ),
    "blur": Task(
        question="Which thing is it, blurred by 3 % of the side?",
        make=things(damage=blurred(0.03)),
        taught="wide",
    ),
    "strong blur": Task(
        question="Which thing is it, blurred by 8 % of the side?", make=things(damage=blurred(0.08))
    ),
    "half hidden": Task(
        question="Which thing is it, half of its pixels hidden?",
        make=things(damage=hidden(0.5)),
        taught="wide",
    ),
    "mostly hidden": Task(
        question="Which thing is it, three quarters of its pixels hidden?",
        make=things(damage=hidden(0.75)),
    ),
    "noise around": Task(
        question="Which thing is it, every pixel around it noise?",
        make=things(damage=among_noise()),
    ),
    "thing behind": Task(
        question="Which thing is it, a much larger other thing behind it?",
        make=things(before_another=True),
    ),
    "small": Task(
        question="Which thing is it, a quarter of the side large?",
        make=things(0.25),
        taught="wide",
    ),
    "very small": Task(
        question="Which thing is it, an eighth of the side large?", make=things(0.125)
    ),
    "rotated": Task(
        question="Which thing is it, turned by 60 to 300 degrees?", make=things(turned=True)
    ),
    "another style": Task(
        question="Which thing is it, in a style that the bundled model never saw?",
        make=things(style=OTHER_STYLE),
    ),
}
"""By name; a new one goes to the end, since the place of each draws its scenes."""
