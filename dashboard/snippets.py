"""Python that reproduces a view; the tests run it and compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attacks.typographic import TypographicAttack


def load_line(spec: str | None, edits: Sequence[str] = ()) -> str:
    """``clip = clipprobe.load(…)``, and a line for each file of an edit."""
    lines = [f"clip = clipprobe.load({'' if spec is None else repr(spec)})"]
    return "\n".join([*lines, *(f"clip = clipprobe.load_edit({one!r}).of(clip)" for one in edits)])


WRITTEN = "WordGrid(fonts=['DejaVuSans-Bold'], sizes=[0.25], places=['center'])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """The image that a unit is mapped over: one of the atlas, or an upload."""

    image: int
    """Its number in the atlas; unused for an upload."""
    upload: str | None
    """Name of the uploaded file."""
    word: str = ""
    """A word that is written on a white image instead."""


def unit_code(
    *,
    run: str,
    address: str,
    spec: str | None,
    mapped: Mapped | None,
    edits: Sequence[str] = (),
) -> str:
    """One unit of an atlas, and where it fires on one image.

    Args:
        run: The run folder of the atlas.
        spec, edits: How the model is named, and the files of its edits.
        mapped: The image; None where there is no map.
    """
    upload = mapped.upload if mapped is not None else None
    word = mapped.word if mapped is not None else ""
    lines = [
        *(["from pathlib import Path", ""] if upload is not None else []),
        "import clipprobe",
        *(["from clipprobe.data import decode_image"] if upload is not None else []),
        *(["from clipprobe.neurons.words.grid import WordGrid, draw_word"] if word else []),
        "",
        f"atlas = clipprobe.Atlas.load({run!r})",
        f"unit = atlas.unit({address!r})",
        "print(unit.name, unit.n_images, unit.mean, unit.std, unit.low, unit.high)",
        "for firing in unit.top:",
        "    print(firing.value, firing.id, firing.label, firing.place)",
    ]
    if mapped is not None:
        picture = f"atlas.picture({mapped.image})"
        if upload is not None:
            picture = f"decode_image(Path({upload!r}))"
        if word:
            picture = f"draw_word({word!r}, grid, clip.image_size).images[0]"
        lines += [
            "",
            load_line(spec, edits),
            *([f"grid = {WRITTEN}"] if word else []),
            "with clipprobe.capture(clip, [unit.address]) as seen:",
            f"    clip.encode_images([{picture}])",
            "values = seen[unit.address][0]  # one per token; the class token, if any, comes first",
        ]
    return "\n".join(lines) + "\n"


def search_code(*, run: str, line: str, sites: Sequence[str]) -> str:
    """The units of an atlas that a line of text finds.

    Args:
        run: The run folder of the atlas.
        sites: Only these hook points; all where it is empty.
    """
    where = f", site={list(sites)!r}" if sites else ""
    lines = [
        "import clipprobe",
        "from clipprobe.neurons.sheet.evidence import gather",
        "from clipprobe.neurons.sheet.query import find_by_query",
        "",
        f"atlas = clipprobe.Atlas.load({run!r})",
        f"units = find_by_query(atlas, gather(atlas), {line!r}{where})",
        "for unit in units[:24]:",
        "    print(unit.address, *unit.why)",
    ]
    return "\n".join(lines) + "\n"


def trial_code(
    *,
    spec: str | None,
    picture: Sequence[str],
    attack: TypographicAttack,
    nonsense: str | None,
    classes: Sequence[str],
    templates: Sequence[str],
    edits: Sequence[str] = (),
    repair: tuple[Sequence[str], float, Sequence[str]] | None = None,
) -> str:
    """The images of the lab and their probabilities.

    Args:
        repair: Units, what they are multiplied by, and files of edits that come before.
        image: Lines that make ``image``; see :func:`stimulus_lines`, :func:`upload_lines`.
    """
    settings = ", ".join(f"{name}={value!r}" for name, value in attack.to_json().items())
    lines = [
        "import clipprobe",
        "import numpy as np",
        "from attacks.typographic import TypographicAttack",
        "from clipprobe.zeroshot import build_classifier",
        *(line for line in picture if line.startswith("from ")),
        "",
        load_line(spec, edits),
        *(line for line in picture if not line.startswith("from ")),
        "base = clip.preprocess.to_grid(image)  # as the model sees it",
        f"attack = TypographicAttack({settings})",
        "attacked = attack(base)",
        "images = {",
        '    "clean": base,',
        '    "attack": attacked.image,',
        '    "blank": attack.blank(attacked, base).image,',
        "}",
    ]
    if nonsense is not None:
        lines += [
            f"nonsense = attack.with_word({nonsense!r})",
            'images["nonsense"] = nonsense.in_place_of(attacked, base, kind="nonsense").image',
        ]
    lines += [
        f"classes = {list(classes)!r}",
        f"vectors = build_classifier(clip, classes, {list(templates)!r})",
        "logits = clip.logits(list(images.values()), vectors).astype(np.float64)",
        "weights = np.exp(logits - logits.max(axis=1, keepdims=True))",
        "probabilities = weights / weights.sum(axis=1, keepdims=True)",
        "for name, row in zip(images, probabilities):",
        "    print(name, classes[row.argmax()], row.max())",
    ]
    if repair is not None:
        units, factor, stored = repair
        change = "'zero'" if factor == 0 else f"clipprobe.Scale({factor!r})"
        parts = [f"clipprobe.load_edit({place!r})" for place in stored]
        parts += [f"dict.fromkeys({list(units)!r}, {change})"] if units else []
        lines += [
            f"edited = clipprobe.Edit({', '.join(parts)}).of(clip)",
            f"vectors = build_classifier(edited, classes, {list(templates)!r})",
            "repaired = edited.logits(list(images.values()), vectors)",
            "for name, row in zip(images, repaired):",
            "    print(name, 'repaired:', classes[row.argmax()])",
        ]
    return "\n".join(lines) + "\n"


def stimulus_lines(concept: str, style: str, size_px: int) -> list[str]:
    """Lines that draw a bundled image."""
    return [
        "from clipprobe.stimuli import Picture, Scene, render",
        f"scene = Scene(items=(Picture(concept={concept!r}, style={style!r}),), size_px={size_px})",
        "image = render(scene).image",
    ]


def upload_lines(name: str) -> list[str]:
    """Lines that read the file that was uploaded."""
    return [
        "from pathlib import Path",
        "from clipprobe.data import decode_image",
        f"image = decode_image(Path({name!r}))",
    ]


def explain_code(
    *,
    spec: str | None,
    picture: Sequence[str],
    target: str,
    methods: Sequence[str],
    options: Mapping[str, Any],
) -> str:
    """Explanations of one score by several methods.

    Args:
        image: Lines that make ``image``; see :func:`stimulus_lines`, :func:`upload_lines`.
        options: ``against`` and ``centre``; empty for a unit.
    """
    given = "".join(f", {name}={value!r}" for name, value in options.items() if value)
    return "\n".join(
        [
            "import clipprobe",
            *(line for line in picture if line.startswith("from ")),
            "",
            load_line(spec),
            *(line for line in picture if not line.startswith("from ")),
            "image = clip.preprocess.to_grid(image)  # as the model sees it",
            f"for method in {list(methods)!r}:",
            f"    one = clipprobe.explain(clip, image, {target!r}, method=method{given})",
            "    print(method, one.score, one.map.shape, one.map.min(), one.map.max())",
            "",
        ]
    )


def similarity_code(*, spec: str | None, things: Sequence[str], texts: Sequence[str]) -> str:
    """Cosines and logits of bundled images with texts."""
    return "\n".join(
        [
            "import clipprobe",
            "from clipprobe.stimuli import Picture, Scene, render",
            "",
            load_line(spec),
            f"things = {list(things)!r}",
            "size_px = max(16, clip.image_size)",
            "scenes = [Scene(items=(Picture(concept=name),), size_px=size_px) for name in things]",
            "images = [clip.preprocess.to_grid(render(scene).image) for scene in scenes]",
            f"texts = {list(texts)!r}",
            "print(clip.similarity(images, texts))",
            "print(clip.logits(images, texts))",
            "",
        ]
    )


def responding_code(
    *,
    spec: str | None,
    edits: Sequence[str],
    run: str,
    picture: Sequence[str],
    sites: Sequence[str] | None,
) -> str:
    """The units of an atlas that respond most to one image.

    Args:
        picture: Lines that make ``image``; see :func:`stimulus_lines`, :func:`upload_lines`.
    """
    given = "" if sites is None else f", sites={list(sites)!r}"
    return "\n".join(
        [
            "import clipprobe",
            "from clipprobe.neurons import responding",
            *(line for line in picture if line.startswith("from ")),
            "",
            load_line(spec, edits),
            f"atlas = clipprobe.Atlas.load({run!r})",
            *(line for line in picture if not line.startswith("from ")),
            "image = clip.preprocess.to_grid(image)  # as the model sees it",
            f"found = responding(clip, atlas, image{given})",
            "for one in found.units:",
            "    print(one.address, one.value, one.percentile, one.deviations)",
            "",
        ]
    )
