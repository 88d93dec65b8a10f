"""How long the bundled model's recipe is, and where its parts begin; in steps."""

from __future__ import annotations

#: Busy grounds; people alike; the wider domain.
GROUNDS_FROM, PEOPLE_FROM, WIDE_FROM = 5000, 8000, 9000
#: People once more. To shorten the recipe, lower this number alone: the rest follows from it.
PEOPLE_AGAIN_FROM = 21_000
#: Of the whole recipe.
STEPS = PEOPLE_AGAIN_FROM + 2000
#: Of the same towers on a user's own pairs.
STEPS_ON_PAIRS = 9000
