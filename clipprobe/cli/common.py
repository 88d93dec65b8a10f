"""What every command shares: output, progress, the model, the images.

Nothing here imports torch before a command asks for a model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from clipprobe.cli.output import result as result
from clipprobe.cli.output import say as say
from clipprobe.cli.progress import countdown as countdown
from clipprobe.cli.progress import progress as progress
from clipprobe.cli.run_folder import use_folder as use_folder
from clipprobe.errors import UnreadableImageError
from clipprobe.lines import read_lines as read_lines

if TYPE_CHECKING:
    from PIL import Image

    from clipprobe.data import Dataset
    from clipprobe.models import Clip
    from clipprobe.settings.shared import Images, Model

WithImages = TypeVar("WithImages", bound="Images")


def load_model(model: Model) -> Clip:
    """Load what ``--model``, ``--revision``, ``--device`` and ``--edit`` name.

    torch is imported here; a wrong edit is said before the model is loaded. Where the run of the
    command is finished, the model waits until it is asked for something.
    """
    from clipprobe.study.command import command

    running = command()
    if running is not None and running.finished:
        return cast("Clip", Late(lambda: _loaded(model)))
    return _loaded(model)


class Late:
    """A model that is loaded when it is first asked for anything: a finished run needs none."""

    def __init__(self, load: Callable[[], Clip]) -> None:
        self._load = load

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loaded, name)

    @functools.cached_property
    def _loaded(self) -> Clip:
        return self._load()


def _loaded(model: Model) -> Clip:
    named: dict[str, Any] = {
        "model": model.model,
        "revision": model.revision,
        "device": model.device,
    }
    if not model.edit:
        import clipprobe

        clip: Clip = clipprobe.load(**named)
        return clip
    from clipprobe.edits import open_edited

    return open_edited(named, model.edit)


def open_images(settings: WithImages, *, whole: bool = False) -> WithImages:
    """The settings with their images opened and labelled, before a model is loaded.

    What was named and takes no part is said at once.

    Args:
        whole: Leave the sample for later.
    """
    opened = settings.opened(whole=whole)
    for one in cast("Dataset", opened.images).left_out:
        say(f"left out: {one}")
    return opened


def read_image(path: Path) -> Image.Image:
    """The image of a command, read before anything slow.

    Raises:
        UnreadableImageError: it cannot be decoded; the message names it.
    """
    from clipprobe.data import decode_image

    try:
        return decode_image(path)
    except UnreadableImageError as error:
        raise UnreadableImageError(
            f"The image {path} could not be read ({error}): give another file."
        ) from None
