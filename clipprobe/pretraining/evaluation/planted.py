"""Finding again what was planted: occupations by perceived gender, settings by drawn skin tone.

A contrastive model's logit estimates, up to a constant, the log of how much likelier a caption is
with an image (pointwise mutual information; van den Oord et al. 2018, arXiv:1807.03748, sec. 2.3).
So the difference of logits between drawings of women and of men has a planted value: the log-odds
of the planted rate.

The unit is the drawing, not the image: images of one drawing are no independent evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import stats

from clipprobe.pretraining.evaluation.ability import SEED, TEMPLATES, Ability, Floats, embed
from clipprobe.pretraining.planted import INDOORS_RATES, OCCUPATION_RATES
from clipprobe.statistics import (
    Estimate,
    benjamini_hochberg,
    cluster_bootstrap,
    difference_of_means,
    permutation_p,
    wilson,
)
from clipprobe.stimuli import people_set
from clipprobe.zeroshot import build_classifier

if TYPE_CHECKING:
    from clipprobe.models import Clip

N_PERMUTATIONS = 5_000
NAMES = sorted(OCCUPATION_RATES)
RATES = np.array([OCCUPATION_RATES[name] for name in NAMES])
#: The drawings nearest to a caption, as a share of all, whose genders are counted.
TOP_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Plain people, one row a drawing."""

    vectors: Floats
    """Mean unit vector of its images, ``(n_drawings, d)``."""
    woman: npt.NDArray[np.bool_]
    tone: npt.NDArray[np.str_]


def planted(clip: Clip) -> list[Ability]:
    """Association and retrieval by occupation, their agreement with the rates, and settings."""
    texts = build_classifier(clip, [f"a {name}" for name in NAMES], TEMPLATES)
    people = _people(clip, SEED)
    effects, association = _association(clip, people, texts)
    skewed = _retrieval(_people(clip, SEED + 1), texts)
    summary = [_agreement(effects)]
    for name, abilities in (("association", association), ("retrieval", skewed)):
        summary += _counts(name, abilities)
    return [*summary, *association, *skewed, *_settings(clip, people)]


def _people(clip: Clip, seed: int) -> People:
    samples = list(people_set(per_cell=24, seed=seed))
    images = embed(clip, (s.scene for s in samples))
    drawing_of = np.array([s.attributes["drawing"] for s in samples])
    drawings = sorted(set(drawing_of))
    parts = [drawing.split("/") for drawing in drawings]
    return People(
        vectors=np.stack([images[drawing_of == drawing].mean(axis=0) for drawing in drawings]),
        woman=np.array([part[1] == "woman" for part in parts]),
        tone=np.array([part[2] for part in parts]),
    )


def _association(
    clip: Clip, people: People, texts: Floats
) -> tuple[npt.NDArray[np.float64], list[Ability]]:
    """Women minus men in logits, less the mean over occupations."""
    scores = clip.scale * (people.vectors @ texts.T).astype(np.float64)
    # Without this, whoever is nearer to all occupations looks associated with each.
    scores -= scores.mean(axis=1, keepdims=True)
    shuffles = _shuffles(people.woman)
    gaps = [_gap(column, people.woman, shuffles) for column in scores.T]
    estimates = [estimate for estimate, _ in gaps]
    abilities = _named(
        "association",
        "{name}: logit with drawings of perceived women minus men",
        estimates,
        [p for _, p in gaps],
        [math.log(rate / (1 - rate)) for rate in RATES],
    )
    return np.array([e.value for e in estimates]), abilities


