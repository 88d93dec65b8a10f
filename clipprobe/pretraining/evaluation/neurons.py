"""Neurons that tell one concept as picture, drawing and word, beside what coincidence gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.pretraining.evaluation.ability import SEED, Ability

if TYPE_CHECKING:
    from clipprobe.models import Clip


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
    pairs = "; permutation q < 0.05 over all neurons and concepts"
    twin = ", the same network at random weights"
    estimates = [
        Ability(
            name=f"multimodal_neurons_{name}",
            meaning=f"share of {reach}{how}: {round(share.value * share.n)} of {tested}{where}",
            estimate=share,
            about="neurons",
        )
        for name, how, share, where in (
            ("strong", "", count.strong, ""),
            ("strong_random", "", count.random_strong, twin),
            ("all_pairs", pairs, count.units, ""),
            ("all_pairs_random", pairs, count.random_units, twin),
        )
    ]
    shuffled = [
        Ability(
            name=f"multimodal_neurons_strong_{name}",
            meaning=f"the same share with {what} shuffled: {one} of {tested}, mean ± sd of "
            f"{one.share.n} shuffles; as many as seen or more: one-sided p = {one.p:.2g}"
            + (f". {_ALONE}" if one.p > count.alpha else ""),
            estimate=one.share,
            about="neurons",
        )
        for name, what, one in (
            ("words_shuffled", "the concepts of the words", count.one_shuffled),
            ("all_shuffled", "those of every modality", count.all_shuffled),
        )
    ]
    return [estimates[0], *shuffled, *estimates[1:]]
