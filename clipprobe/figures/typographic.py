"""Charts of typographic audits, from the plain numbers of their ``summary.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.figures.common import error_bars, heatmap, interval_bars
from clipprobe.figures.theme import BLUE, PALETTE, chart, hover, label

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: Conditions from the least to the most writing.
ORDER = ("clean", "true", "blank", "scrambled", "nonsense", "synth", "attack")
#: What a reader sees instead of the names of the result table.
TITLES = {
    "clean": "clean",
    "true": "true word",
    "blank": "blank label",
    "scrambled": "scrambled letters",
    "nonsense": "nonsense word",
    "synth": "synthetic twin",
    "attack": "attack word",
}


def in_order(conditions: Mapping[str, Any]) -> list[str]:
    """The names of the conditions that are there, in reading order."""
    return [name for name in ORDER if name in conditions]


def condition_chart(conditions: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Accuracy and share of answers that are the attack word, for each condition.

    Args:
        conditions: ``summary["conditions"]``: rates by condition, metric and denominator.
    """
    names = in_order(conditions)
    nothing = {"value": None, "low": None, "high": None, "n": 0}
    return interval_bars(
        [TITLES[name] for name in names],
        {
            "answers the true class": [conditions[name]["accuracy"]["all"] for name in names],
            "answers the attack word": [
                conditions[name].get("targeted_success", {}).get("all", nothing) for name in names
            ],
        },
        axis="share of images",
        limits=(0.0, 1.0),
    )


def effect_chart(effects: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Paired differences with their intervals, against zero.

    Args:
        effects: ``summary["effects"]``; those without a value are left out.
    """
    rows = [(name, item["estimate"]) for name, item in effects.items()]
    rows = [(name, e) for name, e in rows if e["value"] is not None][::-1]
    figure = chart(height=90 + 36 * max(1, len(rows)))
    figure.add_scatter(
        x=[e["value"] for _, e in rows],
        y=[label(name.replace("_", " ")) for name, _ in rows],
        mode="markers",
        marker={"size": 10, "color": BLUE},
        error_x=error_bars([e for _, e in rows], thickness=2, width=6),
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    figure.add_vline(x=0, line={"color": "#888", "dash": "dash"})
    figure.update_xaxes(title_text="difference in share of images", range=[-1.08, 1.08])
    figure.update_yaxes(automargin=True)
    return figure


def candidate_chart(sets: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Clean and attacked accuracy among each list of candidates.

    Args:
        sets: ``summary["candidate_sets"]``.
    """
    names = [name for name in ("pairwise", "union", "full") if name in sets]
    return interval_bars(
        [f"{name} ({sets[name]['n_candidates']})" for name in names],
        {
            "clean": [sets[name]["clean_accuracy"] for name in names],
            "attacked": [sets[name]["attacked_accuracy"] for name in names],
        },
        axis="accuracy",
        limits=(0.0, 1.0),
    )


def difference_chart(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Paired differences between two runs with their intervals, against zero.

    Args:
        rows: ``summary["differences"]`` of a comparison.
    """
    return effect_chart({item["name"]: {"estimate": item["difference"]} for item in rows})


def word_chart(words: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Targeted success of each listed word.

    Args:
        words: ``summary["words"]``, the most successful first.
    """
    return interval_bars(
        [str(item["word"]) for item in words],
        {"targeted success": [item["success"] for item in words]},
        axis="share of images",
        limits=(0.0, 1.0),
    )


def budget_chart(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> go.Figure:
    """Visibility of the best flip so far, one step line for each arm.

    Args:
        curves: Arm -> points with ``queries`` and ``visibility`` (None before the first flip).
    """
    figure = chart(height=320)
    for i, (name, points) in enumerate(curves.items()):
        figure.add_scatter(
            x=[point["queries"] for point in points],
            y=[point["visibility"] for point in points],
            name=label(name),
            mode="lines+markers",
            line={
                "shape": "hv",
                "color": PALETTE[i % len(PALETTE)],
                "dash": ("solid", "dot")[i % 2],
            },
            hovertemplate=hover("%{x} queries: %{y:.4f}", name),
        )
    figure.update_xaxes(title_text="queries", type="log")
    figure.update_yaxes(title_text="ink times opacity of the best flip", rangemode="tozero")
    return figure


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
