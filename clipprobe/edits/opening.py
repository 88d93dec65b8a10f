"""From names to an edited model, as a command line or a stored call gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.edits.edit import load_edit
from clipprobe.models.checkpoints.loading import load as load_model

if TYPE_CHECKING:
    from clipprobe.models import Clip

load = load_edit
"""``clipprobe.edits.load(path)``."""


def open_edited(model: Mapping[str, Any], edits: Sequence[str | Path]) -> Clip:
    """A model under the edits of some files, in order.

    Args:
        model: The arguments of :func:`clipprobe.load`.
        edits: Files or folders; read before the model is loaded.
    Raises:
        ConfigError: an edit cannot be read, or is for another model.
    """
    read = [load_edit(place) for place in edits]
    clip = load_model(**model)
    for edit in read:
        clip = edit.of(clip)
    return clip
