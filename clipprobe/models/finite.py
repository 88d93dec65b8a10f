"""Vectors that mean nothing are refused where they are made, with the layer that they come from.

A damaged checkpoint, or one that overflows in half precision, gives NaN or infinite vectors, and a
tower whose output is zero has no direction. Scores of either would look like those of a model that
knows nothing. The check costs one look at each batch; the layer is looked for only after it failed.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clipprobe.errors import BrokenModelError

if TYPE_CHECKING:
    from clipprobe.hooks.hooked import Hooked


def refuse_meaningless(
    clip: Hooked,
    tower: str,
    vectors: npt.NDArray[np.float32],
    again: Callable[[int], object],
) -> None:
    """Raise unless every unit vector of a batch is finite; a zero one became NaN by its length.

    Args:
        tower: ``vision`` or ``text``.
        vectors: ``(b, d_embed)``.
        again: Runs one row of the batch through the tower once more.
    Raises:
        BrokenModelError: names the tower and the first hook point that is not finite, or zero.
    """
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if not len(bad):
        return
    # An empty context: captures and interventions that are open neither see nor change this pass.
    where, zero = contextvars.Context().run(_origin, clip, tower, lambda: again(int(bad[0])))
    if not where:
        raise BrokenModelError(
            f"Under the interventions that are open, the {tower} tower of {clip.id} gives vectors "
            "that are zero or not finite: change less."
        )
    half = str(clip.dtype) in ("torch.float16", "torch.bfloat16")
    todo = "load it with dtype='float32', or use" if half else "the checkpoint is damaged: use"
    raise BrokenModelError(
        f"The {tower} tower of {clip.id} gives vectors that are {'zero' if zero else 'not finite'},"
        f" from {where} on: {todo} other weights."
    )


def _origin(clip: Hooked, tower: str, run: Callable[[], object]) -> tuple[str, bool]:
    """The first hook point of a pass after which nothing is usable, and whether it is all zero.

    Empty where the tower's output can be used.
    """
    import torch

    from clipprobe.hooks import capture, hook_points

    not_finite = ""
    first_zero = ""

    def look(name: str, values: Any, *rest: object) -> None:
        nonlocal not_finite, first_zero
        if not not_finite and not bool(torch.isfinite(values).all()):
            not_finite = name
        if bool((values != 0).any()):
            first_zero = ""
        elif not first_zero:
            first_zero = name

    points = [point.name for point in hook_points(clip) if point.tower == tower]
    with torch.no_grad(), capture(clip, points, sink=look):
        run()
    return not_finite or first_zero, not not_finite
