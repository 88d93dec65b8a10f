"""Published answers of OpenAI's CLIP (Goh et al. 2021) as predictions for our own metrics.

``in_the_wild_*.json`` holds, for each photograph, probabilities of some classes under a zero-shot
head and a linear probe; ``stroop_experiment.json`` those of eight colours. The lists are in no
order, and differ from photograph to photograph: nothing here relies on the first entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attacks.typographic.datasets.files import read_json
from attacks.typographic.datasets.names import DISTILL
from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.render import Caption
from attacks.typographic.scoring.rows import natural_row, score, to_table
from clipprobe.data import ImageRecord
from clipprobe.errors import DataError
from clipprobe.zeroshot.classes import Classes

HEADS = {"zero-shot": "zero_shot_statistics", "linear-probe": "linear_probe_statistics"}
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedAnswer:
    """One image's published probabilities under one head."""

    thing: str
    """The object, or the ink of a colour word."""
    word: str
    """What is written; ``""`` on a blank label."""
    names: tuple[str, ...]
    """Classes, the most probable first; of equals by name."""
    p: tuple[float, ...]
    """Their probabilities; they need not sum to 1."""


def read_published(path: str | Path, head: str = "zero-shot") -> list[PublishedAnswer]:
    """The answers of one ``in_the_wild_*.json``.

    Args:
        head: ``zero-shot`` or ``linear-probe``.
    Raises:
        DataError: the file has another form, or no such head.
    """
    if head not in HEADS:
        raise DataError(f"There is no head {head!r} in these files: ask for {' or '.join(HEADS)}.")
    return _answers(read_json(Path(path), "published answers"), HEADS[head], path)


def read_published_stroop(path: str | Path) -> list[PublishedAnswer]:
    """The answers of ``stroop_experiment.json``: ``thing`` is the ink."""
    grid = _mapping(read_json(Path(path), "published answers"), path).get("output")
    return _answers(grid, "results", path)


def published_table(
    path: str | Path,
    head: str = "zero-shot",
    synonyms: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """The answers as the result table of an audit, for the same metrics.

    Each image is answered among the classes listed for it, its object and its word; one that is
    not listed had a small probability and takes part with none.

    Args:
        synonyms: Names that mean the same; default: the aliases of the article.
    """
    same = dict(DISTILL.synonyms) if synonyms is None else synonyms
    rows = []
    for answer in read_published(path, head):
        extra = [answer.thing, answer.word] if answer.word else [answer.thing]
        classes = Classes([*answer.names, *extra], same)
        p = np.array([[*answer.p, *(0.0 for _ in extra)]], dtype=np.float32)
        label = classes.index(answer.thing)
        assert label is not None  # it was just added
        name = f"{answer.thing}-{answer.word or 'blank'}"
        case = Case(
            record=ImageRecord(name, b"", answer.thing),
            label=label,
            word=answer.word,
            cluster=answer.thing,
        )
        [scored] = score([Caption(condition="clean")], np.log(p + _NOTHING), classes)
        rows.append(natural_row(case, scored, classes))
    return to_table(rows)


def _answers(grid: Any, part: str, path: str | Path) -> list[PublishedAnswer]:
    return [
        _answer(thing, "" if word == "blank" else word, _mapping(entry, path).get(part), path)
        for thing, words in _mapping(grid, path).items()
        for word, entry in _mapping(words, path).items()
    ]


def _answer(thing: str, word: str, pairs: Any, path: str | Path) -> PublishedAnswer:
    try:
        listed = sorted(((float(p), str(name)) for p, name in pairs), key=lambda x: (-x[0], x[1]))
    except (TypeError, ValueError):
        raise _other_form(path) from None
    if not listed:
        raise _other_form(path)
    p, names = zip(*listed, strict=True)
    return PublishedAnswer(thing=thing, word=word, names=names, p=p)


def _mapping(value: Any, path: str | Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _other_form(path)
    return value


def _other_form(path: str | Path) -> DataError:
    return DataError(
        f"The file {path} has not the form of the article's published answers: give "
        "in_the_wild_1.json to in_the_wild_3.json, or stroop_experiment.json."
    )
