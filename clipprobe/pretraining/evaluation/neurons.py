"""Neurons that tell one concept as picture, drawing and word, beside what coincidence gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.pretraining.evaluation.ability import SEED, Ability

if TYPE_CHECKING:
    from clipprobe.models import Clip


def neurons(clip: Clip) -> list[Ability]:
    """Share of vision neurons at the threshold: seen, with shuffled concepts, and untrained."""
    from clipprobe.neurons.multimodality import count_multimodal

    count = count_multimodal(clip, seed=SEED)
    tested = count.units.n
    reach = (
        f"vision neurons with a confirmed AUROC of at least {count.threshold:g} for one concept in "
        "all of picture, drawing and word, against the other concepts of the same modality"
    )
    shares = {
        "strong": ("", count.strong),
        "strong_random": (", the same network at random weights", count.random_strong),
        "all_pairs": (
            "; permutation q < 0.05 over all neurons and concepts",
            count.units,
        ),
        "all_pairs_random": (
            "; permutation q < 0.05 over all neurons and concepts, the same network at random "
            "weights",
            count.random_units,
        ),
    }
    found = [
        Ability(
            name=f"multimodal_neurons_{name}",
            meaning=f"share of {reach}{how}: {round(share.value * share.n)} of {tested}",
            estimate=share,
            about="neurons",
        )
        for name, (how, share) in shares.items()
    ]
    shuffled = [
        Ability(
            name=f"multimodal_neurons_strong_{name}",
            meaning=f"the same share after {what}, mean and 95 % of {one.share.n} shuffles: {one} "
            f"of {tested} (mean ± sd); as many as seen or more: one-sided p = {one.p:.2g}",
            estimate=one.share,
            about="neurons",
        )
        for name, what, one in (
            ("words_shuffled", "the words' concepts changed places", count.one_shuffled),
            ("all_shuffled", "the concepts of every modality changed places", count.all_shuffled),
        )
    ]
    return [found[0], *shuffled, *found[1:]]
