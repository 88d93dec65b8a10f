"""How each study is asked for in the tests: settings of a small run, from a folder of images."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clipprobe
from clipprobe.neurons import Atlas
from clipprobe.neurons.multimodality import bundled_probes
from clipprobe.neurons.words import WordGrid
from clipprobe.runs import RunView
from clipprobe.stimuli import concepts
from clipprobe.study import STUDIES, carry_out
from clipprobe.testing import Small
from clipprobe.testing import checkpoints as tiny

POST = "vision.blocks.1.mlp.post"
OLDER = Path(__file__).parents[1] / "runs" / "runs_of_74780d9.zip"
FEW = {"n_boot": 100, "n_permutations": 100}
WORDS = ["doctor", "nurse", "farmer"]


def against(images: Path) -> dict[str, Any]:
    """Two models, the other beside the images."""
    place = images.parent / "other-model"
    other = clipprobe.load(place if place.exists() else tiny.BUILDERS["siglip"](place))
    return {"images": images, "groups": "gender", "against": other, "words": WORDS, **FEW}


def two_of(kind: str) -> Callable[[Path], dict[str, Any]]:
    """A stored run of a kind and its copy."""

    def made(images: Path) -> dict[str, Any]:
        for side in ("a", "b"):
            zipfile.ZipFile(OLDER).extractall(
                images.parent / side,
                [n for n in zipfile.ZipFile(OLDER).namelist() if n.startswith(f"{kind}/")],
            )
        return {side: images.parent / side / kind for side in ("a", "b")}

    return made


def shards(images: Path, seed: int = 0) -> list[Path]:
    """The two shards of a scan, made once."""
    folders = [images.parent / f"shard-{i}-seed-{seed}" for i in range(2)]
    if not all((folder / "manifest.json").exists() for folder in folders):
        place = images.parent / "model-of-shards"
        own = clipprobe.load(place if place.exists() else tiny.BUILDERS["clip"](place))
        for i, folder in enumerate(folders):
            clipprobe.scan(own, images, sites=POST, shard=(i, 2), seed=seed, out=folder)
    return folders


def few_concepts(images: Path) -> dict[str, Any]:
    """Three concepts in three modalities."""
    probes = bundled_probes(per_concept=4, concepts=concepts()[:3], size_px=32)
    return {
        "concepts": probes,
        "sites": POST,
        "n_controls": 1,
        "n_permutations": 50,
        "batch_size": 4,
    }


def two_made(kind: str) -> Callable[[Path], dict[str, Any]]:
    """A run of a kind that the archive of older runs lacks, and its copy."""

    def made(images: Path) -> dict[str, Any]:
        places = {side: images.parent / f"{kind}-{side}" for side in ("a", "b")}
        if not places["b"].exists():
            place = images.parent / "model-of-two"
            own = clipprobe.load(place if place.exists() else tiny.BUILDERS["clip"](place))
            make(kind, own, images, places["a"])
            shutil.copytree(places["a"], places["b"])
        return {side: place for side, place in places.items()}

    return made


MAKE: dict[str, Small] = {
    "suite": Small(
        settings=lambda images: {
            "images": images,
            "studies": [
                {"study": "zeroshot", "batch_size": 2},
                {"study": "zeroshot", "name": "other-words", "templates": ["my {}"]},
                {"study": "atlas", "sites": [POST], "top_k": 3, "batch_size": 4},
            ],
        },
        change={"seed": 1},
        inner=True,
    ),
    "suite-comparison": Small(
        settings=two_made("suite"), change={"seed": 1}, passes=False, parts=False, images=""
    ),
    "faithfulness-comparison": Small(
        settings=two_made("faithfulness"), change={"seed": 1}, passes=False, parts=False, images=""
    ),
    "few-shot-comparison": Small(
        settings=two_made("few-shot"), change={"seed": 1}, passes=False, parts=False, images=""
    ),
    "limits-comparison": Small(
        settings=two_made("limits"), change={"seed": 1}, passes=False, parts=False, images=""
    ),
    "carriers-comparison": Small(
        settings=two_made("carriers"), change={"seed": 1}, passes=False, parts=False, images=""
    ),
    "zeroshot-comparison": Small(
        settings=two_made("zeroshot"), change={"seed": 1}, passes=False, parts=False, images=""
    ),
    "atlas": Small(
        settings=lambda images: {
            "images": images,
            "sites": POST,
            "top_k": 3,
            "batch_size": 4,
            "checkpoint_seconds": 0,
        },
        change={"seed": 1},
    ),
    "atlas-merge": Small(
        settings=lambda images: {"atlases": shards(images)},
        change=lambda images: {"atlases": shards(images, 1)},
        passes=False,
        parts=False,
        images="",
    ),
    "atlas-save": Small(
        settings=lambda images: {"atlas": Atlas.load(shards(images)[0])},
        change=lambda images: {"atlas": Atlas.load(shards(images, 1)[0])},
        passes=False,
        parts=False,
        images="",
    ),
    "multimodality": Small(settings=few_concepts, change={"seed": 1}, images=""),
    "words": Small(
        settings=lambda images: {
            "words": ["bird", "house"],
            "sites": POST,
            "grid": WordGrid(sizes=(0.3,), places=("top",)),
            "batch_size": 2,
        },
        change={"seed": 1},
        images="",
    ),
    "stroop": Small(
        settings=lambda images: {
            "colours": ["red", "blue"],
            "variants": 1,
            "sizes": [0.3],
            "batch_size": 1,
            "presentations": ["upright"],
        },
        change={"seed": 1},
        images="",
    ),
    "typographic-comparison": Small(
        settings=two_of("typographic"), change={"seed": 1}, passes=False, parts=False, images=""
    ),
    "typographic-search": Small(
        settings=lambda images: {
            "image": images / "00.png",
            "label": "dog",
            "classes": ["cat", "dog"],
            "queries": 4,
            "batch_size": 2,
            "max_area": 1.0,
            "sizes": [0.3, 0.4],
            "templates": ["a photo of a {}"],
        },
        change={"seed": 1},
        images="",
    ),
    "typographic-sweep": Small(
        settings=lambda images: {
            "images": images,
            "classes": ["cat", "dog"],
            "limit": 6,
            "batch_size": 1,
            "factors": {"size": [0.4, 0.5], "opacity": [1.0]},
        },
        change={"seed": 1},
    ),
    "why": Small(
        settings=lambda images: {
            "images": images,
            "classes": ["cat", "dog"],
            "heads": 2,
            "neurons": 1,
            "limit": 6,
        },
        change={"seed": 1},
    ),
    "captions": Small(
        settings=lambda images: {
            "units": ["vision.blocks.2.mlp.post:1"],
            "captions": ["a dog", "a cat"],
            "n_random": 9,
        },
        change={"seed": 1},
        parts=False,
        images="",
    ),
    "demo": Small(
        settings=lambda images: {"concepts": 8, "people_per_cell": 2},
        change={"seed": 1},
        images="",
        inner=True,
    ),
    "composition": Small(
        settings=lambda images: {
            "images": images,
            "sites": ["vision.blocks.1.mlp.post"],
            "batch_size": 4,
            "max_units": 4,
        },
        change={"seed": 1},
        parts=False,
    ),
    "effects": Small(
        settings=lambda images: {
            "images": images,
            "texts": ["a cat"],
            "sites": ["vision.blocks.0.mlp.post", "vision.blocks.1.mlp.post"],
            "limit": 6,
            "per_site": 3,
        },
        change={"seed": 1},
    ),
    "labels": Small(
        settings=lambda images: {
            "images": images,
            "sites": ["vision.blocks.1.mlp.post"],
            "concepts": ["cat", "dog"],
            "judge": "labels",
            "batch_size": 8,
            "limit": 16,
        },
        change={"alpha": 0.1},
        parts=False,
    ),
    "similar": Small(
        settings=lambda images: {
            "images": images,
            "address": "vision.blocks.1.mlp.post:3",
            "limit": 6,
            "batch_size": 3,
            "k": 2,
        },
        change={"k": 3},
        parts=False,
    ),
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
    "faithfulness": Small(
        settings=lambda images: {
            "objects": [2],
            "targets": 6,
            "methods": ["grad_eclip", "occlusion", "random"],
            "metrics": ["zone", "insertion", "randomisation"],
            "n_boot": 100,
        },
        change={"seed": 1},
        images="",
    ),
    "carriers": Small(
        settings=lambda images: {
            "task": "left or right",
            "scenes": 1,
            "kinds": ["head"],
            "n_random": 20,
        },
        change={"seed": 1},
        images="",
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
        settings=two_of("bias"), change={"seed": 1}, passes=False, parts=False, images=""
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
            "classes": ["thief", "person"],
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
