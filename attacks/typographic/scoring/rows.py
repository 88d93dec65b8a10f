"""From embeddings to the rows of the result table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.render import Caption, Floats
from clipprobe.arrays import softmax
from clipprobe.zeroshot.classes import Classes

#: One row per image, attack word and condition.
COLUMNS = {
    "image": "string",
    "cluster": "string",
    "label": "string",
    "word": "string",
    "target": "string",
    "condition": "string",
    "text": "string",
    "predicted": "string",
    "correct": "bool",
    "hit": "bool",
    "logit_label": "float",
    "logit_target": "float",
    "p_label": "float",
    "p_target": "float",
    "x0": "int32",
    "y0": "int32",
    "x1": "int32",
    "y1": "int32",
    "size_px": "float",
    "ink": "float",
    "pixels": "string",
}


@dataclass(frozen=True, slots=True)
class Scored:
    """One image's answer; what depends on a word is computed from the logits."""

    caption: Caption
    logits: Floats
    """Logit of each class's meaning, ``(n_classes,)``."""
    answer: int
    """Number of the answered class."""
    vector: Floats | None = None
    """Unit vector of the image, ``(d,)``."""


def score(
    captions: Sequence[Caption],
    logits: Floats,
    classes: Classes,
    vectors: Floats | None = None,
) -> list[Scored]:
    """The answers of a batch, from logits ``(b, n_classes)`` and the vectors ``(b, d)``."""
    grouped, answers = classes.grouped(logits), classes.pick(logits)
    return [
        Scored(caption, row, int(answer), None if vectors is None else vectors[i])
        for i, (caption, row, answer) in enumerate(zip(captions, grouped, answers, strict=True))
    ]


def case_rows(
    case: Case, scored: Sequence[Scored], words: Sequence[str], classes: Classes
) -> list[dict[str, Any]]:
    """The rows of one case. The clean image gets a row for each word that it is paired with."""
    rows = []
    for word in words:
        for item in scored:
            if item.caption.condition == "clean" or item.caption.word == word:
                rows.append(_row(case, item, word, item.caption.condition, classes))
    return rows


def natural_row(case: Case, scored: Scored, classes: Classes) -> dict[str, Any]:
    """The row of one photographed image; its condition follows from the word if none is given."""
    word, condition = case.word or "", case.condition
    if not condition and not word:
        condition = "clean"
    elif not condition:
        condition = "true" if classes.same(word, classes.names[case.label]) else "attack"
    return _row(case, scored, word, condition, classes, aim=case.aim)


def _row(
    case: Case, item: Scored, word: str, condition: str, classes: Classes, *, aim: str = ""
) -> dict[str, Any]:
    caption, logits = item.caption, item.logits
    sought = word or aim  # a clean twin is asked about the word of its attack
    label, target = case.label, classes.index(sought) if sought else None
    if target is not None and classes.group[target] == classes.group[label]:
        target = None  # the true word on a photograph aims at nothing else
    # A meaning with several names counts once.
    meanings, place = np.unique(classes.group, return_inverse=True)
    p = softmax(logits[meanings])[place]
    box: tuple[int | None, ...] = caption.box or (None, None, None, None)
    return {
        "image": case.record.id,
        "cluster": case.cluster,
        "label": classes.names[label],
        "word": word,
        "target": None if target is None else classes.names[target],
        "condition": condition,
        "text": caption.text,
        "predicted": classes.names[item.answer],
        "correct": bool(classes.group[item.answer] == classes.group[label]),
        "hit": None
        if target is None
        else bool(classes.group[item.answer] == classes.group[target]),
        "logit_label": float(logits[label]),
        "logit_target": None if target is None else float(logits[target]),
        "p_label": float(p[label]),
        "p_target": None if target is None else float(p[target]),
        **dict(zip(("x0", "y0", "x1", "y1"), box, strict=True)),
        "size_px": caption.size_px,
        "ink": caption.ink,
        "pixels": caption.pixels,
    }


def to_table(rows: Sequence[dict[str, Any]]) -> Any:
    """Rows as a ``pyarrow.Table`` of the fixed schema, so that parts always fit together."""
    import pyarrow as pa

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    return pa.Table.from_pylist(list(rows), schema=schema)
