"""One small run of every kind that has a model, by the functions that the commands call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    from attacks.typographic.reading import explain_reading

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
    from clipprobe.neurons.labels import label_units

    label_units(clip, images, sites=[POST], concepts=["cat", "dog"], judge="labels", out=out)


def effects(clip: Any, images: Path, out: Path) -> None:
    from clipprobe.data import as_dataset
    from clipprobe.neurons.effects import compare_effects

    compare_effects(clip, as_dataset(images, limit=3), ["a cat"], [POST], out, per_site=3)


def similar(clip: Any, images: Path, out: Path) -> None:
    from clipprobe.neurons.effects import similar_run

    similar_run(clip, images, f"{POST}:3", out=out, k=2)


def composition(clip: Any, images: Path, out: Path) -> None:
    from clipprobe.neurons.effects import composition_run

    composition_run(clip, images, sites=[POST], max_units=4, out=out)


def scan_texts(clip: Any, images: Path, out: Path) -> None:
    from clipprobe.neurons import scan_texts

    scan_texts(clip, ["a cat", "a dog", "the sea"], sites=["text.blocks.1.mlp.post"], out=out)


def sweep(clip: Any, images: Path, out: Path) -> None:
    from attacks.typographic.sweep import sweep

    sweep(clip, images, ["cat", "dog"], factors={"size": [0.4, 0.5]}, out=out, limit=4)


def search(clip: Any, images: Path, out: Path) -> None:
    from attacks.typographic.search import search_attack

    names, image = ["cat", "dog"], images / "00.png"
    label = names[int(clip.logits([image], [f"a photo of a {name}" for name in names]).argmax())]
    space = {"sizes": (0.4,), "templates": ("a photo of a {}",)}
    search_attack(clip, image, label, names, out=out, queries=4, max_area=1.0, **space)


def written(clip: Any, images: Path, out: Path) -> None:
    from attacks.bias.written import audit_written

    audit_written(clip, images, "gender", ["thief"], out=out, n_boot=100, n_permutations=100)


def gap(clip: Any, images: Path, out: Path) -> None:
    from attacks.bias.gap import explain_gap

    words = ["doctor", "nurse", "farmer"]
    explain_gap(
        clip, images, "gender", "doctor", "man", out=out, words=words, n_random=20, n_boot=100
    )


def mitigation(clip: Any, images: Path, out: Path) -> None:
    from attacks.bias.mitigation import mitigate_bias

    words = ["doctor", "nurse", "farmer"]
    mitigate_bias(clip, images, "gender", out=out, words=words, n_boot=100)


KINDS: dict[str, Callable[[Any, Path, Path], None]] = {
    "atlas": scan,
    "atlas of texts": scan_texts,
    "typographic": typographic,
    "sweep": sweep,
    "search": search,
    "stroop": stroop,
    "why": why,
    "bias": bias,
    "bias-written": written,
    "gap": gap,
    "mitigation": mitigation,
    "multimodality": multimodality,
    "words": words,
    "captions": captions,
    "labels": labels,
    "effects": effects,
    "similar": similar,
    "composition": composition,
}
