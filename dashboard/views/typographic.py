"""What does a written word do to the answer for one image?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import streamlit as st

from attacks.typographic import TypographicAttack
from attacks.typographic.reading.repair import Contest
from clipprobe.arrays import softmax
from clipprobe.errors import ClipprobeError
from clipprobe.figures.common import interval_bars
from clipprobe.figures.theme import label as label_of
from clipprobe.figures.typographic import TITLES, in_order
from clipprobe.models import Clip
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.zeroshot.classes import Classes
from clipprobe.zeroshot.prompts import check_templates
from dashboard import lab, repairing, snippets, state
from dashboard.components import (
    CaptionedImage,
    errors_shown,
    number,
    pictures,
    plain,
    python_expander,
)
from dashboard.elements import place
from dashboard.lab_repair import Plan, show_repair, show_why
from dashboard.lab_search import show_search
from dashboard.lab_widgets import (
    SIZES,
    choose_classes,
    choose_lettering,
    choose_picture,
    place_at,
    source_picture,
)

N_SHOWN = 6
LONGEST = 16  # characters of a class below its bars
ANSWERS, WHY, LEAST = "Answers", "Why, and repair", "Least text"
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
    with settings, st.container(key="lab-settings"):
        source = choose_picture()
        stage = st.container()
        attack_settings = choose_lettering()
        class_text, template_text = choose_classes()
    with results:
        # Fixed places: what is unfolded stays so when a part above is absent or an error stands.
        panel, status = st.container(), st.empty()
        table, code_place = st.expander("All classes"), python_expander()
    with panel, errors_shown():
        clip = state.the_model()
        picture, code, name = source_picture(clip, source)
        try:
            attack = TypographicAttack(**attack_settings)
            names, added = lab.with_added(lab.read_classes(class_text), [name, attack.word])
            templates = check_templates(template_text.splitlines())
            refuse_person_groups([*in_sentences(names, templates), attack.word], "the lab")
            classes = Classes(names)
            trial = lab.draw(picture, attack, classes)
        except ClipprobeError:  # what it is about stays in sight
            alt = "The image as the model sees it"
            pictures([CaptionedImage(image=picture, caption="clean", alt=alt)], columns=4)
            raise
        with stage:
            place(
                trial.images["attack"],
                attack.word,
                trial.box,
                size=attack.size,
                sizes=SIZES,
                alt=f"The image with the word {attack.word}, which can be dragged",
                key="stage",
                on_place=place_at,
            )

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
        with st.container(key="lab-conditions"):
            show_conditions(trial, shares, names)
        label = classes.index(name) if name else int(shares["clean"].argmax())
        part = st.segmented_control(
            "Part of the page",
            [ANSWERS, WHY, LEAST],
            default=ANSWERS,
            key="part",
            required=True,
            label_visibility="collapsed",
            bind="query-params",
        )
        plan: Plan | None = None
        if part == WHY:
            plan = show_circuit(clip, trial, classes, vectors, label, templates, say_left)
        elif part == LEAST:
            if label is None:
                st.info("The image shows none of the classes, so there is no answer to flip.")
            else:
                mark = f"{state.identity(clip)} {names} {templates} {label} {state.pixels(picture)}"
                own = names[label]
                show_search(clip, trial.images["clean"], attack, names, own, templates, mark)
        else:
            show_effect(trial, shares, classes, label)
            show_chart(shares, names, always=[label, classes.index(attack.word)])
        with table:
            show_table(shares, names)
        note_classes(names, added, templates, clip)
        code_place.code(
            snippets.trial_code(
                spec=state.chosen_spec(),
                picture=code,
                attack=attack,
                nonsense=trial.nonsense,
                classes=names,
                templates=templates,
                edits=state.edits_of(clip),
                repair=None if plan is None else plan.said,
            ),
            language="python",
        )


def show_circuit(
    clip: Clip,
    trial: lab.Trial,
    classes: Classes,
    vectors: npt.NDArray[np.float32],
    label: int | None,
    templates: tuple[str, ...],
    say_left: Callable[[int], None],
) -> Plan | None:
    """Why the word is read on this image, and what undoes it."""
    target = classes.index(trial.attack.word)
    if target is None or label is None:
        st.info("The word means none of the classes, so there is no answer that it stands for.")
        return None
    if classes.group[target] == classes.group[label]:
        st.info("The word says what the image shows, so there is nothing to explain or repair.")
        return None
    contest = Contest(classes=classes, vectors=vectors, label=label, target=target)
    one = repairing.Attacked(
        clip=clip,
        clean=trial.images["clean"],
        attack=trial.images["attack"],
        contest=contest,
        key=repairing.question_key(clip, contest, templates),
    )
    show_why(one)
    return show_repair(
        one, lambda model: state.class_vectors(model, classes.names, templates, say_left)
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


def show_effect(
    trial: lab.Trial, shares: dict[str, Floats], classes: Classes, label: int | None
) -> None:
    """The probability of the word with and without meaning, and the difference."""
    target = classes.index(trial.attack.word)
    if target is None:  # a word without a letter or sign that counts cannot be a class
        st.info("The word means none of the classes, so there is no reading effect.")
        return
    word = classes.names[target]
    if label is not None and classes.group[label] == classes.group[target]:
        st.info("The word says what the image shows: reading it is no mistake here.")
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
