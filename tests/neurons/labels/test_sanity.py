"""Soft-WPMI finds the names of class logits on the bundled model's concepts, as published."""

from __future__ import annotations

import itertools
from pathlib import Path

import clipprobe
from clipprobe.neurons.labels import class_logit_recovery
from clipprobe.neurons.labels.sanity import PUBLISHED
from clipprobe.stimuli import concept_set, concepts, write_set


def test_soft_wpmi_reaches_its_published_level(tmp_path: Path) -> None:
    names = concepts()[:40]
    samples = (concept_set(kind, per_concept=3, names=names) for kind in ("picture", "drawing"))
    write_set(itertools.chain(*samples), tmp_path)
    found = class_logit_recovery(clipprobe.load(), tmp_path)
    soft = [one for one in found if one.scorer == "soft_wpmi"]
    assert [one.circular for one in soft] == [True, False]
    for one in soft:
        assert one.top1.n == 40 and one.n_images == 240 and one.top_k == 12
        assert one.top1.value >= PUBLISHED["soft_wpmi"] == 0.955
        assert one.top1.low < one.top1.value <= one.top5.value
