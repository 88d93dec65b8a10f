"""One image of an explanation, worked out: what it was answered, and where its heads look."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from attacks.typographic.reading.measure import head_name
from attacks.typographic.reading.measurements import Measurements, causal
from attacks.typographic.reading.pairs import CONDITIONS, Drawer, ImageConditions
from clipprobe.figures.attribution import overlay
from clipprobe.figures.typographic import TITLES
from clipprobe.report import Block, Images, Paragraph, Table

_SHOWN_HEADS = 4
_SIDE = 224  # small images are enlarged to about this, their pixels kept


def worked_image(data: Measurements, drawer: Drawer, grid: tuple[int, int]) -> list[Block]:
    """The image of the confirming half whose margin rose most, with its heads' attention."""
    rows = np.flatnonzero(~data.chooses)
    row = int(rows[np.argmax(data.change()[rows])])
    planned = data.planned[row]
    images = drawer.all_of([planned])[0]
    names = data.classes.names
    answers = data.arrays["answer"][row]
    panels = [
        (_large(images.images[kind]), f"{TITLES[kind]}: “{names[answers[i]]}”")
        for i, kind in enumerate(CONDITIONS)
    ]
    n_units = data.n_blocks * data.n_heads
    effects = causal(data.arrays["heads"].reshape(len(data.planned), 2, 2, n_units))[row]
    top = [divmod(int(i), data.n_heads) for i in np.argsort(-effects, kind="stable")]
    top = top[:_SHOWN_HEADS]
    blocks: list[Block] = [
        Paragraph(
            f"An image of “{names[planned.label]}” with “{planned.word}” on it "
            f"({planned.case.record.id}): the margin rises by {data.change()[row]:.2f} logits."
        ),
        Images(panels, columns=4),
    ]
    if not np.isnan(data.attention("attack")).any():
        blocks.append(Images(_overlays(data, drawer, images, grid, row, top), columns=4))
    blocks.append(
        Table(
            ["head", "put in, logits", "taken back, logits", "direct, logits", "attention on ink"],
            [
                [head_name(*head), *(float(v) for v in data.arrays["heads"][row, 0, :, *head]),
                 float(data.arrays["direct"][row, 0, *head]),
                 _or_none(data.attention("attack")[row][head])]
                for head in top
            ],
            "The heads with the largest causal effect on this image.",
        )
    )  # fmt: skip
    return blocks


def _overlays(
    data: Measurements,
    drawer: Drawer,
    images: ImageConditions,
    grid: tuple[int, int],
    row: int,
    heads: list[tuple[int, int]],
) -> list[tuple[Any, str]]:
    """Class-token attention of some heads over the attacked image, and the ink's patches."""
    from clipprobe.tracing.streams import Streams

    acts = Streams(drawer.clip, cls=True).acts(drawer.pixels([images], "attack"))
    attacked = _large(images.images["attack"])
    panels: list[tuple[Any, str]] = [
        (overlay(attacked, images.ink.reshape(grid).astype(float)), "patches with ink")
    ]
    for block, head in heads:
        pattern = acts.pattern[block][0, head, 1:].double().cpu().numpy().reshape(grid)
        share = data.attention("attack")[row, block, head]
        panels.append((overlay(attacked, pattern), f"{head_name(block, head)}: {share:.2f} on ink"))
    return panels


def _large(image: Image.Image) -> Image.Image:
    factor = max(1, _SIDE // max(image.size))
    size = (image.width * factor, image.height * factor)
    return image.resize(size, Image.Resampling.NEAREST)


def _or_none(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
