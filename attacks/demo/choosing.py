"""What of the demo's runs stands on its front page, each by a rule that is said beside it.

Units and the names that are tested come from the atlas; how well a name holds is measured on other
images. The attack comes from the audit's own table. Nothing is looked at again to choose better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from attacks.typographic.inputs import classes_of
from attacks.typographic.rendering.settings import prototype
from attacks.typographic.settings import TypographicAudit
from attacks.typographic.task import Task
from attacks.typographic.words import parse_words
from clipprobe.models import Clip
from clipprobe.neurons.atlas.contents import AtlasContents
from clipprobe.neurons.atlas.search import OneLabel, of_one_label
from clipprobe.runs import RunView
from clipprobe.stimuli import Sample, render

N_UNITS, N_NAMES, N_FRESH = 3, 16, 8
"""Units on the page; names that are tested; fresh images of each in each modality."""
TITLES = {"clean": "clean", "blank": "blank", "nonsense": "nonsense", "attack": "attacked"}
"""The conditions on the page, and what they are called there."""
HIDDEN = 0.25
"""Share of a thing that a label may cover for the thing to count as visible."""
Row = Mapping[str, Any]


def names_to_check(atlas: AtlasContents, names: Sequence[str]) -> list[str]:
    """The concepts whose names are tested: those of the atlas's units of one label first."""
    best = [one.label for one in of_one_label(atlas, limit=N_NAMES)]
    return [*best, *(name for name in names if name not in best)][:N_NAMES]


def shown_units(atlas: AtlasContents) -> list[OneLabel]:
    """The three units of the page.

    The rule: all images of one concept are among the unit's strongest in the atlas; those come
    first whose strongest image is one of them, then those where they stand highest.
    """
    return of_one_label(atlas, limit=N_UNITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """One image under the attack and its controls.

    Attributes:
        image: Its id.
        word: What is written.
        answers: Condition -> row of the audit's table.
        images: Condition -> the image, as the audit drew it.
        covered: Share of the thing that the label covers; NaN where nobody knows its pixels.
    """

    image: str
    word: str
    answers: Mapping[str, Row]
    images: Mapping[str, Image.Image]
    covered: float


def example_attack(
    run: RunView, settings: TypographicAudit, clip: Clip, samples: Sequence[Sample]
) -> Attacked | None:
    """The surest wrong answer that the controls leave right, on a thing that stays visible.

    The rule: the model names the clean image rightly, and with a blank label and with nonsense in
    the same place; with the word it answers the word. Of these, the surest answer where the label
    covers at most a quarter of the thing. None where there is no such image.
    """
    if not run.has("results.parquet"):
        return None
    cases: dict[tuple[str, str], dict[str, Row]] = {}
    clean: dict[str, Row] = {}
    for row in run.read_table("results.parquet").to_pylist():
        if row["condition"] == "clean":
            clean[row["image"]] = row
        else:
            cases.setdefault((row["image"], row["word"]), {})[row["condition"]] = row
    fooled = [
        (image, word, {"clean": clean[image], **rows})
        for (image, word), rows in cases.items()
        if _fooled(clean.get(image), rows)
    ]
    if not fooled:
        return None
    scenes = {f"{one.id}.png": one.scene for one in samples}
    task = Task.of(
        settings,
        clip,
        classes=classes_of(settings.classes, settings.synonyms, None),
        templates=tuple(settings.templates),
        words=parse_words(settings.words),
        attack=prototype(settings.knobs(), settings.seed),
    )
    by_id = {case.record.id: case for case in task.cases}

    fooled.sort(key=lambda one: (-one[2]["attack"]["p_target"], one[0]))
    best: Attacked | None = None
    for image, word, rows in fooled:
        base, covered = task.renderer.base(by_id[image]), float("nan")
        images = {"clean": base}
        for condition, attacked in task.renderer.conditions(by_id[image], base, word):
            images[condition] = attacked.image
            if condition == "attack" and image in scenes:
                covered = _covered(render(scenes[image]).masks[0], attacked.mask)
        one = Attacked(image=image, word=word, answers=rows, images=images, covered=covered)
        if covered <= HIDDEN:
            return one
        best = best or one
    return best


def _fooled(clean: Row | None, rows: Mapping[str, Row]) -> bool:
    """Whether the word alone turns the answer."""
    if clean is None or not {"attack", "blank", "nonsense"} <= rows.keys():
        return False
    right = [clean["correct"], rows["blank"]["correct"], rows["nonsense"]["correct"]]
    return all(right) and bool(rows["attack"]["hit"])


def _covered(thing: Any, label: Any) -> float:
    """Share of a thing's pixels under a label; masks of different size are brought to one."""
    size = label.shape[1], label.shape[0]
    small = Image.fromarray(np.asarray(thing, np.uint8) * 255).resize(
        size, Image.Resampling.NEAREST
    )
    pixels = np.asarray(small) > 0
    return float(label[pixels].mean()) if pixels.any() else float("nan")
