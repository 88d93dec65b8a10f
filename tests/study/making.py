"""How each study is asked for in the tests: settings of a small run, from a folder of images."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tiny

import clipprobe
from clipprobe.models import Clip
from clipprobe.runs import RunView
from clipprobe.study import STUDIES, carry_out


@dataclass(frozen=True, kw_only=True)
class Small:
    """A small run of a study.

    Attributes:
        settings: Of a folder of images (``runs.kinds.image_folder``).
        change: A setting that changes the result, with another value.
        passes: Whether the model sees images or texts at all.
        parts: Whether a killed run of this size leaves parts.
        images: The field that holds the images; empty where there are none.
        stored: The fields that name other runs, which a test makes first.
    """

    settings: Callable[[Path], Mapping[str, Any]]
    change: Mapping[str, Any]
    passes: bool = True
    parts: bool = True
    images: str = "images"


OLDER = Path(__file__).parents[1] / "runs" / "runs_of_74780d9.zip"
FEW = {"n_boot": 100, "n_permutations": 100}
WORDS = ["doctor", "nurse", "farmer"]


def against(images: Path) -> dict[str, Any]:
    """Two models, the other beside the images."""
    place = images.parent / "other-model"
    other = clipprobe.load(place if place.exists() else tiny.BUILDERS["siglip"](place))
    return {"images": images, "groups": "gender", "against": other, "words": WORDS, **FEW}


def two_reports(images: Path) -> dict[str, Any]:
    """A stored bias report and its copy."""
    for side in ("a", "b"):
        zipfile.ZipFile(OLDER).extractall(
            images.parent / side, [n for n in zipfile.ZipFile(OLDER).namelist() if "bias/" in n]
        )
    return {side: images.parent / side / "bias" for side in ("a", "b")}


MAKE: dict[str, Small] = {
    "few-shot": Small(
        settings=lambda images: {
            "images": images,
            "shots": [1, 2],
            "draws": 2,
            "iterations": 5,
            "batch_size": 2,
        },
        change={"seed": 1},
    ),
    "limits": Small(
        settings=lambda images: {"tasks": ["style"], "scenes": 1, "batch_size": 4},
        change={"seed": 1},
        images="",
    ),
    "zeroshot": Small(
        settings=lambda images: {"images": images, "batch_size": 2},
        change={"templates": ["my {}"]},
    ),
    "bias": Small(
        settings=lambda images: {"images": images, "groups": "gender", "words": WORDS, **FEW},
        change={"seed": 1},
    ),
    "bias-against": Small(settings=against, change={"seed": 1}),
    "bias-comparison": Small(
        settings=two_reports, change={"seed": 1}, passes=False, parts=False, images=""
    ),
    "bias-gap": Small(
        settings=lambda images: {
            "images": images,
            "column": "gender",
            "word": "doctor",
            "group": "man",
            "words": WORDS,
            "n_random": 20,
            "n_boot": 100,
        },
        change={"word": "nurse"},
    ),
    "bias-mitigation": Small(
        settings=lambda images: {
            "images": images,
            "column": "gender",
            "words": WORDS,
            "n_boot": 100,
        },
        change={"methods": ["projection"]},
        parts=False,
    ),
    "bias-written": Small(
        settings=lambda images: {
            "images": images,
            "groups": "gender",
            "words": ["thief"],
            "batch_size": 1,
            "labels": ["thief", "person"],
            **FEW,
        },
        change={"seed": 1},
    ),
    "typographic": Small(
        settings=lambda images: {"images": images, "classes": ["cat", "dog"], "batch_size": 1},
        change={"seed": 1},
    ),
}


def make(kind: str, clip: Any, images: Path, out: Path | None, **more: Any) -> Any:
    """Carry out the small run of a study; what is left of ``more`` are settings."""
    study = STUDIES[kind]
    settings = {**MAKE[kind].settings(images), "out": out, **more}
    return carry_out(study, study.settings(**settings), clip)


def run_of(kind: str, clip: Any, images: Path, out: Path, **more: Any) -> RunView:
    """The run of a small study."""
    view = make(kind, clip, images, out, **more).view
    assert isinstance(view, RunView)
    return view


def contents(folder: Path) -> dict[str, bytes]:
    """Name -> bytes of every file in a folder and below; no call, which holds paths."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {name: data for name, data in named.items() if name != "call.json"}


@contextmanager
def at_pass(number: int, then: Callable[[], None]) -> Iterator[list[int]]:
    """Count the passes through any model, and do something before one of them."""
    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("image_embeddings", "text_embeddings"):
            original = getattr(Clip, name)

            def counted(self: Clip, given: Any, original: Any = original) -> Any:
                seen.append(len(seen) + 1)
                if seen[-1] == number:
                    then()
                return original(self, given)

            patch.setattr(Clip, name, counted)
        yield seen


def stop() -> None:
    """As Ctrl-C does."""
    raise KeyboardInterrupt
