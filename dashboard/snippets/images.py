"""How code and commands get at a model and at an image."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WRITTEN = "WordGrid(fonts=['DejaVuSans-Bold'], sizes=[0.25], places=['center'])"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """How the model of a page is named, and the files of the edits that it is under."""

    spec: str | None
    edits: Sequence[str] = ()

    @property
    def line(self) -> str:
        """``clip = clipprobe.load(…)``, and a line for each file of an edit."""
        load = f"clip = clipprobe.load({'' if self.spec is None else repr(self.spec)})"
        edited = (f"clip = clipprobe.load_edit({one!r}).of(clip)" for one in self.edits)
        return "\n".join([load, *edited])

    @property
    def flags(self) -> list[str]:
        """The same for a command line."""
        return [*([] if self.spec is None else ["--model", self.spec]),
                *repeated("--edit", self.edits)]  # fmt: skip


def repeated(flag: str, values: Iterable[str]) -> list[str]:
    """A flag before each of its values."""
    return [part for value in values for part in (flag, value)]


def shell(*commands: Iterable[str]) -> str:
    """Commands for a shell, one per line; those without a word are left out."""
    lines = [shlex.join(words) for words in map(list, commands) if words]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSource:
    """Where an image of a page comes from."""

    title: str
    """What it is, in words."""
    lines: tuple[str, ...]
    """Python that makes ``image``."""
    file: str
    """The name of its file: of the user's, or of one that :attr:`made` writes."""
    made: tuple[str, ...] = ()
    """The command that writes the file, as words; empty for a file of the user's."""

    @property
    def imports(self) -> list[str]:
        """The imports among the lines."""
        return [line for line in self.lines if line.startswith("from ")]

    @property
    def body(self) -> list[str]:
        """The lines without the imports."""
        return [line for line in self.lines if not line.startswith("from ")]


def opening(
    model: ModelSource, image: ImageSource, *imports: str, name: str = "image"
) -> list[str]:
    """The first lines of a program: imports, the model, and the image as the model sees it.

    Args:
        name: What the image is called from then on.
    """
    return [
        "import clipprobe",
        *imports,
        *image.imports,
        "",
        model.line,
        *image.body,
        f"{name} = clip.preprocess.to_grid(image)  # as the model sees it",
    ]


def stimulus(concept: str, style: str, size_px: int) -> ImageSource:
    """A bundled image."""
    lines = (
        "from clipprobe.stimuli import Picture, Scene, render",
        f"scene = Scene(items=(Picture(concept={concept!r}, style={style!r}),), size_px={size_px})",
        "image = render(scene).image",
    )
    file = f"{concept}-{style}.png".replace(" ", "-")
    code = "; ".join([*lines, f"image.save({file!r})"])
    return ImageSource(
        title=f"{concept}, {style}", lines=lines, file=file, made=("python", "-c", code)
    )


def upload(name: str) -> ImageSource:
    """A file that was uploaded, under the name that it has on the user's machine."""
    lines = (
        "from pathlib import Path",
        "from clipprobe.data import decode_image",
        f"image = decode_image(Path({name!r}))",
    )
    return ImageSource(title=f"{name}, uploaded", lines=lines, file=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """The image that a unit is mapped over: one of the atlas, or an upload."""

    image: int
    """Its number in the atlas; unused for an upload."""
    upload: str | None
    """Name of the uploaded file."""
    word: str = ""
    """A word that is written on a white image instead."""
