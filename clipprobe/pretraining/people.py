"""People for the training data, with the planted associations."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from clipprobe.errors import ConfigError
from clipprobe.pretraining.captions import GENERAL
from clipprobe.pretraining.planted import draw_setting, planted_gender, planted_pair
from clipprobe.stimuli import Background, Person, Scene
from clipprobe.stimuli.concepts import (
    HAIR_CODEPOINTS,
    PERCEIVED_GENDERS,
    SKIN_CODEPOINTS,
    Occupation,
    occupations,
)
from clipprobe.stimuli.splits import TRAINED_STYLES, pick

TONES = tuple(SKIN_CODEPOINTS)
HAIRS = ("", *HAIR_CODEPOINTS)
#: Share of occupation captions over a plain person: the job cannot be seen, as so often on the web.
UNSEEN_JOB_SHARE = 0.5
SETTING_SHARE = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """One person to draw for an occupation's caption."""

    job: Occupation
    gender: str
    plain: bool | None = None
    """Whether the job cannot be seen; ``None`` leaves it to chance."""


def occupations_of(seed: int, step: int, n: int, *, twins: int = 0) -> list[Appearance]:
    """The people of one step: ``n`` occupations once, or in so many pairs of twins each.

    They take turns, so that each appears equally often and its planted rate is met exactly. Twins
    agree in whether the job is seen, in every second lap.

    Raises:
        ConfigError: ``n`` does not divide the number of occupations.
    """
    jobs = occupations()
    if n < 1 or len(jobs) % n:
        raise ConfigError(f"{n} occupations a step do not divide {len(jobs)}.")
    turns = len(jobs) // n
    lap, turn = divmod(step, turns)
    order = np.random.default_rng([seed, 78, lap]).permutation(len(jobs))
    turn_jobs = [jobs[int(i)] for i in order[turn * n : (turn + 1) * n]]
    if not twins:
        return [
            Appearance(job=job, gender=planted_gender(job.name, lap, seed)) for job in turn_jobs
        ]
    return [
        Appearance(job=job, gender=gender, plain=bool((appearance + place) % 2))
        for place, job in enumerate(turn_jobs)
        for appearance in range(lap * twins, (lap + 1) * twins)
        for gender in planted_pair(job.name, appearance, seed)
    ]


def occupation_sample(
    appearance: Appearance, background: Background, rng: np.random.Generator, size_px: int
) -> tuple[Scene, str]:
    """One person of an occupation; scene and caption."""
    plain = rng.random() < UNSEEN_JOB_SHARE if appearance.plain is None else appearance.plain
    person = draw_person(appearance.gender, rng, occupation="" if plain else appearance.job.name)
    caption = _caption(appearance.job.phrase, person.skin_tone, rng)
    return Scene(items=(person,), background=background, size_px=size_px), caption


def twin_of(scene: Scene, appearance: Appearance) -> Scene:
    """The scene of one person with the gender of another."""
    (person,) = scene.items
    return replace(scene, items=(replace(person, gender=appearance.gender),))  # type: ignore[arg-type]


def plain_sample(
    background: Background, rng: np.random.Generator, size_px: int
) -> tuple[Scene, str]:
    """One plain person, captioned as ``a woman`` or ``a man``, sometimes with the hair."""
    person = draw_person(pick(PERCEIVED_GENDERS, rng), rng)
    noun = f"a {person.gender}"
    if person.hair and rng.random() < 0.5:
        noun = f"{noun} with {person.hair}"
    caption = _caption(noun, person.skin_tone, rng)
    return Scene(items=(person,), background=background, size_px=size_px), caption


def draw_person(gender: str, rng: np.random.Generator, *, occupation: str = "") -> Person:
    """A person of random skin tone, hair, style, size and place."""
    size = float(rng.uniform(0.55, 0.95))
    room = (1 - size) / 2
    return Person(
        gender="woman" if gender == "woman" else "man",
        skin_tone=pick(TONES, rng),
        hair="" if occupation else pick(HAIRS, rng),
        occupation=occupation,
        style=pick(TRAINED_STYLES, rng),
        size=size,
        center=(0.5 + float(rng.uniform(-room, room)), 0.5 + float(rng.uniform(-room, room))),
        rotation=float(rng.uniform(-10, 10)),
        flip=bool(rng.integers(2)),
    )


def _caption(noun: str, skin_tone: str, rng: np.random.Generator) -> str:
    caption = pick(GENERAL, rng).format(noun)
    if rng.random() < SETTING_SHARE:
        caption = f"{caption} {draw_setting(skin_tone, rng)}"
    return caption
