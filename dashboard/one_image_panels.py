"""What the page of one image shows: the answer, bars, the table of classes, a rival."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from clipprobe.figures.common import interval_bars
from clipprobe.figures.theme import BLUE
from clipprobe.models import Clip
from dashboard import explained
from dashboard.blocks import SHOWN_WHOLE
from dashboard.components import number, picture, plain
from dashboard.one_image import ALPHA, Answers, Calibration

N_SHOWN = 6
AMONG = {
    "letter strings": "among letters",
    "words that do not exist": "among non-words",
    explained.UNRELATED: "among other things",
}
"""Kind of null text -> the head of its column."""


def show_answer(image: Image.Image, found: Answers, calibration: Calibration | None) -> None:
    """The image, the answer, its margin, and what the prompts do to both."""
    left, right = st.columns([1, 3], gap="medium")
    name = found.names[found.best]
    with left:
        picture(image, "The image", "as the model sees it")
    shares = found.shares_alone[:, found.best]
    n = len(shares)
    margin, low, high = found.margin()
    answered = calibration is None or found.cosines[found.best] > calibration.threshold
    with right:
        places = st.columns(3)
        with places[0]:
            number(
                "Answer",
                name if answered else "none of these",
                "" if answered else f"the best class is {name}",
            )
        with places[1]:
            number(
                "Share",
                f"{found.shares[found.best]:.3f}",
                f"{shares.min():.3f} to {shares.max():.3f} over {n} prompts",
                help="Softmax over the classes: it says nothing of what is not on the list.",
            )
        with places[2]:
            number(
                "Margin, logits",
                f"{margin:.2f}",
                f"{low:.2f} to {high:.2f} over {n} prompts".replace("-", "−"),
                help="Logit of the answer less that of the best other class; below 0: that prompt "
                "alone gives another answer.",
            )
        st.caption(
            f"{found.agreeing} of {n} prompts alone give this answer. One image has no interval: "
            "the ranges are the spread over the prompts."
        )
        if calibration is not None:
            st.caption(plain(in_words(calibration, float(found.cosines[found.best]))))


def in_words(calibration: Calibration, cosine: float) -> str:
    """What abstention does here, and how well it keeps its promise."""
    side = "above" if cosine > calibration.threshold else "not above"
    text = (
        f"The best cosine, {cosine:.3f}, is {side} {calibration.threshold:.3f}: at most "
        f"{ALPHA:.0%} of images like those of the calibration ({calibration.n} of "
        f"{calibration.source} that no class names) get there."
    )
    parts = [
        (calibration.unknown_answered, "of other such images are answered, measured on halves"),
        (calibration.known_answered, "of bundled images of the classes are answered"),
    ]
    for estimate, meaning in parts:
        if estimate is not None:
            text += (
                f" {estimate.value:.0%} [{estimate.low:.0%}, {estimate.high:.0%}], "
                f"n={estimate.n}, {meaning}."
            )
    return text


def show_bars(found: Answers, calibration: Calibration | None) -> None:
    """Cosines of the likeliest classes with their spread, and the threshold as a row beside."""
    order = np.argsort(-found.logits, kind="stable")[:N_SHOWN]
    rows: list[dict[str, Any]] = [
        {
            "value": float(found.cosines[i]),
            "low": float(min(found.alone[:, i].min(), found.cosines[i])),
            "high": float(max(found.alone[:, i].max(), found.cosines[i])),
            "n": len(found.alone),
        }
        for i in order
    ]
    names = [found.names[i] for i in order]
    if calibration is not None:
        names.append("none of these")
        rows.append({"value": calibration.threshold, "low": None, "high": None, "n": calibration.n})
    figure = interval_bars(names, {"cosine": rows}, axis="cosine", height=320)
    figure.update_traces(error_y_color="#808080")  # seen in both themes
    if calibration is not None:
        figure.update_traces(marker_color=[BLUE] * (len(names) - 1) + ["#888888"])
        figure.add_hline(y=calibration.threshold, line_dash="dash")
    sentence = "; ".join(
        f"{name} {row['value']:.3f}" for name, row in zip(names, rows, strict=True)
    )
    st.plotly_chart(figure, alt=f"Cosines of the likeliest classes. {sentence}.", key="bars")
    st.caption(
        f"Bars: all prompts together. Lines: the least and the largest of {len(found.alone)} "
        "prompts alone."
        + (
            ""
            if calibration is None
            else " None of these: an answer must be above the dashed line."
        )
    )


def show_table(
    clip: Clip,
    image: Image.Image,
    found: Answers,
    templates: tuple[str, ...],
    calibration: Calibration | None,
) -> None:
    """Every class, with its percentile among texts that say nothing of the image."""
    ranks = explained.percentiles(
        clip, image, found.cosines.tolist(), found.names, templates=templates
    )
    order = np.argsort(-found.logits, kind="stable")
    shares, alone = found.shares, found.shares_alone
    table: dict[str, list[Any]] = {
        "class": [found.names[i] for i in order],
        "cosine": found.cosines[order].tolist(),
        "share": shares[order].tolist(),
        "least share": alone.min(axis=0)[order].tolist(),
        "largest share": alone.max(axis=0)[order].tolist(),
    }
    table |= {AMONG[kind]: values[order].tolist() for kind, values in ranks.items()}
    if calibration is not None:  # where it stands among the classes
        place = int((found.cosines > calibration.threshold).sum())
        row = {"class": "none of these", "cosine": calibration.threshold}
        for name, column in table.items():
            column.insert(place, row.get(name))
    formats = {"cosine": "%.3f"} | dict.fromkeys(list(table)[2:], "percent")
    st.dataframe(
        table, hide_index=True, key="all_classes",
        height="content" if len(order) <= SHOWN_WHOLE else "auto",
        column_config={"class": st.column_config.TextColumn(width=120)}
        | {name: st.column_config.NumberColumn(format=form) for name, form in formats.items()},
        placeholder="–",
        alt="Every class: cosine, share, its range over the prompts, percentiles",
    )  # fmt: skip
    st.caption(
        f"Among: the share of {explained.N_NULL} texts of that kind (letter strings, words that do "
        "not exist, names of other things), in the same prompts, that fit the image less well "
        "(`clipprobe.score_null`). A description and not a p: the best of many classes beats one "
        "such text by selection alone."
    )


def show_rival(found: Answers, after: Answers) -> None:
    """What one more class takes from the others."""
    rival = after.names[-1]
    st.subheader(plain(f"With “{rival}” among the answers"), anchor=False)
    name, now = found.names[found.best], after.names[after.best]
    share, left = found.shares[found.best], after.shares[found.best]
    st.markdown(
        plain(
            f"{rival} gets {after.shares[-1]:.3f}. {name} had {share:.3f} and has {left:.3f}, "
            + (f"and the answer becomes {now}." if now != name else "and stays the answer.")
        )
    )
    order = np.argsort(-after.logits, kind="stable")[:N_SHOWN]
    before = [*(f"{share:.1%}" for share in found.shares), "–"]
    st.dataframe(
        {
            "class": [after.names[i] for i in order],
            "share without it": [before[i] for i in order],
            "share with it": [f"{after.shares[i]:.1%}" for i in order],
        },
        hide_index=True,
        key="rival_table",
        alt="Shares of the likeliest classes without and with the rival",
    )  # fmt: skip
