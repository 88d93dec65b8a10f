"""People for the training data, with the planted associations."""

from __future__ import annotations

import numpy as np

from clipprobe.errors import ConfigError
from clipprobe.pretraining.captions import GENERAL
from clipprobe.pretraining.planted import draw_setting, planted_gender
from clipprobe.stimuli import Background, Person, Scene
from clipprobe.stimuli.concepts import (
    HAIR_CODEPOINTS,
    PERCEIVED_GENDERS,
    SKIN_CODEPOINTS,
    Occupation,
    occupations,
)
from clipprobe.stimuli.splits import TRAINED_STYLES

TONES = tuple(SKIN_CODEPOINTS)
HAIRS = ("", *HAIR_CODEPOINTS)
#: Share of occupation captions over a plain person: the job cannot be seen, as so often on the web.
UNSEEN_JOB_SHARE = 0.5
SETTING_SHARE = 0.35


def occupations_of(seed: int, step: int, n: int) -> list[tuple[Occupation, str]]:
    """The ``n`` occupations of one step with the genders to draw.

    They take turns, so that each appears equally often and its planted rate is met exactly.
    """
    jobs = occupations()
    if n < 1 or len(jobs) % n:
        raise ConfigError(f"{n} occupations a step do not divide {len(jobs)}.")
    turns = len(jobs) // n
    lap, turn = divmod(step, turns)
    order = np.random.default_rng([seed, 78, lap]).permutation(len(jobs))
    chosen = [jobs[int(i)] for i in order[turn * n : (turn + 1) * n]]
    return [(job, planted_gender(job.name, lap, seed)) for job in chosen]


def occupation_sample(
    job: Occupation, gender: str, background: Background, rng: np.random.Generator, size_px: int
) -> tuple[Scene, str]:
    """One person of an occupation; scene and caption."""
    plain = rng.random() < UNSEEN_JOB_SHARE
    person = draw_person(gender, rng, occupation="" if plain else job.name)
    return _scene(person, background, size_px), _caption(job.phrase, person.skin_tone, rng)


def plain_sample(
    background: Background, rng: np.random.Generator, size_px: int
) -> tuple[Scene, str]:
    """One plain person, captioned as ``a woman`` or ``a man``, sometimes with the hair."""
    person = draw_person(PERCEIVED_GENDERS[int(rng.integers(2))], rng)
    noun = f"a {person.gender}"
    if person.hair and rng.random() < 0.5:
        noun = f"{noun} with {person.hair}"
    return _scene(person, background, size_px), _caption(noun, person.skin_tone, rng)


def draw_person(gender: str, rng: np.random.Generator, *, occupation: str = "") -> Person:
    """A person of random skin tone, hair, style, size and place."""
    size = float(rng.uniform(0.55, 0.95))
    room = (1 - size) / 2
    return Person(
        gender="woman" if gender == "woman" else "man",
        skin_tone=TONES[int(rng.integers(len(TONES)))],
        hair="" if occupation else HAIRS[int(rng.integers(len(HAIRS)))],
        occupation=occupation,
        style=TRAINED_STYLES[int(rng.integers(len(TRAINED_STYLES)))],
        size=size,
        center=(0.5 + float(rng.uniform(-room, room)), 0.5 + float(rng.uniform(-room, room))),
        rotation=float(rng.uniform(-10, 10)),
        flip=bool(rng.integers(2)),
    )


def _scene(person: Person, background: Background, size_px: int) -> Scene:
    return Scene(items=(person,), background=background, size_px=size_px)


def _caption(noun: str, skin_tone: str, rng: np.random.Generator) -> str:
    caption = GENERAL[int(rng.integers(len(GENERAL)))].format(noun)
    if rng.random() < SETTING_SHARE:
        caption = f"{caption} {draw_setting(skin_tone, rng)}"
    return caption
