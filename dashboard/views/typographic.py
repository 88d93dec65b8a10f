"""What does a written word do to the answer for one image?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import streamlit as st

from attacks.typographic import TypographicAttack
from clipprobe.arrays import softmax
from clipprobe.figures.common import interval_bars
from clipprobe.figures.typographic import TITLES, in_order
from clipprobe.models import Clip
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.zeroshot.classes import Classes
from clipprobe.zeroshot.prompts import check_templates
from dashboard import lab, snippets, state
from dashboard.components import (
    CaptionedImage,
    errors_shown,
    number,
    pictures,
    plain,
    python_expander,
)
from dashboard.lab_widgets import (
    choose_classes,
    choose_lettering,
    choose_picture,
    source_picture,
)
from dashboard.settings import model_spec

N_SHOWN = 6
Floats = npt.NDArray[np.float64]


def show() -> None:
    """The whole page."""
    st.title("What does a written word do to the answer?")
    st.caption(
        "Clean, attacked and two controls in the same place: a blank label hides as much, a "
        "nonsense word looks as much like writing, neither says anything. One image is an "
        "anecdote without an interval; `clipprobe audit typographic` measures a model."
    )
    settings, results = st.columns([2, 5], gap="large")
    with settings:
        source = choose_picture()
        attack_settings = choose_lettering()
        class_text, template_text = choose_classes()
    with results:
        # Fixed places: what is unfolded stays so when a part above is absent or an error stands.
        panel, status = st.container(), st.empty()
        table, code_place = st.expander("All classes"), python_expander()
    with panel, errors_shown():
        clip = state.the_model()
        picture, code, name = source_picture(clip, source)
        attack = TypographicAttack(**attack_settings)
        names, added = lab.with_added(lab.read_classes(class_text), [name, attack.word])
        templates = check_templates(template_text.splitlines())
        refuse_person_groups([*in_sentences(names, templates), attack.word], "the lab")
        classes = Classes(names)
        trial = lab.draw(picture, attack, classes)

        def say_left(left: int) -> None:
            status.info(f"Encoding new classes: {left:,} to come…")

        vectors = state.class_vectors(
            clip,
            names,
            templates,
            say_left,
        )
        status.empty()
        logits = state.logits(clip, list(trial.images.values()), vectors)
        shares = dict(zip(trial.images, softmax(logits), strict=True))
        show_conditions(trial, shares, names)
        show_effect(trial, shares, classes)
        show_chart(shares, names, always=[classes.index(name), classes.index(attack.word)])
        with table:
            show_table(shares, names)
        note_classes(names, added, templates, clip)
        code_place.code(
            snippets.trial_code(
                spec=model_spec(),
                picture=code,
                attack=attack,
                nonsense=trial.nonsense,
                classes=names,
                templates=templates,
                edits=state.edits_of(clip),
            ),
            language="python",
        )


def show_conditions(trial: lab.Trial, shares: dict[str, Floats], names: list[str]) -> None:
    """The images side by side, each with its answer."""
    items = []
    written = {"attack": trial.attack.word, "nonsense": trial.nonsense or ""}
    for name in in_order(trial.images):
        best = int(shares[name].argmax())
        title = TITLES[name] + (f" “{written[name]}”" if name in written else "")
        answer = f"{names[best]}, p {shares[name][best]:.3f}"
        items.append(
            CaptionedImage(
                image=trial.images[name],
                caption=title,
                second=f"→ {answer}",
                alt=f"The image, {title}; the model answers {answer}.",
            )
        )
    pictures(items, columns=4)


def show_effect(trial: lab.Trial, shares: dict[str, Floats], classes: Classes) -> None:
    """The probability of the word with and without meaning, and the difference."""
    target = classes.index(trial.attack.word)
    if target is None:  # a word without a letter or sign that counts cannot be a class
        st.info("The word means none of the classes, so there is no reading effect.")
        return
    word = classes.names[target]
    effect = lab.reading_effect(shares, target)
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
    for place, (name, value, meaning) in zip(st.columns(4), items, strict=True):
        with place:
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


def note_classes(
    names: list[str], added: list[str], templates: tuple[str, ...], clip: Clip
) -> None:
    """What the probabilities are shares of."""
    extra = f", of them added because of image and word: {', '.join(added)}" if added else ""
    st.caption(
        plain(
            f"Softmax over {len(names)} classes{extra}; {len(templates)} prompts each. Drawn at "
            f"the model's size, {clip.image_size} px. {clip.id}"
            + (f" @ {clip.revision}" if clip.revision else "")
            + f", weights {clip.weights_sha256[:12]}."
        )
    )


show()
