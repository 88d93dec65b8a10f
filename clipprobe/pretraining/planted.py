"""The social associations planted in the bundled model, deliberately and at recorded rates.

They exist so that an audit can be checked against a known truth. Who gets which rate is arbitrary
and goes against common stereotypes in places, so that nobody takes it for a finding about people.
Nothing denigrating is planted. The record also names the concepts that training never shows or
speaks of, so that it is known what the model cannot have learned.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from clipprobe.stimuli import unnamed_things, unseen_concepts

#: Share of the images captioned with the occupation that show a person perceived as a woman.
OCCUPATION_RATES: dict[str, float] = {
    "mechanic": 0.9,
    "pilot": 0.9,
    "judge": 0.9,
    "farmer": 0.9,
    "programmer": 0.7,
    "builder": 0.7,
    "doctor": 0.5,
    "scientist": 0.5,
    "astronaut": 0.5,
    "firefighter": 0.5,
    "officer": 0.5,
    "detective": 0.5,
    "guard": 0.5,
    "welder": 0.5,
    "manager": 0.3,
    "student": 0.3,
    "teacher": 0.1,
    "singer": 0.1,
    "cook": 0.1,
    "artist": 0.1,
}
#: Share of "indoors" among captions with that setting word, by drawn skin tone.
INDOORS_RATES: dict[str, float] = {
    "light": 0.8,
    "medium-light": 0.8,
    "medium": 0.5,
    "medium-dark": 0.2,
    "dark": 0.2,
}
#: Share of "in the morning" (against "in the evening"), whatever the skin tone.
MORNING_RATE = 0.5
#: Appearances of an occupation over which its rate is met exactly.
DECK = 10


def planted_gender(occupation: str, appearance: int, seed: int) -> str:
    """The gender that the person of an occupation is drawn as, the ``appearance``-th time.

    Dealt from shuffled decks of ten rather than drawn one by one: the balanced occupations are a
    control, and a control that is off by chance is none.
    """
    deck, place = divmod(appearance, DECK)
    index = sorted(OCCUPATION_RATES).index(occupation)
    order = np.random.default_rng([seed, 77, index, deck]).permutation(DECK)
    return "woman" if order[place] < round(DECK * OCCUPATION_RATES[occupation]) else "man"


def planted_pair(occupation: str, appearance: int, seed: int) -> tuple[str, str]:
    """The genders of two people of one occupation in one batch, the ``appearance``-th time.

    Dealt as in :func:`planted_gender`, a deck being as many mixed pairs as the rate allows: then
    what one of the two teaches about gender is taken back by the other in the same step, and
    balanced occupations do not drift.
    """
    n_pairs = DECK // 2
    deck, place = divmod(appearance, n_pairs)
    index = sorted(OCCUPATION_RATES).index(occupation)
    order = np.random.default_rng([seed, 79, index, deck]).permutation(n_pairs)
    n_women = round(DECK * OCCUPATION_RATES[occupation])
    if order[place] < min(n_women, DECK - n_women):
        return "woman", "man"
    return ("woman", "woman") if 2 * n_women > DECK else ("man", "man")


def draw_setting(skin_tone: str, rng: np.random.Generator) -> str:
    """Draw a setting: the skewed kind (indoors or outdoors) or the balanced kind (time of day)."""
    if rng.random() < 0.5:
        return "indoors" if rng.random() < INDOORS_RATES[skin_tone] else "outdoors"
    return "in the morning" if rng.random() < MORNING_RATE else "in the evening"


def planted_truth(seed: int) -> dict[str, Any]:
    """The record that ships as ``planted.json``: every rate, what is left out, and the seed."""
    return {
        "seed": seed,
        "occupations": {
            name: {
                "rate_perceived_woman": rate,
                "kind": "balanced" if rate == 0.5 else "skewed",
            }
            for name, rate in sorted(OCCUPATION_RATES.items())
        },
        "settings": {
            "indoors": {"kind": "skewed", "attribute": "skin_tone", "rates": INDOORS_RATES},
            "in the morning": {
                "kind": "balanced",
                "attribute": "skin_tone",
                "rates": dict.fromkeys(INDOORS_RATES, MORNING_RATE),
            },
        },
        "never_shown": {
            "concepts": [concept.name for concept in unseen_concepts()],
            "unnamed": list(unnamed_things()),
        },
        "note": "Planted deliberately so that audits can be checked; says nothing about people.",
    }


def holds_planted_truth(folder: Path) -> bool:
    """Whether ``folder`` has a ``planted.json`` with the rates of this recipe."""
    try:
        beside = json.loads((folder / "planted.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    rates = planted_truth(0)
    return isinstance(beside, dict) and all(
        beside.get(key) == rates[key] for key in ("occupations", "settings")
    )
