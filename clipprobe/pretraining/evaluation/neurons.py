"""Neurons that tell one concept as picture, drawing and word, beside what coincidence gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.pretraining.evaluation.ability import SEED, Ability

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons.multimodality.scoring.shuffles import ShuffledCount
    from clipprobe.statistics import Estimate


_TWIN = ", the same network at random weights"
_ALONE = "So the count alone is not evidence of neurons with one concept in all modalities"


def neurons(clip: Clip) -> list[Ability]:
    """Share of vision neurons at the threshold: seen, with shuffled concepts, and untrained."""
    from clipprobe.neurons.multimodality import count_multimodal

    count = count_multimodal(clip, seed=SEED)
    tested = count.units.n
    reach = (
        f"vision neurons with a confirmed AUROC of at least {count.threshold:g} for one concept in "
        "all of picture, drawing and word, against the other concepts of the same modality"
    )
    rows = [
        _row("strong", reach, count.strong, tested),
        *_shuffled("strong", count.one_shuffled, count.all_shuffled, count.alpha, tested),
        _row("strong_random", f"{reach}{_TWIN}", count.random_strong, count.random_strong.n),
    ]
    for name, claim in count.claims.items():
        what = f"vision neurons {claim.meaning.removeprefix('units ')}"
        n = claim.share.n
        rows.append(_row(name, what, claim.share, n))
        if claim.one is not None and claim.all is not None:
            rows += _shuffled(name, claim.one, claim.all, count.alpha, n)
        if claim.random is not None:
            rows.append(_row(f"{name}_random", f"{what}{_TWIN}", claim.random, claim.random.n))
    return rows


def _row(name: str, what: str, share: Estimate, tested: int) -> Ability:
    return Ability(
        name=f"multimodal_neurons_{name}",
        meaning=f"share of {what}: {round(share.value * share.n)} of {tested}",
        estimate=share,
    )


def _shuffled(
    name: str, one: ShuffledCount, every: ShuffledCount, alpha: float, tested: int
) -> list[Ability]:
    return [
        Ability(
            name=f"multimodal_neurons_{name}_{suffix}",
            meaning=f"the same share with {what} shuffled: {count} of {tested}, mean ± sd of "
            f"{count.share.n} shuffles; as many as seen or more: one-sided p = {count.p:.2g}"
            + (f". {_ALONE}" if count.p > alpha else ""),
            estimate=count.share,
        )
        for suffix, what, count in (
            ("words_shuffled", "the concepts of the words", one),
            ("all_shuffled", "those of every modality", every),
        )
    ]
