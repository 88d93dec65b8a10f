"""What is claimed of the units of a test, each count beside what coincidence gives.

Five things are counted: units that reach a score (``strong``); units whose best concept is one
concept in all modalities by the exact test of each modality given the others (``each``); units
whose best concept is not what modalities that are all unrelated would share (``exact``), which
pictures and drawings that look alike can bring about without the words; units that rank all
concepts alike in all modalities (``profile``); concepts whose best unit beats the best of all units
by chance (``concepts``). Every count is made again with the concepts of the words shuffled and with
those of every modality, and, of units, for the same network at random weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clipprobe.neurons.multimodality.contents import STRONG, Floor, MultimodalityContents
from clipprobe.neurons.multimodality.scoring.profile import share_of_defined
from clipprobe.neurons.multimodality.scoring.shuffles import ShuffledCount
from clipprobe.statistics import Estimate, wilson

TITLES = {
    "strong": "strong",
    "each": "one concept",
    "exact": "modalities related",
    "profile": "profiles agree",
    "concepts": "concepts with a unit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One count beside its controls.

    Attributes:
        name: ``strong``, ``each``, ``exact``, ``profile`` or ``concepts``.
        meaning: What is counted.
        n: The count.
        share: Of those that were tested, which ``share.n`` counts.
        one, all: The count with the concepts of one modality shuffled, and of all; None in a run
            that was made before it had them.
        random: The share for the same network at random weights; None without that control.
    """

    name: str
    meaning: str
    n: int
    share: Estimate
    one: ShuffledCount | None
    all: ShuffledCount | None
    random: Estimate | None

    @property
    def title(self) -> str:
        """Its name in tables."""
        return TITLES[self.name]

    @property
    def n_random(self) -> int | None:
        """The count at random weights."""
        return None if self.random is None else round(self.random.value * self.random.n)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        shuffled = {
            name: None if count is None else {"mean": count.mean, "sd": count.sd, "p": count.p}
            for name, count in (("one", self.one), ("all", self.all))
        }
        random = None if self.random is None else {"n": self.n_random, "n_tested": self.random.n}
        return {"n": self.n, "n_tested": self.share.n, **shuffled, "random_weights": random}


def claims_of(result: MultimodalityContents) -> dict[str, Claim]:
    """The claims that a run can make, in the order in which they are shown.

    A run that was made before it had a test leaves it out, and so does one in which no unit could
    be tested.
    """
    names, level = ", ".join(result.modalities), f"q at most {result.alpha:g} over the units"
    one, every = result.strong_shuffled or (None, None)
    floor = result.floor
    claims = {
        "strong": Claim(
            name="strong",
            meaning=f"units with a confirmed AUROC of at least {STRONG} in all of {names}",
            n=result.n_strong,
            share=wilson(result.n_strong, int(result.units["score"].notna().sum())),
            one=one,
            all=every,
            random=None if floor is None else share_of_defined(floor.score >= STRONG, floor.score),
        )
    }
    meanings = {
        "each": f"units whose best concept is one concept in all of {names} by the exact test of "
        f"each given the others, selection included; {level}",
        "exact": f"units whose best concept is not one that unrelated modalities ({names}) would "
        f"share by the exact test, which some of them alone can bring about; {level}",
        "profile": f"units that rank all concepts alike in every two of {names}; {level}",
    }
    for name, meaning in meanings.items():
        if f"q_{name}" not in result.units or not result.units[f"q_{name}"].notna().any():
            continue
        q = result.units[f"q_{name}"].to_numpy()
        claims[name] = _claim(
            result, name, meaning, share_of_defined(q <= result.alpha, q), _random(floor, name)
        )
    share = wilson(result.n_concepts_found, len(result.concepts))
    meaning = "concepts whose best unit beats the best of all units by chance"
    claims["concepts"] = _claim(result, "concepts", meaning, share, None)
    return claims


def claim_table(result: MultimodalityContents) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows: each count beside the same with shuffled concepts and random weights."""
    shuffled = "last modality" if result.shuffles is None else result.shuffles.modality
    columns = ["", "seen", f"{shuffled} shuffled", "p", "all shuffled", "p", "random weights"]
    rows: list[list[Any]] = []
    for claim in claims_of(result).values():
        cells: list[Any] = [claim.title, f"{claim.n:,} of {claim.share.n:,}"]
        for count in (claim.one, claim.all):
            cells += [None, None] if count is None else [str(count), count.p]
        random = claim.random
        rows.append([*cells, None if random is None else f"{claim.n_random:,} of {random.n:,}"])
    return columns, rows


def _claim(
    result: MultimodalityContents, name: str, meaning: str, share: Estimate, random: Estimate | None
) -> Claim:
    n = round(share.value * share.n)
    one, every = None, None
    if result.shuffles is not None and name in result.shuffles.counts:
        one, every = result.shuffles.count(name, n, share.n)
    return Claim(name=name, meaning=meaning, n=n, share=share, one=one, all=every, random=random)


def _random(floor: Floor | None, name: str) -> Estimate | None:
    q = None if floor is None else getattr(floor, f"q_{name}")
    return None if floor is None or q is None else share_of_defined(q <= floor.alpha, q)
