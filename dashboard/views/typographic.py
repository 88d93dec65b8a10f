"""What does a written word do to the answer for one image?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from attacks.typographic import TypographicAttack
from attacks.typographic.reading.repair import Contest
from clipprobe.arrays import softmax
from clipprobe.errors import ClipprobeError
from clipprobe.models import Clip
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.zeroshot.classes import Classes
from dashboard import snippets, state
from dashboard.address import LAB
from dashboard.components import choose_part, errors_shown, picture, plain
from dashboard.elements import place
from dashboard.header import Page, show_page
from dashboard.image_choice import choose_picture, source_picture
from dashboard.lab import computed
from dashboard.lab import trial as lab
from dashboard.lab.answers import show_chart, show_conditions, show_effect, show_table
from dashboard.lab.repair import EDITS, FACTOR, UNITS, Plan, show_repair
from dashboard.lab.search import Question, show_search
from dashboard.lab.why import HEADS, show_why
from dashboard.lab.widgets import KNOBS, SIZES, choose_classes, choose_lettering, place_at
from dashboard.texts import checked_classes, note_cut

PAGE = "the lab"
ANSWERS, WHY, LEAST = "Answers", "Why, and repair", "Least text"
#: Part of the page -> its widgets that are in the address.
PARTS = {WHY: (HEADS, UNITS, FACTOR, EDITS), LEAST: ("budget",)}


def show(page: Page) -> None:
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
        table = st.expander("All classes")
    page.turn(*KNOBS)
    with panel, errors_shown():
        clip = state.the_model()
        base, made, name = source_picture(clip, source)
        page.of_model(clip, made.title)
        try:
            attack = TypographicAttack(**attack_settings)
            listed, templates = checked_classes(
                class_text, template_text, page=PAGE, audit="clipprobe audit typographic"
            )
            names, added = lab.with_added(listed, [name, attack.word])
            refuse_person_groups([*in_sentences(added, templates), attack.word], PAGE)
            classes = Classes(names)
            trial = lab.draw(base, attack, classes)
        except ClipprobeError:  # what it is about stays in sight
            with st.columns(4)[0]:
                picture(base, "The image as the model sees it", "clean")
            raise
        note_cut(clip, names, templates)
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

        vectors = state.class_vectors(clip, names, templates, say_left)
        status.empty()
        logits = state.logits(clip, list(trial.images.values()), vectors)
        shares = dict(zip(trial.images, softmax(logits), strict=True))
        with st.container(key="lab-conditions"):
            show_conditions(trial, shares, names)
        label = classes.index(name) if name else int(shares["clean"].argmax())
        part = choose_part("Part of the page", [ANSWERS, WHY, LEAST], "part")
        page.address = replace(page.address, part=part)
        page.turn(*PARTS.get(part, ()))
        plan: Plan | None = None
        if part == WHY:
            plan = show_circuit(clip, trial, classes, vectors, label, templates, say_left)
        elif part == LEAST:
            if label is None:
                st.info("The image shows none of the classes, so there is no answer to flip.")
            else:
                show_search(
                    Question(
                        clip=clip,
                        clean=base,
                        attack=attack,
                        names=names,
                        label=names[label],
                        templates=templates,
                    )
                )
        else:
            show_effect(trial, shares, classes, label)
            show_chart(shares, names, always=[label, classes.index(attack.word)])
        with table:
            show_table(shares, names)
        note_classes(names, added, templates, clip)
        given: dict[str, Any] = {
            "model": state.chosen_source(),
            "image": made,
            "attack": attack,
            "classes": names,
            "templates": templates,
        }
        page.python = snippets.trial_code(
            nonsense=trial.nonsense, repair=None if plan is None else plan.said, **given
        )
        page.command = snippets.trial_command(**given)
        answers = {one: dict(zip(names, row.tolist(), strict=True)) for one, row in shares.items()}
        page.say({"attack": attack.to_json(), "nonsense": trial.nonsense, "shares": answers})


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
    one = computed.Attacked(
        clip=clip,
        clean=trial.images["clean"],
        attack=trial.images["attack"],
        contest=contest,
        templates=templates,
    )
    above = st.container()
    plan = show_repair(
        one, lambda model: state.class_vectors(model, classes.names, templates, say_left)
    )
    with above:  # after the widgets that say which heads are out
        show_why(one)
    return plan


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


show_page(LAB, show)
