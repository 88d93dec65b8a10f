"""The checkpoint that ships with the package.

*emoji-clip* is a small real CLIP trained on images that the project renders itself; see the model
card beside it. It is a model organism for the methods, never evidence about other models.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from clipprobe.errors import UnknownModelError

BUNDLED_NAME = "emoji-clip"


def bundled_folder() -> Path:
    """Folder of the bundled checkpoint.

    Raises:
        UnknownModelError: this installation holds none.
    """
    folder = Path(str(files("clipprobe"))) / "assets" / BUNDLED_NAME
    if not (folder / "config.json").is_file():
        raise UnknownModelError(
            f"No model was named and this installation holds no bundled one ({folder} has no "
            "config.json): give a checkpoint folder or a hub id."
        )
    return folder
