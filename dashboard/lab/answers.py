"""The answers under every condition: images, numbers, chart and table."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import streamlit as st

from clipprobe.figures.common import interval_bars
from clipprobe.figures.theme import label as label_of
from clipprobe.figures.typographic import TITLES, in_order
from clipprobe.zeroshot.classes import Classes
from dashboard.components import number, picture, plain
from dashboard.lab.trial import Trial, reading_effect

N_SHOWN = 6
LONGEST = 16  # characters of a class below its bars
Floats = npt.NDArray[np.float64]


def show_conditions(trial: Trial, shares: dict[str, Floats], names: list[str]) -> None:
    """The images side by side, each with its answer."""
    written = {"attack": trial.attack.word, "nonsense": trial.nonsense or ""}
    for place, name in zip(st.columns(4), in_order(trial.images), strict=False):
        best = int(shares[name].argmax())
        title = TITLES[name] + (f" “{written[name]}”" if name in written else "")
        answer = f"{names[best]}, p {shares[name][best]:.3f}"
        with place:
            alt = f"The image, {title}; the model answers {answer}."
            picture(trial.images[name], alt, title, f"→ {answer}")


def show_effect(
    trial: Trial, shares: dict[str, Floats], classes: Classes, label: int | None
) -> None:
    """The probability of the word with and without meaning, and the difference."""
    target = classes.index(trial.attack.word)
    if target is None:  # a word without a letter or sign that counts cannot be a class
        st.info("The word means none of the classes, so there is no reading effect.")
        return
    word = classes.names[target]
    if label is not None and classes.group[label] == classes.group[target]:
        st.info("The word says what the image shows: reading it is no mistake here.")
    effect = reading_effect(shares, target)
    items = [
        (
            f"p({word}), {TITLES[name]}",
            f"{shares[name][target]:.3f}" if name in shares else "undefined",
            "",
        )
        for name in ("clean", "attack", "nonsense")
    ]
    items.append(
        (
            "Reading effect",
            "undefined" if effect is None else f"{effect:+.3f}".replace("-", "−"),
            "p of the word with the attack word, minus p of it with the nonsense word.",
        )
    )
    for column, (name, value, meaning) in zip(st.columns(4), items, strict=True):
        with column:
            number(name, value, "", help=meaning)
    if effect is None:
        st.caption(
            f"No nonsense word can be made from “{plain(trial.attack.word)}” by exchanging its "
            "letters, so the effect of reading cannot be told from that of clutter."
        )
    else:
        st.caption("n = 1 image, so no interval: it says nothing of other images or words.")


def show_chart(shares: dict[str, Floats], names: list[str], *, always: list[int | None]) -> None:
    """The likeliest classes under every condition, what is shown and written among them.

    Args:
        always: Numbers of the classes that are shown however unlikely they are.
    """
    ordered = in_order(shares)
    peak = np.max([shares[name] for name in ordered], axis=0)
    first = [i for i in always if i is not None]
    likely = np.argsort(-peak, kind="stable").tolist()
    candidates = list(dict.fromkeys([*first, *likely]))[:N_SHOWN]
    figure = interval_bars(
        [names[i] for i in candidates],
        {
            TITLES[name]: [
                {"value": float(shares[name][i]), "low": None, "high": None, "n": 1}
                for i in candidates
            ]
            for name in ordered
        },
        axis="probability",
        limits=(0.0, 1.0),
        height=340,
    )
    figure.update_traces(error_y_visible=False)
    ticks = [names[i] if len(names[i]) <= LONGEST else f"{names[i][: LONGEST - 1]}…"
             for i in candidates]  # fmt: skip
    figure.update_xaxes(
        tickvals=list(range(len(ticks))), ticktext=[label_of(one) for one in ticks], tickangle=0
    )
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    sentence = "; ".join(
        f"{TITLES[name]}: {names[int(shares[name].argmax())]} {shares[name].max():.3f}"
        for name in ordered
    )
    st.plotly_chart(figure, alt=f"Probabilities of the likeliest classes. {sentence}.", key="bars")


def show_table(shares: dict[str, Floats], names: list[str]) -> None:
    """Every class under every condition."""
    ordered = in_order(shares)
    st.dataframe(
        {"class": names} | {TITLES[name]: shares[name] for name in ordered},
        hide_index=True,
        column_config={
            TITLES[name]: st.column_config.NumberColumn(format="%.4f") for name in ordered
        },
        alt="Probability of every class under every condition",
        key="all_classes",
    )
