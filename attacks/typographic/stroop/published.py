"""The Stroop experiment of Goh et al. 2021 as rows of our own result table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attacks.typographic.published import read_published_stroop


def published_stroop_rows(path: str | Path, *, control: str = "example") -> list[dict[str, Any]]:
    """One row for each published card of ``stroop_experiment.json``.

    Raises:
        DataError: the file has another form.
    """
    rows = []
    for answer in read_published_stroop(path):
        p = dict(zip(answer.names, answer.p, strict=True))
        kind = "congruent" if answer.word == answer.thing else "incongruent"
        rows.append(
            {
                "card": f"{answer.thing}_{answer.word}",
                "presentation": "upright",
                "kind": "control" if answer.word == control else kind,
                "ink": answer.thing,
                "word": answer.word,
                "variant": 0,
                "ink_answer": answer.names[0],
                "p_ink": p.get(answer.thing),
                "p_word": p.get(answer.word),
                "word_answer": None,
                "p_read": None,
            }
        )
    return rows
