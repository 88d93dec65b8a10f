"""Scores of images with texts: explained, in a matrix, among classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clipprobe.zeroshot.prompts import fill
from dashboard.snippets.images import ImageSource, load_line, model_flags, shell

MOST_SENTENCES = 400
"""A command line with more texts is not offered."""


def explain_code(
    *,
    spec: str | None,
    edits: Sequence[str],
    image: ImageSource,
    target: str,
    methods: Sequence[str],
    options: Mapping[str, Any],
    faithful: bool = False,
) -> str:
    """Explanations of one score by several methods.

    Args:
        options: ``against`` and ``centre``; empty for a unit.
        faithful: Whether it is measured how faithful the maps are.
    """
    given = "".join(f", {name}={value!r}" for name, value in options.items() if value)
    load, before, after = list[str](), list[str](), list[str]()
    if faithful:
        load = ["from clipprobe.attribution.faithfulness import image_faithfulness"]
        before, after = ["maps = []"], [
            "    maps.append(one)",
            f"faithful = image_faithfulness(clip, image, {target!r}, maps)",
            "for one in faithful.maps:",
            '    print(one.method, one.values, one.above, "of", faithful.random.n)',
        ]  # fmt: skip
    return "\n".join(
        [
            "import clipprobe",
            *load,
            *image.imports,
            "",
            load_line(spec, edits),
            *image.body,
            "image = clip.preprocess.to_grid(image)  # as the model sees it",
            *before,
            f"for method in {list(methods)!r}:",
            f"    one = clipprobe.explain(clip, image, {target!r}, method=method{given})",
            "    print(method, one.score, one.map.shape, one.map.min(), one.map.max())",
            *after,
            "",
        ]
    )


def explain_command(
    *,
    spec: str | None,
    edits: Sequence[str],
    image: ImageSource,
    target: str,
    methods: Sequence[str],
    options: Mapping[str, Any],
    faithful: bool = False,
) -> str:
    """The same from a shell.

    Args:
        options: As of :func:`explain_code`.
        faithful: As there.
    """
    flags = [part for name in methods for part in ("--method", name)]
    flags += [part for text in options.get("against", ()) for part in ("--against", text)]
    flags += ["--centre"] if options.get("centre") else []
    flags += ["--faithfulness"] if faithful else []
    flags += [*model_flags(spec, edits), "--json"]
    wanted = ["--", image.file, target] if options else ["--unit", target, "--", image.file]
    return shell(image.made, ["clipprobe", "explain", *flags, *wanted])


def similarity_code(
    *, spec: str | None, edits: Sequence[str], images: Sequence[ImageSource], texts: Sequence[str]
) -> str:
    """Cosines and logits of images with texts."""
    imports = dict.fromkeys(line for image in images for line in image.imports)
    parts = [
        line
        for image in images
        for line in (*image.body, "images.append(clip.preprocess.to_grid(image))")
    ]
    return "\n".join(
        [
            "import clipprobe",
            *imports,
            "",
            load_line(spec, edits),
            "images = []  # as the model sees them",
            *parts,
            f"texts = {list(texts)!r}",
            "print(clip.similarity(images, texts))",
            "print(clip.logits(images, texts))",
            "",
        ]
    )


def similarity_command(
    *, spec: str | None, edits: Sequence[str], images: Sequence[ImageSource], texts: Sequence[str]
) -> str:
    """The cosines from a shell."""
    flags = [part for text in texts for part in ("--text", text)]
    files = [image.file for image in images]
    return shell(
        *(image.made for image in images),
        ["clipprobe", "similarity", *flags, *model_flags(spec, edits), "--json", "--", *files],
    )


def sentences(classes: Sequence[str], templates: Sequence[str]) -> list[str]:
    """Every class in every prompt, in order of the classes."""
    return [one for name in classes for one in fill(templates, name)]


def sentences_command(
    *,
    spec: str | None,
    edits: Sequence[str],
    images: Sequence[ImageSource],
    classes: Sequence[str],
    templates: Sequence[str],
) -> str:
    """The cosines of images with every class in every prompt; empty where that is too long."""
    if len(classes) * len(templates) > MOST_SENTENCES:
        return ""
    texts = sentences(classes, templates)
    return similarity_command(spec=spec, edits=edits, images=images, texts=texts)


def zeroshot_code(
    *,
    spec: str | None,
    edits: Sequence[str],
    image: ImageSource,
    classes: Sequence[str],
    templates: Sequence[str],
) -> str:
    """One image among classes, beside texts that say nothing of it."""
    lines = [
        "import clipprobe",
        "import numpy as np",
        "from clipprobe.zeroshot import build_classifier",
        *image.imports,
        "",
        load_line(spec, edits),
        *image.body,
        "image = clip.preprocess.to_grid(image)  # as the model sees it",
        f"classes = {list(classes)!r}",
        f"templates = {list(templates)!r}",
        "vectors = build_classifier(clip, classes, templates)",
        "cosines = clip.similarity([image], vectors)[0]",
        "logits = clip.logits([image], vectors)[0].astype(np.float64)",
        "shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()",
        "null = clipprobe.score_null(clip, [image], classes, templates=templates)",
        "for kind in null.null:",
        "    print(kind, null.percentiles(kind)[0])",
    ]
    return "\n".join(lines) + "\n"
