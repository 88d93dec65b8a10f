"""``explain``: one engine for one pair, a batch of pairs, and many methods."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.attribution.explanation import Explanation, completeness_gaps
from clipprobe.attribution.jobs import jobs_of, parts_of
from clipprobe.attribution.registry import (
    METHODS,
    Maps,
    check_support,
    find_method,
    vision_tower_kind,
)
from clipprobe.attribution.target import targets_of, texts_of
from clipprobe.errors import ConfigError
from clipprobe.people import refuse_person_groups

if TYPE_CHECKING:
    from clipprobe.attribution.job import Job
    from clipprobe.attribution.target import Targets
    from clipprobe.hooks import UnitAddress
    from clipprobe.models import Clip

DEFAULTS = ("head_tokens", "grad_eclip", "integrated_gradients")
"""For texts, the first that supports the model: of the methods that cost at most four forward
passes, those that told four things apart best (``docs/methods/faithfulness.md``)."""
UNIT_DEFAULT = "integrated_gradients"


def explain(
    clip: Clip,
    image: object,
    target: str | Sequence[str] | UnitAddress,
    method: str | None = None,
    *,
    against: Sequence[str] | None = None,
    centre: bool = False,
    pool: str = "max",
    **settings: Any,
) -> Explanation:
    """Where in an image a score comes from.

    Args:
        image: A path, a Pillow image, a uint8 array ``(h, w, 3)`` or an ImageRecord.
        target: A text; several texts, explained by their mean direction; or a unit of the vision
            tower (``vision.blocks.3.mlp.post:17``).
        method: One of :func:`clipprobe.attribution_methods`. None: see :func:`default_method`.
        against: Other texts: what is explained is by how much the text beats their mean.
        centre: Explain the text less the mean text, which is what most texts share.
        pool: For a unit, how its activations on the tokens become one number.
        settings: Of the method, for example ``n_steps=128``.

    Returns:
        The attributions; ``.map`` is ``(h, w)``.

    Raises:
        UnknownMethodError: no such method; lists all.
        ConfigError: no such setting of the method, a value that cannot be used, or a text that
            says what the person in the image is.
        UnreadableImageError: the image cannot be decoded.
        UnknownHookPointError, UnsupportedHookError: the unit or a hook point cannot be used, or
            the method does not support the model.

    Example::

        found = explain(clip, "dog.png", "a dog")
        found.map.shape  # (64, 64), the model's own pixels
        found.patches.shape  # (8, 8), summed over each patch
    """
    name = default_method(clip, target) if method is None else method
    batch = explain_many(
        clip,
        [image],
        [target],
        {name: settings},
        against=against,
        centre=centre,
        pool=pool,
    )
    return batch[name][0]


def explain_batch(
    clip: Clip,
    images: Sequence[object],
    texts: Sequence[str | Sequence[str] | UnitAddress],
    method: str | None = None,
    *,
    against: Sequence[str] | None = None,
    centre: bool = False,
    pool: str = "max",
    batch_size: int = 16,
    memory_gb: float | None = None,
    **settings: Any,
) -> tuple[Explanation, ...]:
    """Explain image ``i`` with text ``i``, for all ``i``; an image that repeats is run once.

    Args:
        images, texts: Of equal length; see :func:`explain`.
        batch_size: Most distinct images that are run together.
        memory_gb: Gigabytes that may be taken beyond the model: images and texts are run in parts
            that small. None: no such limit but that of the machine.

    Raises:
        ConfigError: a single text, the lengths differ, the memory does not hold one pair, and what
            :func:`explain` raises.
    """
    if isinstance(texts, str):
        raise ConfigError(
            f"A list of texts was expected and the single text {texts!r} was given: give one text "
            "for each image."
        )
    images, texts = list(images), list(texts)
    if method is None and texts:
        method = default_method(clip, texts[0])
    name = method or UNIT_DEFAULT
    return explain_many(
        clip,
        images,
        texts,
        {name: settings},
        against=against,
        centre=centre,
        pool=pool,
        batch_size=batch_size,
        memory_gb=memory_gb,
    )[name]


def default_method(clip: Clip, target: str | Sequence[str] | UnitAddress) -> str:
    """What ``explain`` runs where no method is named: for a unit, integrated gradients."""
    if texts_of(target) is None:
        return UNIT_DEFAULT
    kind = vision_tower_kind(clip)
    return next(name for name in DEFAULTS if kind in METHODS[name].towers)


def explain_many(
    clip: Clip,
    images: Sequence[object],
    texts: Sequence[str | Sequence[str] | UnitAddress],
    methods: Mapping[str, Mapping[str, Any]],
    *,
    against: Sequence[str] | None = None,
    centre: bool = False,
    pool: str = "max",
    batch_size: int = 16,
    memory_gb: float | None = None,
) -> dict[str, tuple[Explanation, ...]]:
    """Several methods on the same pairs; those of the shared pass share one forward and backward.

    Args:
        methods: Name -> settings.
    """
    if len(images) != len(texts):
        raise ConfigError(
            f"{len(images)} images and {len(texts)} texts were given: text i explains image i, so "
            "give as many of one as of the other."
        )
    for name, settings in methods.items():
        find_method(name, settings)
    sentences = [text for target in texts for text in texts_of(target) or ()]
    refuse_person_groups([*sentences, *(against or ())], "explain")
    if not images:
        return {name: () for name in methods}
    targets = targets_of(clip, texts, pool=pool, against=against, centre=centre)
    return explain_targets(
        clip, images, targets, methods, batch_size=batch_size, memory_gb=memory_gb
    )


def explain_targets(
    clip: Clip,
    images: Sequence[object],
    targets: Targets,
    methods: Mapping[str, Mapping[str, Any]],
    *,
    batch_size: int = 16,
    memory_gb: float | None = None,
) -> dict[str, tuple[Explanation, ...]]:
    """The engine: targets made before, one per image; see :func:`explain_many`."""
    by_name = {name: find_method(name, settings) for name, settings in methods.items()}
    for name, method in by_name.items():
        check_support(name, method, clip, unit=targets.kind == "unit")
    results: dict[str, list[Explanation | None]] = {name: [None] * len(images) for name in methods}
    provenance = clip.provenance()
    parts = parts_of(clip, batch_size, len(images), memory_gb)
    for pairs, job in jobs_of(clip, images, targets, parts):
        job.needs.update(name for method in by_name.values() for name in method.needs(job))
        for name, method in by_name.items():
            maps = method(job, **methods[name])
            scores = job.scores() if maps.scores is None else maps.scores
            for row, pair in enumerate(pairs):
                score = float(scores[row])
                results[name][pair] = _explanation(name, job, maps, row, score, provenance)
    return {name: tuple(one for one in rows if one is not None) for name, rows in results.items()}


def _explanation(
    name: str, job: Job, maps: Maps, row: int, score: float, provenance: Mapping[str, Any]
) -> Explanation:
    values = maps.values[row]
    baseline, constant = math.nan, 0.0
    if maps.constants is not None:
        constant = float(maps.constants[row])
    gap, reason = math.nan, maps.reason
    if maps.baseline_scores is not None:
        baseline = float(maps.baseline_scores[row])
        sides = (np.array([one]) for one in (values.sum() + constant, score, baseline))
        gap = float(completeness_gaps(*sides)[0])
        if math.isnan(gap):
            reason = "the image scores as the baseline does, so there is nothing to share out"
    rows, columns = job.grid
    tokens = values if maps.resolution == "patches" else patch_sums(values, rows, columns)
    targets = job.targets
    return Explanation(
        method=name,
        target=targets.names[row],
        kind=targets.kind,
        map=values.astype(np.float32),
        resolution=maps.resolution,
        units=maps.units.format(score=targets.units),
        tokens=tokens.reshape(-1).astype(np.float32),
        grid=job.grid,
        score=score,
        baseline_score=baseline,
        completeness_gap=gap,
        reason=reason,
        caution=maps.caution,
        settings={**maps.settings, **(maps.own[row] if maps.own else {})},
        provenance={**provenance, "target": targets.names[row], "method": name},
        constant=constant,
        against=targets.against,
        centred=targets.centred,
    )


def patch_sums(values: Floats, rows: int, columns: int) -> Floats:
    """Sums over equal cells of ``(h, w)``; a border narrower than a cell joins the last one."""
    down = np.arange(rows) * (values.shape[0] // rows)
    across = np.arange(columns) * (values.shape[1] // columns)
    return np.add.reduceat(np.add.reduceat(values, down, axis=0), across, axis=1)
