"""Five numbers for one task, on the same items, in the same folds, with the same chance.

* ``zero_shot``: the option whose text is nearest to the image.
* ``image``: a probe that reads the code from the image vector.
* ``text``: a probe that reads the code from the option's text vector, given the code of the image.
* ``mapped``: zero-shot after one linear map between the towers, fitted with a ridge towards the
  identity.
* ``blind``: a probe that sees the option texts and no image.

Everything fitted is scored on groups that did not fit it: pairs of objects, objects, or, where the
question is which thing it is, scenes with their sentence. The ridge is chosen inside the fitting
part. A relation that is split by scene is not a test: a probe recognises the pair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from clipprobe.arrays import Floats, Ints, unit_rows
from clipprobe.statistics import Estimate
from clipprobe.zeroshot.limits.items import Items, folds
from clipprobe.zeroshot.limits.logit import Sides, choose_ridge, fit_scores

N_FOLDS = 5
N_INNER = 4
"""Parts of a fitting part, one of which chooses the ridge."""
_SMALL, _REPEATS = 800, 3
"""Items times options less one, up to which the folds are drawn three times and answers averaged:
one deal adds noise of its own, which keeps a probe at chance from being told from the floor."""
CODED = ("image", "text")
"""The numbers that need codes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Numbers:
    """Right answers of each item, by number."""

    items: Items
    right: Mapping[str, Floats]

    def by_wording(self, name: str, *, seed: int = 0) -> dict[str, Estimate]:
        """Accuracy under each wording."""
        table = {}
        for wording in sorted(set(self.items.wordings.tolist())):
            rows = self.items.wordings == wording
            table[wording] = self.items.take(rows).mean(self.right[name][rows], seed=seed)
        return table


def measure(items: Items, *, seed: int = 0) -> Numbers:
    """All numbers that the items allow."""
    right = {"zero_shot": zero_shot(items), "blind": fitted(items, "blind", seed=seed)}
    right["mapped"] = fitted(items, "mapped", seed=seed)
    if items.codes is not None:
        right |= {name: fitted(items, name, seed=seed) for name in CODED}
    return Numbers(items=items, right=right)


def zero_shot(items: Items) -> Floats:
    """Whether the nearest option is the true one, ``(n,)``; see :func:`share_right`."""
    scores = np.einsum("nd,nod->no", items.images, items.texts, optimize=True)
    return share_right(scores, items.truth)


def fitted(items: Items, name: str, *, seed: int = 0, share: float = 1.0) -> Floats:
    """Whether the option that a fit prefers is the true one, each item by a fit without its group.

    Args:
        share: Of the groups of a fitting part, how many it may use: for a learning curve.
    """
    deals = [
        _fitted_once(items, name, seed=seed + 1000 * deal, share=share)
        for deal in range(_REPEATS if is_small(items) else 1)
    ]
    right: Floats = np.mean(deals, axis=0)
    return right


def is_small(items: Items) -> bool:
    """Whether fits are quick, so that several are made and their chance is averaged out."""
    return bool(items.n * (items.texts.shape[1] - 1) <= _SMALL)


def _fitted_once(items: Items, name: str, *, seed: int, share: float) -> Floats:
    """One deal of the folds."""
    right = np.zeros(items.n)
    for number, test in enumerate(folds(items.groups, N_FOLDS, seed)):
        rest = np.setdiff1d(np.arange(items.n), test)
        if share < 1:
            names = np.unique(items.groups[rest])
            order = np.random.default_rng([seed, 43, number]).permutation(len(names))
            train_names = names[order[: max(N_INNER, round(share * len(names)))]]
            rest = rest[np.isin(items.groups[rest], train_names)]
        fit, held_out = items.take(rest), items.take(test)
        inner = folds(fit.groups, N_INNER, seed + 1)[0]
        core = np.setdiff1d(np.arange(fit.n), inner)
        build = _builder(name, fit.take(core))
        ridge = choose_ridge(
            build(fit.take(core)), fit.truth[core], build(fit.take(inner)), fit.truth[inner]
        )
        build = _builder(name, fit)
        scores = fit_scores(build(fit), fit.truth, ridge, build(held_out))
        right[test] = share_right(scores, held_out.truth)
    return right


def share_right(scores: Floats, truth: Ints) -> Floats:
    """1 where the true option has the best score, 0 where another has; options that tie for the
    best share it, as a guess among them would on average, ``(n,)``."""
    scale = np.abs(scores).max(axis=1, keepdims=True)
    best = scores >= scores.max(axis=1, keepdims=True) - 1e-9 * scale
    shares: Floats = best[np.arange(len(truth)), truth] / best.sum(axis=1)
    return shares


def _builder(name: str, fit: Items) -> Callable[[Items], Sides]:
    """What makes the sides of one number; images and texts are centred by the fitting items and
    have unit length, and the code of an image is that of its true option."""
    image_mean = fit.images.mean(axis=0)
    text_mean = fit.texts.reshape(-1, fit.texts.shape[2]).mean(axis=0)

    def build(items: Items) -> Sides:
        images, texts = unit_rows(items.images - image_mean), unit_rows(items.texts - text_mean)
        if name == "mapped":
            offset = np.einsum("nd,nod->no", images, texts, optimize=True)
            return Sides(a=images, b=texts, offset=offset)
        if name == "blind":
            return Sides(a=np.ones((items.n, 1)), b=texts)
        assert items.codes is not None
        if name == "image":
            return Sides(a=images, b=items.codes)
        return Sides(a=items.codes[np.arange(items.n), items.truth], b=texts)

    return build
