"""A study under test: small settings, a model, and its finished run, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipprobe.models import Clip
from clipprobe.study import Study, StudyResult, carry_out


@dataclass(frozen=True, kw_only=True)
class Small:
    """A small run of a study."""

    settings: Callable[[Path], Mapping[str, Any]]
    """Of a folder of images, see :func:`image_folder`."""
    change: Mapping[str, Any] | Callable[[Path], Mapping[str, Any]]
    """A setting that changes the result, with another value, or what makes it from the folder."""
    passes: bool = True
    """Whether the model sees images or texts at all."""
    parts: bool = True
    """Whether a killed run of this size leaves parts."""
    images: str = "images"
    """The field that holds the images; empty where there are none."""
    inner: bool = False
    """Whether it makes runs inside its run."""


@dataclass(frozen=True, kw_only=True)
class Case(Small):
    """A study with a small run of it, and where that is tried out."""

    study: Study[Any, Any]
    clip: Any
    """The model."""
    place: Path
    """A folder for the images and for the run that is made once."""
    other: Callable[[], Any] | None = None
    """Gives another model, which must not be able to make the same run."""
    cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What the promises share, made once."""

    @property
    def folder(self) -> Path:
        """The folder of images."""
        folder = self.place / "images"
        return folder if folder.exists() else image_folder(folder)

    def make(
        self, out: Path | None, *, images: Path | None = None, **more: Any
    ) -> StudyResult[Any]:
        """Carry out the small run; what is left of ``more`` are settings."""
        settings = {**self.settings(images or self.folder), "out": out, **more}
        return carry_out(self.study, self.study.settings(**settings), self.clip)

    def changed(self) -> Mapping[str, Any]:
        """The setting that changes the result."""
        return self.change(self.folder) if callable(self.change) else self.change

    @property
    def whole(self) -> Path:
        """The finished run; never write to it."""
        if "whole" not in self.cache:
            self.cache["whole"] = self.make(self.place / "whole").run.path
        whole: Path = self.cache["whole"]
        return whole


def image_folder(folder: Path, n: int = 48) -> Path:
    """``n`` images of noise with two labels and two groups, and a broken one.

    The audits of people need 48 to say anything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0)
    rows = ["file_name,label,gender"]
    for i in range(n):
        name, label = f"{i:02}.png", ("cat", "dog")[i % 2]
        Image.fromarray(noise.integers(0, 256, (32, 32, 3), np.uint8)).save(folder / name)
        rows.append(f"{name},{label},{('woman', 'man')[i // 2 % 2]}")
    (folder / "broken.png").write_bytes(b"")
    rows.append("broken.png,cat,man")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Name -> bytes of every file in a folder and below; no call, which holds paths."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {name: data for name, data in named.items() if Path(name).name != "call.json"}


@contextmanager
def at_pass(number: int, then: Callable[[], None]) -> Iterator[list[int]]:
    """Count the passes through any model, and do something before one of them."""
    passes: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("image_embeddings", "text_embeddings"):
            original = getattr(Clip, name)

            def counted(self: Clip, inputs: Any, original: Any = original) -> Any:
                passes.append(len(passes) + 1)
                if passes[-1] == number:
                    then()
                return original(self, inputs)

            patch.setattr(Clip, name, counted)
        yield passes


def stop() -> None:
    """As Ctrl-C does."""
    raise KeyboardInterrupt
