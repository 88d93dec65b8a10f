"""Charts of a Stroop audit, from the plain numbers of its ``summary.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.figures.common import heatmap, interval_bars

if TYPE_CHECKING:
    import plotly.graph_objects as go


def answer_chart(presentations: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Ink, word and other answers on incongruent cards, and ink answers on control cards.

    Args:
        presentations: ``summary["presentations"]``.
    """
    nothing = {"value": None, "low": None, "high": None, "n": 0}

    def series(kind: str, name: str) -> list[Any]:
        return [part["kinds"].get(kind, {}).get(name, nothing) for part in presentations.values()]

    return interval_bars(
        list(presentations),
        {
            "incongruent: the word": series("incongruent", "word"),
            "incongruent: the ink": series("incongruent", "ink"),
            "incongruent: another": series("incongruent", "other"),
            "control: the ink": series("control", "ink"),
        },
        axis="share of cards",
        limits=(0.0, 1.0),
    )


def matrix_chart(matrix: Mapping[str, Any]) -> go.Figure:
    """Share of word answers minus share of ink answers, ink by word.

    Congruent cells are blank, with the share of right answers: there the word is the ink.

    Args:
        matrix: ``inks``, ``words``, ``says_word`` and ``says_ink``, a cell without cards null.
    """
    word, ink = (np.array(matrix[name], dtype=float) for name in ("says_word", "says_ink"))
    values = word - ink
    marks = []
    for i, name in enumerate(matrix["inks"]):
        if name in matrix["words"]:
            j = matrix["words"].index(name)
            values[i, j] = np.nan
            if not np.isnan(ink[i, j]):
                marks.append((i, j, f"{ink[i, j]:.2f}"))
    return heatmap(
        values,
        rows=[f"{name} ink" for name in matrix["inks"]],
        columns=matrix["words"],
        unit="word minus ink",
        diverging=True,
        marks=marks,
    )
