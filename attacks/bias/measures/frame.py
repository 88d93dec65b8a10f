"""The images of one group column that take part, with the draws that all cells share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.groups.columns import INFER_FROM, SHOW_FROM, GroupColumn
from attacks.bias.measures.cells import Status, status_for
from attacks.bias.measures.draws import (
    Draws,
    Floats,
    Ints,
    Shared,
    alike,
    bootstrap_weights,
    exchanged,
    generator,
    permuted_labels,
)
from attacks.bias.measures.inference import Settings

PAIR_DRAWS = 200  # for a standard error, which they give to 5 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Scores and groups of the images that have a large enough group in one column.

    ``scores``: cosines ``(n, m)``; ``labels``: ``(n,)`` into ``column.levels``.
    ``clusters``: ``(n,)`` or None. ``sizes``: images per level; ``n_clusters``: clusters per level.
    ``weights``, ``permutations``: chunks of bootstrap draws and of permuted labels.
    ``strata``: ``(n,)`` or None: labels are permuted within each. ``pairing``: bootstrap draws for
    comparing two models; None where one model is audited.
    ``cache``: what one measure found in these scores and another needs too.
    """

    column: GroupColumn
    scores: Floats
    labels: Ints
    clusters: Ints | None
    sizes: tuple[int, ...]
    n_clusters: tuple[int, ...]
    weights: Draws[np.uint8]
    permutations: Draws[np.int8]
    strata: Ints | None = None
    pairing: Draws[np.uint8] | None = None
    # Not given, so that a copy with other scores starts without it.
    cache: dict[Any, object] = field(init=False, default_factory=dict, compare=False, repr=False)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which images of the column it holds, ``(all,)``."""
        return np.asarray(self.column.labels >= 0)

    @property
    def conditional(self) -> bool:
        """Whether labels may not be permuted over all images, so that no closed form holds."""
        return self.clusters is not None or self.strata is not None

    @property
    def permuted(self) -> str:
        """What is permuted, in words."""
        what = "permutations" if self.clusters is None else "permutations of clusters"
        return what if self.strata is None else f"{what} within strata"

    def anonymous(self, *name: str) -> Ints:
        """An order of the images, ``(n,)``, that is an outcome's own: images that no draw can tell
        apart have changed places.

        All outcomes share their draws. Without this, two outcomes with one hit each would have the
        same null floor exactly where the hit is the same image, which could so be followed.
        """
        units = self.cache.get("alike")
        if not isinstance(units, list):
            units = self.cache["alike"] = alike(self.labels, self.clusters, self.strata)
        return exchanged(units, len(self.labels), generator(0, "anonymous", *name))

    def judge(self, *sides: Sequence[int]) -> tuple[Status, str]:
        """What may be said about a comparison of these sides (lists of levels), and why not more.

        Clusters are the independent observations: with fewer than ``SHOW_FROM`` of them on a
        side, values are shown and nothing is inferred, however many images there are.
        """
        sizes = [sum(self.sizes[level] for level in side) for side in sides]
        status = status_for(sizes)
        fewest = min(sum(self.n_clusters[level] for level in side) for side in sides)
        if status == "inferred" and fewest < SHOW_FROM:
            return "shown", f"only {fewest} clusters on a side: no interval and no test"
        why = f"insufficient (n={min(sizes)}) to infer: below {INFER_FROM} no interval and no test"
        return status, "" if status == "inferred" else why


def comparisons(n_levels: int, *, mirrored: bool = False) -> list[tuple[int, list[int]]]:
    """Each group and those it is compared with; of two groups only the later one.

    Args:
        mirrored: Both of two groups.
    """
    if n_levels == 2 and not mirrored:
        return [(1, [0])]
    return [(g, [other for other in range(n_levels) if other != g]) for g in range(n_levels)]


def make_frame(
    scores: Floats,
    column: GroupColumn,
    clusters: Ints | None,
    settings: Settings,
    *,
    strata: Ints | None = None,
    paired: bool = False,
    shared: Shared | None = None,
) -> Frame:
    """Take the images with a shown level and draw everything once, from the seed and the name.

    Args:
        strata: ``(n,)`` over all images. paired: whether another model is asked about the same
            frame, so that :attr:`Frame.pairing` is needed.
        shared: Where other frames of the same images and column find the same draws.
    """
    part = column.labels >= 0
    labels, name, seed = column.labels[part], column.name, settings.seed
    ids = None if clusters is None else np.unique(clusters[part], return_inverse=True)[1]
    within = None if strata is None else strata[part]
    counted = np.bincount(labels, minlength=len(column.levels))

    def resampled(n_boot: int, kind: str) -> Draws[np.uint8]:
        return Draws(
            lambda: bootstrap_weights(labels, ids, n_boot, generator(seed, kind, name)),
            n_boot * len(labels),
        )

    def permuted() -> Draws[np.int8]:
        n = settings.n_permutations
        return Draws(
            lambda: permuted_labels(labels, ids, n, generator(seed, "permutation", name), within),
            n * len(labels),
        )

    def draw() -> tuple[Draws[Any], ...]:
        draws = (resampled(settings.n_boot, "bootstrap"), permuted())
        return (*draws, resampled(PAIR_DRAWS, "pairs")) if paired else draws

    if shared is None:
        weights, permutations, *pairing = draw()
    else:
        key = _key((name, paired, settings.to_json()), (labels, ids, within))
        weights, permutations, *pairing = shared.get(key, draw)
    return Frame(
        column=column,
        scores=scores[part],
        labels=labels,
        clusters=ids,
        sizes=tuple(int(n) for n in counted),
        n_clusters=tuple(
            int(counted[level]) if ids is None else len(np.unique(ids[labels == level]))
            for level in range(len(column.levels))
        ),
        weights=weights,
        permutations=permutations,
        strata=within,
        pairing=pairing[0] if pairing else None,
    )


def _key(options: tuple[Any, ...], arrays: Sequence[Ints | None]) -> str:
    """The same for two frames whose draws are the same: these are all that they depend on."""
    digest = hashlib.sha256(repr(options).encode())
    for array in arrays:
        digest.update(b"none" if array is None else array.tobytes())
    return digest.hexdigest()
