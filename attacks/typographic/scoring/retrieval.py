"""Retrieval under attack: does an image still find its class text, and a class text its images?

Definitions. *Image to text*: an image is found at k when fewer than k other meanings of the class
list have a logit at least as high as its own class. *Text to image*: a class text is found at k
when fewer than k images of other classes score at least as high as the best image of its class,
in a gallery of the same images under one condition. Counting by class makes duplicates harmless,
and a tie counts against the model. The *drop* is clean minus condition, paired over images (or
classes).

Only images that were drawn under every condition take part, each with its first word, so that
the galleries differ in nothing but what is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.typographic.rendering.render import Encoder, Floats
from attacks.typographic.rendering.stored import VectorStore
from attacks.typographic.scoring.metrics import difference, rate
from clipprobe.runs import Run
from clipprobe.statistics import Estimate, difference_of_paired_proportions, undefined, wilson
from clipprobe.zeroshot.classes import Classes

AT = (1, 5)
DEFINITION = (
    "Image to text: found at k when fewer than k other classes score at least as high as the "
    "image's own. Text to image: found at k when fewer than k images of other classes score at "
    "least as high as the best image of the class. Ties count against the model."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Rows of the table that take part, aligned: ``rows[condition][i]`` is the i-th image."""

    images: npt.NDArray[np.object_]
    rows: Mapping[str, npt.NDArray[np.intp]]


def gallery(data: Mapping[str, Any]) -> Gallery:
    """The images that were drawn under every condition, with their first word."""
    word: dict[str, str] = {}
    at: dict[str, dict[str, int]] = {}
    for row, (image, own, condition) in enumerate(
        zip(data["image"], data["word"], data["condition"], strict=True)
    ):
        if word.setdefault(image, own) == own:
            at.setdefault(image, {})[condition] = row
    kinds = list(dict.fromkeys(data["condition"]))
    whole = [image for image, rows in at.items() if len(rows) == len(kinds)]
    if not whole:  # a control that never exists must not empty the galleries
        kinds = [kind for kind in kinds if kind in ("clean", "attack")]
        whole = [image for image, rows in at.items() if set(kinds) <= set(rows)]
    return Gallery(
        images=np.array(whole, dtype=object),
        rows={kind: np.array([at[image][kind] for image in whole], int) for kind in kinds},
    )


def ranks(
    run: Run,
    data: Mapping[str, Any],
    gallery: Gallery,
    classes: Classes,
    clip: Encoder,
    classifier: Floats,
) -> tuple[dict[str, npt.NDArray[np.int64]], dict[str, npt.NDArray[np.int64]]]:
    """By condition the rank of each image's class ``(n_images,)`` and of each label's text.

    Ranks of texts stop at ``max(AT) + 1``. Memory does not grow with the number of images.
    """
    group = np.array([classes.index(name) for name in data["label"]], int)
    queries = np.unique(np.concatenate([group[rows] for rows in gallery.rows.values()]))
    meanings = np.unique(classes.group)
    kinds = list(gallery.rows)
    rows = np.concatenate(list(gallery.rows.values()))
    kind = np.repeat(np.arange(len(kinds)), [len(r) for r in gallery.rows.values()])
    of_image = np.zeros(len(rows), np.int64)
    most = max(AT)
    best = np.full((len(kinds), len(queries)), -np.inf)
    rivals = np.full((len(kinds), most, len(queries)), -np.inf)
    for own, places, vectors in VectorStore(run, data["pixels"][rows]):
        logits = classes.grouped(clip.logits(vectors, classifier)).astype(np.float64)[places]
        label = group[rows[own]]
        mine = logits[np.arange(len(own)), label]
        of_image[own] = (logits[:, meanings] >= mine[:, None]).sum(axis=1)
        relevant = label[:, None] == queries[None, :]
        columns = logits[:, queries]
        for k in range(len(kinds)):
            part = kind[own] == k
            if part.any():
                scores, hits = columns[part], relevant[part]
                best[k] = np.maximum(best[k], np.where(hits, scores, -np.inf).max(axis=0))
                pool = np.concatenate([rivals[k], np.where(hits, -np.inf, scores)])
                rivals[k] = -np.sort(-pool, axis=0)[:most]
    of_text = 1 + (rivals >= best[:, None, :]).sum(axis=1)
    return (
        {name: of_image[kind == k] for k, name in enumerate(kinds)},
        {name: of_text[k].astype(np.int64) for k, name in enumerate(kinds)},
    )


def retrieval(
    run: Run,
    data: Mapping[str, Any],
    classes: Classes,
    clip: Encoder,
    classifier: Floats,
    *,
    seed: int,
) -> dict[str, Any] | None:
    """Recall at 1 and 5 in both directions, and the drop; None where nothing can be compared."""
    in_gallery = gallery(data)
    if not len(in_gallery.images) or "clean" not in in_gallery.rows:
        return None
    images, texts = ranks(run, data, in_gallery, classes, clip, classifier)
    cluster = data["cluster"][in_gallery.rows["clean"]].astype(str)
    n_meanings = len(np.unique(classes.group))
    label, counts = np.unique(
        data["label"][in_gallery.rows["clean"]].astype(str), return_counts=True
    )
    others = int(len(in_gallery.images) - counts.max())
    figures: dict[str, Any] = {
        "definition": DEFINITION,
        "n_images": len(in_gallery.images),
        "n_texts": len(label),
    }
    for name, by, rivals in (
        ("image_to_text", images, n_meanings - 1),
        ("text_to_image", texts, others),
    ):
        clusters = cluster if name == "image_to_text" else None
        figures[name] = {
            kind: {str(k): _recall(by[kind], k, rivals, clusters, seed=seed) for k in AT}
            for kind in by
        }
        figures[f"{name}_drop"] = {
            kind: {str(k): _drop(by["clean"], by[kind], k, rivals, clusters, seed) for k in AT}
            for kind in by
            if kind != "clean"
        }
    return figures


def _trivial(k: int, rivals: int) -> Estimate | None:
    if rivals >= k:
        return None
    return undefined(f"only {rivals} rival(s): recall at {k} is 1 whatever the model does")


def _recall(rank: Any, k: int, rivals: int, clusters: Any, *, seed: int) -> Estimate:
    hits = rank <= k
    if (nothing := _trivial(k, rivals)) is not None:
        return nothing
    return (
        wilson(int(hits.sum()), len(hits)) if clusters is None else rate(hits, clusters, seed=seed)
    )


def _drop(clean: Any, now: Any, k: int, rivals: int, clusters: Any, seed: int) -> Estimate:
    if (nothing := _trivial(k, rivals)) is not None:
        return nothing
    if clusters is None:
        return difference_of_paired_proportions(clean <= k, now <= k, seed=seed)
    return difference(clean <= k, now <= k, clusters, seed=seed)
