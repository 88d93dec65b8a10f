"""The activation of a unit on every patch of its strongest images, for the sheet."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from clipprobe.errors import (
    ClipprobeError,
    UnknownHookPointError,
    UnreadableImageError,
    UnsupportedHookError,
)
from clipprobe.neurons.where import unit_map

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from clipprobe.models import Clip
    from clipprobe.neurons.atlas.atlas import Atlas
    from clipprobe.neurons.atlas.unit import Unit

Maps = dict[int, "NDArray[np.float32]"]
"""Number of an image -> ``(rows, columns)``."""


def maps_of(clip: Clip, atlas: Atlas, unit: Unit) -> Maps:
    """The unit's activations on its strongest images, as :func:`unit_map` gives them.

    Empty where its hook point has no single number per place, as that of a text or a head. Images
    that are gone are left out.

    Raises:
        ConfigError: the model has other weights or edits than that of the atlas.
    """
    atlas.refuse_other(clip)
    maps: Maps = {}
    for firing in unit.top:
        try:
            maps[firing.image] = unit_map(clip, atlas.picture(firing.image), unit.address).map
        except UnreadableImageError:
            continue
        except (UnsupportedHookError, UnknownHookPointError):
            return {}
    return maps


def model_of(atlas: Atlas, otherwise: Callable[[], Clip]) -> Clip:
    """The model that an atlas was made with, opened as its call says.

    Args:
        otherwise: Opens the one to try where no call says.
    Raises:
        ClipprobeError: it cannot be opened.
    """
    from clipprobe.runs import load_run
    from clipprobe.study.call import model_from, read_call

    clip: Clip | None = None
    if atlas.path is not None:
        with suppress(ClipprobeError):  # shared without its call, or the model lies elsewhere now
            clip = model_from(read_call(load_run(atlas.path)))
    return otherwise() if clip is None else clip
