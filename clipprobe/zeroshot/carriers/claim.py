"""The score of a claim about controlled images: "there are three", "the first is on the left".

The number of an image is the logit of the claim's text less the mean logit of the other options
about the same things, whatever is true of it; the value is its mean over the images of which the
claim is true less that over the others. So things, wordings and places have no part in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from clipprobe.errors import ConfigError
from clipprobe.tracing import Score
from clipprobe.zeroshot.limits.questions import ImageQuestion

if TYPE_CHECKING:
    from clipprobe.models import Clip

Code = tuple[int, ...]


def about(questions: Sequence[ImageQuestion], name: str | None) -> tuple[list[ImageQuestion], str]:
    """The questions in which a claim is an option, and the claim in words.

    Args:
        name: Words that every text of the claim holds and no other does: ``three``. None, for two
            options: the first of both things, roles or colours, in the order of their codes.
    Raises:
        ConfigError: no claim, or more than one, has the name; or it is needed and was not given.
    """
    if name is None:
        if len(questions[0].options) > 2:
            raise ConfigError(
                f"The task has more than two answers, such as {_some(questions)}: say which one's "
                "units are sought."
            )
        return list(questions), "the first of two options against the second"
    code = _named(questions, name)
    return [one for one in questions if code in one.codes], name


def claim_score(
    clip: Clip, questions: Sequence[ImageQuestion], name: str | None, words: str
) -> Score:
    """How much more a claim is said of the images of which it is true.

    Args:
        questions: As :func:`about` gives them; an image each.
        words: The claim, for the name of the score.
    """
    code = None if name is None else _named(questions, name)
    texts = list(dict.fromkeys(option for one in questions for option in one.options))
    vectors = dict(zip(texts, clip.encode_texts(texts).astype(np.float64), strict=True))
    directions, inside = [], []
    for one in questions:
        place = one.codes.index(min(one.codes) if code is None else code)
        others = [vectors[o] for i, o in enumerate(one.options) if i != place]
        directions.append(vectors[one.options[place]] - np.mean(others, axis=0))
        inside.append(one.truth == place)
    return Score(
        name=f"the score of {words!r}",
        direction=np.stack(directions),
        factor=float(clip.scale),
        inside=np.array(inside),
    )


def _named(questions: Sequence[ImageQuestion], name: str) -> Code:
    """The claim whose every text holds some words, which no other claim's texts do."""
    pattern = re.compile(rf"(?<!\w){re.escape(name.strip())}(?!\w)", re.IGNORECASE)
    by_code: dict[Code, list[bool]] = {}
    for one in questions:
        for code, option in zip(one.codes, one.options, strict=True):
            by_code.setdefault(code, []).append(pattern.search(option) is not None)
    matches = [code for code, holds in by_code.items() if all(holds)]
    if len(matches) != 1:
        raise ConfigError(
            f"{len(matches)} of the {len(by_code)} answers of the task are called {name!r} in "
            f"every text: write what one answer alone says, as in {_some(questions)}"
            + (", or leave the name out." if len(questions[0].options) == 2 else ".")
        )
    return matches[0]


def _some(questions: Sequence[ImageQuestion]) -> str:
    return ", ".join(map(repr, questions[0].options[:3]))
