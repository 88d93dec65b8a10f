"""Neurons that answer to one concept as picture, drawing and word, against none by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.pretraining.evaluation.ability import SEED, Ability

if TYPE_CHECKING:
    from clipprobe.models import Clip


def neurons(clip: Clip) -> list[Ability]:
    """Share of multimodal vision neurons, and the same in the network at random weights."""
    from clipprobe.neurons.multimodality import count_multimodal

    count = count_multimodal(clip, seed=SEED)
    tested = count.units.n
    reach = (
        f"vision neurons with a confirmed AUROC of at least {count.threshold:g} for one concept in "
        "all of picture, drawing and word, against the other concepts of the same modality"
    )
    tests = {
        "strong": ("", count.strong, count.random_strong),
        "": (
            "; permutation q < 0.05, one test a neuron",
            count.units_selected,
            count.random_units_selected,
        ),
        "all_pairs": (
            "; permutation q < 0.05 over all neurons and concepts",
            count.units,
            count.random_units,
        ),
    }
    return [
        Ability(
            name="_".join(part for part in ("multimodal_neurons", name, twin) if part),
            meaning=f"share of {reach}{how}: {round(share.value * tested)} of {tested}"
            + (", the same network at random weights" if twin else ""),
            estimate=share,
            about="neurons",
        )
        for name, (how, found, random) in tests.items()
        for twin, share in (("", found), ("random", random))
    ]
