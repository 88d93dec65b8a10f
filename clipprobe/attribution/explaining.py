"""``explain``: one image, one score, one method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.attribution.explanation import Explanation
from clipprobe.attribution.integrated_gradients import completeness_gaps
from clipprobe.attribution.registry import Maps, find_method
from clipprobe.attribution.target import score_of, texts_of
from clipprobe.models.grid import patch_grid
from clipprobe.people import refuse_person_groups

if TYPE_CHECKING:
    from clipprobe.attribution.target import Score
    from clipprobe.hooks import UnitAddress
    from clipprobe.models import Clip


def explain(
    clip: Clip,
    image: object,
    target: str | Sequence[str] | UnitAddress,
    method: str = "integrated_gradients",
    *,
    pool: str = "max",
    **settings: Any,
) -> Explanation:
    """Where in an image a score comes from.

    Args:
        image: A path, a Pillow image, a uint8 array ``(h, w, 3)`` or an ImageRecord.
        target: A text; several texts, explained by their mean direction; or a unit of the vision
            tower (``vision.blocks.3.mlp.post:17``).
        method: One of :func:`clipprobe.attribution_methods`.
        pool: For a unit, how its activations on the tokens become one number.
        settings: Of the method, for example ``n_steps=128``.

    Returns:
        The attributions; ``.map`` is ``(h, w)``.

    Raises:
        UnknownMethodError: no such method; lists all.
        ConfigError: no such setting of the method, a value that cannot be used, or a text that
            says what the person in the image is.
        UnreadableImageError: the image cannot be decoded.
        UnknownHookPointError, UnsupportedHookError: the unit or a hook point cannot be used.

    Example::

        found = explain(clip, "dog.png", "a dog")
        found.map.shape  # (64, 64), the model's own pixels
        found.patches.shape  # (8, 8), summed over each patch
    """
    chosen = find_method(method, settings)
    if texts := texts_of(target):
        refuse_person_groups(texts, "explain")
    pixels = clip.preprocess([image]).to(clip.device)
    score = score_of(clip, target, pool)
    maps = chosen(clip, pixels, score, **settings)
    return _explanation(clip, method, score, maps, patch_grid(clip, pixels))


def _explanation(
    clip: Clip, method: str, score: Score, maps: Maps, grid: tuple[int, int]
) -> Explanation:
    values = maps.values[0]
    found = float(maps.scores[0])
    baseline = math.nan if maps.baseline_scores is None else float(maps.baseline_scores[0])
    gap, reason = math.nan, maps.reason
    if maps.baseline_scores is not None:
        gap = float(completeness_gaps(maps.values, maps.scores, maps.baseline_scores)[0])
        if math.isnan(gap):
            reason = "the image scores as the baseline does, so there is nothing to share out"
    rows, columns = grid
    tokens = values if maps.resolution == "patches" else _patch_sums(values, rows, columns)
    return Explanation(
        method=method,
        target=score.name,
        kind=score.kind,
        map=values.astype(np.float32),
        resolution=maps.resolution,
        units=maps.units.format(score=score.units),
        tokens=tokens.reshape(-1).astype(np.float32),
        grid=grid,
        score=found,
        baseline_score=baseline,
        completeness_gap=gap,
        reason=reason,
        caution=maps.caution,
        settings=dict(maps.settings),
        provenance={**clip.provenance(), "target": score.name, "method": method},
    )


def _patch_sums(values: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Sums over equal cells of ``(h, w)``; a border narrower than a cell joins the last one."""
    down = np.arange(rows) * (values.shape[0] // rows)
    across = np.arange(columns) * (values.shape[1] // columns)
    return np.add.reduceat(np.add.reduceat(values, down, axis=0), across, axis=1)
