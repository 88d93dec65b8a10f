"""Does a unit respond to what its label names, freshly rendered?

Constructive verification without a generator: the label's concept is rendered anew as picture,
drawing and word, and the *rate* is the share of these images on which the unit lies above the level
that 1 % of the probe images exceed. The control is the same rate on what other labels of the run
name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from clipprobe.neurons.labels.unit_label import Rendered, UnitLabel
from clipprobe.neurons.pooled import PooledActivations, pooled_activations
from clipprobe.statistics import undefined, wilson

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons.labels.settings import LabelTest

TOP_SHARE = 0.01
_FRESH = 7919
"""Added to the seed, so that no probe image is rendered again."""


def with_renderings(
    clip: Clip, acts: PooledActivations, rows: Sequence[UnitLabel], settings: LabelTest
) -> tuple[UnitLabel, ...]:
    """The rows, those whose label is a bundled concept with their rates; the others as they are."""
    from clipprobe.stimuli import concept_set, concepts, render
    from clipprobe.stimuli.probe_sets import MODALITIES

    labels, per_modality = {row.label for row in rows}, settings.renderings
    names = [concept for concept in concepts() if concept.name in labels]
    if not names or not per_modality:
        return tuple(rows)
    samples = [
        sample
        for modality in MODALITIES
        for sample in concept_set(
            modality,
            per_concept=per_modality,
            seed=settings.seed + _FRESH,
            names=names,
            size_px=max(16, clip.image_size),
        )
    ]
    sample_labels = np.array([sample.label for sample in samples])
    modality = np.array([sample.attributes["modality"] for sample in samples])
    known = {concept.name for concept in names}
    sites = {row.address.rpartition(":")[0] for row in rows if row.label in known}
    fresh = pooled_activations(
        clip,
        [render(sample.scene).image for sample in samples],
        sorted(sites),
        **settings.values_of("pool", "batch_size", "workers"),
    )
    result = []
    for row in rows:
        if row.label not in known:
            result.append(row)
            continue
        site, _, index = row.address.rpartition(":")
        level = float(np.quantile(acts.values[site][:, int(index)], 1 - TOP_SHARE))
        above = fresh.values[site][:, int(index)] > level
        own = sample_labels == row.label
        rates = {
            name: wilson(int(above[own & (modality == name)].sum()), per_modality)
            for name in MODALITIES
        }
        others = (
            wilson(int(above[~own].sum()), int((~own).sum()))
            if (~own).any()
            else undefined("the run has no other label")
        )
        result.append(replace(row, rendered=Rendered(**rates, others=others, level=level)))
    return tuple(result)
