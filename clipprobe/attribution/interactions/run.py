"""``interactions``: one image, one text, which patch with which word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clipprobe.attribution.coalitions import coalitions
from clipprobe.attribution.interactions.fit import TERMS, OrderTwo, fit, r2
from clipprobe.attribution.interactions.result import Interactions
from clipprobe.attribution.interactions.words import BUDGET, WordSlopes, word_slopes
from clipprobe.attribution.job import Job, as_floats
from clipprobe.attribution.methods.masks import masked_features, proper
from clipprobe.attribution.registry import check_support, find_method
from clipprobe.attribution.target import targets_of
from clipprobe.attribution.words import encode_words
from clipprobe.memory import fitting_batch
from clipprobe.people import refuse_person_groups

if TYPE_CHECKING:
    from clipprobe.models import Clip

MOST_IMAGES = 2048
_PER_PATCH = 16


def interactions(
    clip: Clip,
    image: object,
    text: str,
    *,
    p: float = 0.5,
    n_masks: int | None = None,
    masking: str = "attention",
    text_masking: str | None = None,
    n_unseen: int = 1000,
    batch_size: int = 32,
    seed: int = 0,
) -> Interactions:
    """Which patch with which word makes the cosine of an image and a text.

    Args:
        image: A path, a Pillow image, a uint8 array ``(h, w, 3)`` or an ImageRecord.
        text: One text; its words are what stands between blanks.
        p: Probability with which patches and words are seen, independently.
        n_masks: Encodings of the masked image. None: 16 per patch, at most 2,048. All coalitions,
            exactly, where there are no more than that; likewise 1,024 of the text.
        masking: ``attention`` (masked patches are seen by no layer) or ``mean_pixel``.
        text_masking: ``attention`` or ``delete``; None: by attention where the model allows it.
        n_unseen: Coalitions on which the fit is tried out; 0 skips that.

    Raises:
        ConfigError: an option that cannot be used, or a text that says what a person is.
        UnsupportedHookError: a ResNet, which has no patches to mask.
    """
    import torch

    refuse_person_groups([text], "interactions")
    check_support("interactions", find_method("interactions", {}), clip, unit=False)
    words = word_slopes(clip, text, p=p, seed=seed, masking=text_masking, budget=BUDGET)
    pixels = clip.preprocess([image])
    job = Job(clip, pixels, targets_of(clip, [text]), batch_size=fitting_batch(clip, batch_size))
    budget = min(MOST_IMAGES, _PER_PATCH * job.n_patches) if n_masks is None else n_masks
    sets = proper(coalitions(job.n_patches, budget, p=p, seed=seed), job, masking)
    vectors = as_floats(masked_features(job, torch.from_numpy(sets.members), masking))[0]
    fitted = fit(sets, vectors, words.sets, words.vectors)
    constant, own_patches, own_words = fitted.raw()
    whole = np.ones((1, job.n_patches), bool), np.ones((1, len(words.words)), bool)
    return Interactions(
        text=text,
        words=words.words.words,
        grid=job.grid,
        matrix=fitted.matrix,
        patches=own_patches,
        word_values=own_words,
        within_image=fitted.within_image,
        within_text=fitted.within_text,
        constant=constant,
        score=float(job.scores()[0]),
        fitted=float(fitted.predict(*whole, "all")[0]),
        r2=_unseen(job, words, fitted, masking, n_unseen, seed) if n_unseen else {},
        n_unseen=n_unseen,
        p=p,
        masking=masking,
        text_masking=words.masking,
        n_image_encodings=len(sets.members),
        n_text_encodings=len(words.sets.members),
        exact=(sets.exhaustive, words.sets.exhaustive),
        provenance=clip.provenance(),
    )


def _unseen(
    job: Job, words: WordSlopes, slopes: OrderTwo, masking: str, n: int, seed: int
) -> dict[str, float]:
    """R2 by terms on pairs of coalitions from another stream of random numbers."""
    import torch

    rng = np.random.default_rng([seed, 1])
    patches = rng.random((n, job.n_patches)) < slopes.p
    patches[~patches.any(axis=1), 0] = True
    members = rng.random((n, len(words.words))) < slopes.p
    image = as_floats(masked_features(job, torch.from_numpy(patches), masking))[0]
    distinct, back = np.unique(members, axis=0, return_inverse=True)
    text = encode_words(job.clip, words.words, distinct, masking=words.masking)[back]
    truth = (image * text).sum(axis=1)
    return {terms: r2(truth, slopes.predict(patches, members, terms)) for terms in TERMS}