def _shuffles(first: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    rng = np.random.default_rng(SEED)
    return [rng.permutation(first) for _ in range(N_PERMUTATIONS)]


def _gap(
    scores: npt.NDArray[np.float64],
    first: npt.NDArray[np.bool_],
    shuffles: list[npt.NDArray[np.bool_]],
) -> tuple[Estimate, float]:
    """Mean of the first drawings less that of the others, and p under shuffled drawings."""
    effect = difference_of_means(scores[first], scores[~first], seed=SEED)
    null = [scores[s].mean() - scores[~s].mean() for s in shuffles]
    return effect, permutation_p(effect.value, null, "two-sided")


def _retrieval(people: People, texts: Floats) -> list[Ability]:
    """Share of women among the drawings nearest to each occupation, against their share in all."""
    n, n_women = len(people.woman), int(people.woman.sum())
    k = round(TOP_SHARE * n)
    scores = people.vectors @ texts.T
    scores = scores - scores.mean(axis=1, keepdims=True)
    estimates, p_values = [], []
    for column in scores.T:
        women = int(people.woman[np.argsort(-column, kind="stable")[:k]].sum())
        table = [[women, k - women], [n_women - women, n - k - (n_women - women)]]
        estimates.append(wilson(women, k))
        p_values.append(float(stats.fisher_exact(table).pvalue))
    return _named(
        "retrieval",
        f"{{name}}: share of perceived women among the {k} nearest of {n} drawings "
        f"({n_women / n:.2f} of all are)",
        estimates,
        p_values,
        RATES,
    )


def _named(
    measure: str,
    meaning: str,
    estimates: list[Estimate],
    p_values: list[float],
    planted_values: npt.ArrayLike,
) -> list[Ability]:
    q_values = benjamini_hochberg(np.array(p_values))
    return [
        Ability(
            name=f"{measure}_{name}",
            meaning=meaning.format(name=name),
            estimate=estimate,
            p=float(p),
            q=float(q),
            planted=float(planted_value),
        )
        for name, estimate, p, q, planted_value in zip(
            NAMES, estimates, p_values, q_values, np.asarray(planted_values), strict=True
        )
    ]


def _agreement(effects: npt.NDArray[np.float64]) -> Ability:
    """Rank correlation of what was found with what was planted, bootstrapped over occupations."""
    index = np.arange(len(NAMES))

    def correlation(rows: npt.NDArray[np.float64]) -> float:
        places = rows.astype(int)
        return float(stats.spearmanr(effects[places], RATES[places]).statistic)

    return Ability(
        name="planted_rank_correlation",
        meaning="rank correlation over occupations of the association found with the rate planted",
        estimate=cluster_bootstrap(index, correlation, seed=SEED),
    )


def _counts(measure: str, abilities: list[Ability]) -> list[Ability]:
    """How many skewed occupations were found with the right sign, how many balanced ones too."""
    neutral = 0.0 if measure == "association" else 0.5
    flagged = np.array([a.q is not None and a.q < 0.05 for a in abilities])
    effects = np.array([a.estimate.value for a in abilities]) - neutral
    hits = flagged & (np.sign(effects) == np.sign(RATES - 0.5))
    balanced = RATES == 0.5
    family = f"Benjamini-Hochberg over {len(NAMES)} occupations, q < 0.05"
    return [
        Ability(
            name=f"{measure}_skewed_found",
            meaning=f"skewed occupations that {measure} finds with the right sign ({family})",
            estimate=wilson(int(hits[~balanced].sum()), int((~balanced).sum())),
        ),
        Ability(
            name=f"{measure}_balanced_flagged",
            meaning=f"balanced occupations that {measure} flags ({family}); none should be",
            estimate=wilson(int(flagged[balanced].sum()), int(balanced.sum())),
        ),
    ]


def _settings(clip: Clip, people: People) -> list[Ability]:
    """Indoors against outdoors (skewed by drawn skin tone) and morning against evening (not)."""
    pairs = {
        "indoors": ("indoors", "outdoors", math.log(0.8 / 0.2) - math.log(0.2 / 0.8)),
        "morning": ("in the morning", "in the evening", 0.0),
    }
    light = np.array([INDOORS_RATES[tone] > 0.5 for tone in people.tone])
    either = np.array([INDOORS_RATES[tone] != 0.5 for tone in people.tone])
    nouns = ("a woman", "a man", "a person")
    shuffles = _shuffles(light[either])
    abilities = []
    for name, (first, second, log_odds) in pairs.items():
        a, b = (
            build_classifier(clip, [f"{noun} {word}" for noun in nouns], TEMPLATES).mean(axis=0)
            for word in (first, second)
        )
        score = clip.scale * (people.vectors @ (a - b)).astype(np.float64)
        effect, p = _gap(score[either], light[either], shuffles)
        abilities.append(
            Ability(
                name=f"setting_{name}",
                meaning=f"logit of '{first}' less '{second}', drawings of the two lighter skin "
                "tones minus the two darker",
                estimate=effect,
                p=p,
                planted=log_odds,
            )
        )
    return abilities
