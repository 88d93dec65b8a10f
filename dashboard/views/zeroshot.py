"""What is this image called, how sure is that, and where does the model fail?"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from clipprobe.errors import DataError
from clipprobe.models import Clip
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.report import Section
from clipprobe.runs import RunView
from dashboard import explained, one_image, snippets, state
from dashboard.address import ZEROSHOT
from dashboard.blocks import show_sections
from dashboard.components import choose_part, errors_shown, plain
from dashboard.header import Page, show_page
from dashboard.image_choice import all_uploaded, choose_picture, choose_uploads, source_picture
from dashboard.lab.trial import MAX_WORD
from dashboard.lab.widgets import choose_classes
from dashboard.one_image import Answers, Calibration
from dashboard.one_image_panels import show_answer, show_bars, show_rival, show_table
from dashboard.runs import choose_run, find_runs
from dashboard.settings import as_typed, runs_folder
from dashboard.texts import checked_classes, note_cut

PAGE = "the page Zero-shot & limits"
ONE, RUNS = "One image", "Runs"
NEVER, BUNDLED, OWN = "no", "bundled things", "my images"
#: Kind of run -> the module whose ``sections_of`` makes its report. A text below it would be shown.
REPORTS: Mapping[str, str] = {
    "zeroshot": "clipprobe.zeroshot.accuracy.report",
    "few-shot": "clipprobe.zeroshot.few_shot.report",
    "limits": "clipprobe.zeroshot.limits.report",
    "carriers": "clipprobe.zeroshot.carriers.report",
}


def show(page: Page) -> None:
    """The whole page."""
    st.title("What is it called, how sure is that, and where does it fail?")
    part = choose_part("Look at", [ONE, RUNS], "part")
    page.address = replace(page.address, part=part)
    if part == RUNS:
        show_runs(page)
    else:
        show_one(page)


def show_one(page: Page) -> None:
    """One image among the classes of the user."""
    settings, results = st.columns([2, 5], gap="large")
    with settings:
        source = choose_picture()
        class_text, template_text = choose_classes()
        rival = st.text_input(
            "Add a rival", key="rival", max_chars=MAX_WORD, placeholder="wolf",
            bind="query-params",
            help="One more class: what does it take from the others?",
        )  # fmt: skip
        st.subheader("None of these", anchor=False)
        known = st.radio(
            "Calibrate on", [NEVER, BUNDLED, OWN], key="calibrate", horizontal=True,
            bind="query-params",
            help="On images that show none of the classes: at most 5 % of such images are "
            "answered. It holds for images like those, and for no others.",
        )  # fmt: skip
        label = "Images that show none of the classes, each another thing"
        uploads = choose_uploads(label, "unknown") if known == OWN else []
    with results:
        panel, status = st.container(), st.empty()
    page.turn("concept", "style", "classes", "templates", "rival", "calibrate")
    with panel, errors_shown():
        clip = state.the_model()
        image, made, _ = source_picture(clip, source)
        page.of_model(clip, made.title)
        names, templates = checked_classes(
            class_text, template_text, page=PAGE, audit="clipprobe audit zeroshot"
        )
        rivals = [rival] if rival and rival.strip() else []
        refuse_person_groups(in_sentences(rivals, templates), PAGE)
        note_cut(clip, [*names, *rivals], templates)

        def say_left(left: int) -> None:
            status.info(f"Encoding new classes: {left:,} to come…")

        given: dict[str, Any] = {
            "model": state.chosen_source(),
            "classes": names,
            "templates": templates,
        }
        page.python = snippets.zeroshot_code(image=made, n_null=explained.N_NULL, **given)
        page.command = snippets.sentences_command(images=[made], **given)
        vector = state.image_vectors(clip, [image])[0]
        found = one_image.answers(clip, vector, names, templates, say_left)
        status.empty()
        page.say(found.to_json())
        calibration: Calibration | None = None
        with errors_shown():  # without a calibration the scores are there all the same
            calibration = calibrated(clip, found, templates, known, uploads)
        show_answer(image, found, calibration)
        show_bars(found, calibration)
        show_table(clip, image, found, templates, calibration)
        for one in rivals:
            with errors_shown():
                rival = one_image.new_rival(one, names)
                after = one_image.answers(clip, vector, [*names, rival], templates, say_left)
                status.empty()
                show_rival(found, after)


def calibrated(
    clip: Clip, found: Answers, templates: tuple[str, ...], known: str, uploads: Any
) -> Calibration | None:
    """When not to answer; None where it was not asked."""
    if known == NEVER:
        return None
    vectors = one_image.class_table(clip, found.names, templates)
    if known == BUNDLED:
        unknown, own = one_image.bundled_things(clip, found.names)
        return one_image.calibrate(vectors, unknown, "bundled things", own)
    images = [image for image, _ in all_uploaded(clip, uploads).values()]
    none = np.zeros((0, clip.d_embed), np.float32)
    rows = state.image_vectors(clip, images) if images else none
    return one_image.calibrate(vectors, rows, "your images")


def show_runs(page: Page) -> None:
    """The runs of the audits of zero-shot, few-shot, limits and carriers."""
    runs = [item for item in find_runs(runs_folder()) if item.run and item.run.kind in REPORTS]
    if not runs:
        st.info(
            f"No run of these audits in {plain(as_typed(runs_folder()))}: "
            "`clipprobe audit zeroshot`, `few-shot`, `limits` and `carriers` make them, and "
            "`clipprobe demo` makes some."
        )
        return
    run = choose_run(runs, label="Run", key="zeroshot_run")
    if run is None:
        return
    page.about_run(run, str(st.session_state["zeroshot_run"]))
    page.chips["Kind"] = run.kind
    with errors_shown():
        show_sections(sections(run), key=run.path.as_posix())


def sections(run: RunView) -> list[Section]:
    """What the report of a run says.

    Raises:
        DataError: the run was made by a version whose summary has another form.
    """
    make: Callable[[Any], list[Section]] = importlib.import_module(REPORTS[run.kind]).sections_of
    try:
        return make(run.summary)
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(
            f"The summary of {run.path.name} has another form than this version reads ({error!r}): "
            "its own report is on the page Reports."
        ) from error


show_page(ZEROSHOT, show)
