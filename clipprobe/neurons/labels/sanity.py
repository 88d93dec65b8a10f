"""Does the instrument find labels that are known? Class logits as units.

CLIP-Dissect's own check: a network's class logits are units whose labels are the class names, so a
scorer must find them. The paper's repository reports, for the ImageNet classes of a ResNet-50 with
the ImageNet validation set as probe, soft-WPMI 95.5 % top-1, rank-reorder 89.8, WPMI 86.9, cosine
15.9. Here the classes are concepts of which the images are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.data import Dataset
from clipprobe.neurons.labels.judges import Judgement, judged_by_clip, judged_by_tags
from clipprobe.neurons.labels.scorers import SCORERS, scores
from clipprobe.neurons.pooled import pooled_activations
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, wilson
from clipprobe.zeroshot.prompts import TEMPLATES

if TYPE_CHECKING:
    from clipprobe.models import Clip

PUBLISHED = {"soft_wpmi": 0.955, "rank_reorder": 0.898, "wpmi": 0.869, "cosine": 0.159}
"""Top-1 recovery of ImageNet class names, from the notebooks of the paper's repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery(AsJson):
    """How many class logits got their own class as label.

    ``scorer``, ``judge``, ``circular``: what chose the labels.
    ``top1``: share with a Wilson interval over classes; ``top5``: own class among the best five.
    ``published``: the paper's top-1 on ImageNet; NaN where there is none.
    ``n_images``, ``top_k``: the probe, and the strongest images that the scorer looked at.
    """

    scorer: str
    judge: str
    circular: bool
    top1: Estimate
    top5: Estimate
    published: float
    n_images: int
    top_k: int


def class_logit_recovery(
    clip: Clip,
    images: Dataset | str | Path | Iterable[Any],
    *,
    top_k: int | None = None,
    temperature: float | None = None,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> list[Recovery]:
    """Label the logits of the classes that the images are labelled with.

    The logits are those of the zero-shot classifier with several templates. Two judges: the model
    itself, asked with the bare class name (circular), and the images' own labels.

    Args:
        images: Labelled images; each label is a class.
        top_k: Strongest images for soft-WPMI and WPMI; None for twice the images of a class, as
            in the paper (100 of ImageNet's 50 per class).
    Returns:
        One recovery for each judge and scorer (rank-reorder needs a judge with degrees).
    """
    acts = pooled_activations(
        clip, images, ["vision.projected"], pool="none", batch_size=batch_size, progress=progress
    )
    tags = judged_by_tags(acts.records, None, None)
    classes = tags.concepts

    def by_clip(templates: Sequence[str]) -> Judgement:
        return judged_by_clip(
            clip, classes, embeddings=acts.embeddings, subject=clip, templates=templates
        )

    logits = clip.scale * by_clip(TEMPLATES).values
    k = top_k or max(1, round(2 * len(acts.records) / len(classes)))
    truth = np.arange(len(classes))
    recovery = []
    for judgement in (by_clip(["{}"]), tags):
        for scorer in SCORERS:
            if scorer == "rank_reorder" and not judgement.graded:
                continue  # tags have no order
            table = scores(scorer, logits, judgement.values, top_k=k, temperature=temperature)
            order = np.argsort(-table, axis=1, kind="stable")
            hits = order[:, :5] == truth[:, None]
            recovery.append(
                Recovery(
                    scorer=scorer,
                    judge=judgement.name,
                    circular=judgement.circular,
                    top1=wilson(int(hits[:, 0].sum()), len(classes)),
                    top5=wilson(int(hits.any(axis=1).sum()), len(classes)),
                    published=PUBLISHED.get(scorer, float("nan")),
                    n_images=len(acts.records),
                    top_k=k,
                )
            )
    return recovery
