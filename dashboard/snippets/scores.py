"""Scores of images with texts: explained, in a matrix, among classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clipprobe.zeroshot.prompts import fill
from dashboard.snippets.images import ImageSource, ModelSource, opening, repeated, shell

MOST_SENTENCES = 400
"""A command line with more texts is not offered."""


@dataclass(frozen=True, kw_only=True)
class ExplainCall:
    """Explanations of one score by several methods."""

    model: ModelSource
    image: ImageSource
    target: str
    methods: Sequence[str]
    options: Mapping[str, Any]
    """``against`` and ``centre``; empty for a unit."""
    faithful: bool = False
    """Whether it is measured how faithful the maps are."""

    def code(self) -> str:
        """In Python."""
        more = "".join(f", {name}={value!r}" for name, value in self.options.items() if value)
        load, before, after = list[str](), list[str](), list[str]()
        if self.faithful:
            load = ["from clipprobe.attribution.faithfulness import image_faithfulness"]
            before = ["maps = []"]
            after = [
                "    maps.append(one)",
                f"faithful = image_faithfulness(clip, image, {self.target!r}, maps)",
                "for one in faithful.maps:",
                '    print(one.method, one.values, one.above, "of", faithful.random.n)',
            ]
        call = f"clipprobe.explain(clip, image, {self.target!r}, method=method{more})"
        return "\n".join(
            [
                *opening(self.model, self.image, *load),
                *before,
                f"for method in {list(self.methods)!r}:",
                f"    one = {call}",
                "    print(method, one.score, one.map.shape, one.map.min(), one.map.max())",
                *after,
                "",
            ]
        )

    def command(self) -> str:
        """From a shell."""
        flags = repeated("--method", self.methods)
        flags += repeated("--against", self.options.get("against", ()))
        flags += ["--centre"] if self.options.get("centre") else []
        flags += ["--faithfulness"] if self.faithful else []
        flags += [*self.model.flags, "--json"]
        inputs = ["--", self.image.file, self.target]
        if not self.options:
            inputs = ["--unit", self.target, "--", self.image.file]
        return shell(self.image.made, ["clipprobe", "explain", *flags, *inputs])


def similarity_code(
    *, model: ModelSource, images: Sequence[ImageSource], texts: Sequence[str]
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
            model.line,
            "images = []  # as the model sees them",
            *parts,
            f"texts = {list(texts)!r}",
            "print(clip.similarity(images, texts))",
            "print(clip.logits(images, texts))",
            "",
        ]
    )


def similarity_command(
    *, model: ModelSource, images: Sequence[ImageSource], texts: Sequence[str]
) -> str:
    """The cosines from a shell."""
    flags = [*repeated("--text", texts), *model.flags, "--json"]
    files = [image.file for image in images]
    return shell(
        *(image.made for image in images), ["clipprobe", "similarity", *flags, "--", *files]
    )


def sentences(classes: Sequence[str], templates: Sequence[str]) -> list[str]:
    """Every class in every prompt, in order of the classes."""
    return [one for name in classes for one in fill(templates, name)]


def sentences_command(
    *,
    model: ModelSource,
    images: Sequence[ImageSource],
    classes: Sequence[str],
    templates: Sequence[str],
) -> str:
    """The cosines of images with every class in every prompt; empty where that is too long."""
    if len(classes) * len(templates) > MOST_SENTENCES:
        return ""
    return similarity_command(model=model, images=images, texts=sentences(classes, templates))


def zeroshot_code(
    *,
    model: ModelSource,
    image: ImageSource,
    classes: Sequence[str],
    templates: Sequence[str],
    n_null: int,
) -> str:
    """One image among classes, beside texts that say nothing of it.

    Args:
        n_null: Texts of each kind.
    """
    lines = [
        *opening(
            model,
            image,
            "import numpy as np",
            "from clipprobe.stimuli import concepts",
            "from clipprobe.zeroshot import build_classifier",
            "from clipprobe.zeroshot.scores.null import null_texts",
        ),
        f"classes = {list(classes)!r}",
        f"templates = {list(templates)!r}",
        "vectors = build_classifier(clip, classes, templates)",
        "encoded = clip.encode_images([image])",
        "cosines = clip.similarity(encoded, vectors)[0]",
        "logits = clip.logits(encoded, vectors)[0].astype(np.float64)",
        "shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()",
        "for one in zip(classes, cosines, shares):",
        "    print(*one)",
        "others = [concept.name for concept in concepts()]",
        f"null = null_texts(clip, templates=templates, n={n_null}, others=others)",
        "for kind, below in null.below(encoded[0], cosines, classes).items():",
        "    print(kind, below)",
    ]
    return "\n".join(lines) + "\n"
