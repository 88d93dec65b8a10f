"""One small run of every kind, by the functions that the commands call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

POST = "vision.blocks.1.mlp.post"


def scan(clip: Any, images: Path, out: Path) -> None:
    import clipprobe

    clipprobe.scan(clip, images, sites=["vision.blocks.*.mlp.post"], pool="max", top_k=3, out=out)


def typographic(clip: Any, images: Path, out: Path) -> None:
    from attacks.typographic import audit_typographic

    audit_typographic(clip, images, ["cat", "dog"], out=out)


def stroop(clip: Any, images: Path, out: Path) -> None:
    from attacks.typographic import audit_stroop

    colours = ["red", "blue"]
    audit_stroop(clip, out=out, colours=colours, variants=1, sizes=[0.3], presentations=["upright"])


def why(clip: Any, images: Path, out: Path) -> None:
    from attacks.typographic.why import explain_reading

    explain_reading(clip, images, ["cat", "dog"], out=out, heads=2, neurons=1, limit=6)


def bias(clip: Any, images: Path, out: Path) -> None:
    from attacks.bias import audit_bias

    audit_bias(clip, images, "gender", out=out)


def multimodality(clip: Any, images: Path, out: Path) -> None:
    import clipprobe
    from clipprobe.neurons.multimodality import bundled_probes
    from clipprobe.stimuli import concepts

    probes = bundled_probes(per_concept=4, concepts=concepts()[:4])
    clipprobe.multimodality(clip, probes, sites=["vision.blocks.1.mlp.post"], out=out, n_controls=1)


def words(clip: Any, images: Path, out: Path) -> None:
    from clipprobe.neurons.words import WordGrid, word_probe

    grid, sites = WordGrid(sizes=(0.3,), places=("top",)), ["vision.blocks.0.mlp.post"]
    word_probe(clip, ["dog", "bird"], sites=sites, grid=grid, top=2, out=out)


def captions(clip: Any, images: Path, out: Path) -> None:
    from clipprobe.neurons.captions import captions_run

    captions_run(clip, ["vision.blocks.2.mlp.post:1"], ["a dog", "a cat"], n_random=9, out=out)


def labels(clip: Any, images: Path, out: Path) -> None:
    from clipprobe.data import as_dataset
    from clipprobe.neurons.labels import label_units
    from clipprobe.neurons.labels.store import open_run, write

    dataset = as_dataset(images)
    found = label_units(clip, dataset, sites=[POST], concepts=["cat", "dog"], judge="labels")
    write(found, open_run(out, clip, dataset, {"pool": "max"}))


def effects(clip: Any, images: Path, out: Path) -> None:
    from clipprobe.data import as_dataset
    from clipprobe.neurons.effects.store import compare_effects

    compare_effects(clip, as_dataset(images, limit=3), ["a cat"], [POST], out, per_site=3)


def similar(clip: Any, images: Path, out: Path) -> None:
    from clipprobe.neurons.effects.similar_store import similar_run

    similar_run(clip, images, f"{POST}:3", out=out, k=2)


def image_folder(folder: Path) -> Path:
    """Twelve images of two classes and two groups, and one that cannot be read."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0)
    rows = ["file_name,label,gender"]
    for i in range(12):
        name, label = f"{i:02}.png", ("cat", "dog")[i % 2]
        Image.fromarray(noise.integers(0, 256, (32, 32, 3), np.uint8)).save(folder / name)
        rows.append(f"{name},{label},{('woman', 'man')[i // 2 % 2]}")
    (folder / "broken.png").write_bytes(b"")
    rows.append("broken.png,cat,man")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return folder


KINDS: dict[str, Callable[[Any, Path, Path], None]] = {
    "atlas": scan,
    "typographic": typographic,
    "stroop": stroop,
    "why": why,
    "bias": bias,
    "multimodality": multimodality,
    "words": words,
    "captions": captions,
    "labels": labels,
    "effects": effects,
    "similar": similar,
}
