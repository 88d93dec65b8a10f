"""How alike are these images and texts?"""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from PIL import Image
from scipy.special import softmax

from clipprobe.errors import DataError
from clipprobe.models import Clip
from clipprobe.people import refuse_person_groups
from clipprobe.stimuli import concepts
from dashboard import explained, snippets, state
from dashboard.address import SIMILARITY
from dashboard.components import errors_shown
from dashboard.elements import Grid, grid
from dashboard.header import Page, show_page
from dashboard.image_choice import all_uploaded, bundled, choose_uploads
from dashboard.texts import note_cut

COSINES, SHARES, RANKS = (
    "cosine",
    "softmax over the texts",
    "percentile among names of other things",
)
MOST = 24
EXPLAIN_PAGE = "views/explain.py"


def show(page: Page) -> None:
    """The whole page."""
    st.title("How alike are these images and texts?")
    settings, results = st.columns([2, 5], gap="large")
    with settings:
        named = st.multiselect(
            "Bundled images",
            [item.name for item in concepts()],
            default=["apple", "dog", "guitar"],
            key="things",
            bind="query-params",
        )
        uploads = choose_uploads("and yours", "similar_uploads")
        text = st.text_area(
            "Texts, one per line",
            "an apple\na dog\na guitar\na musical instrument",
            key="similar_texts",
            height=140,
            bind="query-params",
        )
        what = st.radio(
            "Show", [COSINES, SHARES, RANKS], key="similar_numbers", bind="query-params"
        )
    page.turn("things", "similar_texts", "similar_numbers")
    with results, errors_shown():
        clip = state.the_model()
        texts = list(dict.fromkeys(filter(None, map(str.strip, text.splitlines()))))
        shown = {name: bundled(clip, name) for name in named}
        shown |= all_uploaded(clip, uploads[:MOST])
        if len(uploads) > MOST:
            st.warning(f"The first {MOST} of your {len(uploads)} images are compared.")
        images = {name: image for name, (image, _) in shown.items()}
        if not images or not texts:
            raise DataError("There is nothing to compare: give at least one image and one text.")
        refuse_person_groups(texts, "this page")
        page.of_model(clip, f"{len(images)} images, {len(texts)} texts")
        given: dict[str, Any] = {
            "model": state.chosen_source(),
            "images": [made for _, made in shown.values()],
            "texts": texts,
        }
        page.python = snippets.similarity_code(**given)
        page.command = snippets.similarity_command(**given)
        note_cut(clip, texts)
        page.say(show_matrix(clip, images, texts, what))


def words_of(value: float, what: str) -> str:
    """A number in its cell."""
    return f"{value:.3f}".replace("-", "−") if what == COSINES else f"{value:.1%}"


def show_matrix(
    clip: Clip, images: dict[str, Image.Image], texts: list[str], what: str
) -> dict[str, Any]:
    """The matrix of numbers; a cell leads to its explanation.

    Returns:
        The numbers.
    """
    vectors = state.image_vectors(clip, list(images.values()))
    encoded = state.text_vectors(clip, tuple(texts))
    cosines = vectors @ encoded.T
    shares = softmax(clip.logits(vectors, encoded).astype(np.float64), axis=1)
    values = {COSINES: cosines, SHARES: shares}
    if what == RANKS:
        values[RANKS] = np.stack(
            [
                explained.percentiles(clip, image, row, texts)[explained.UNRELATED]
                for image, row in zip(images.values(), cosines, strict=True)
            ]
        )
    chosen = grid(
        Grid(
            values=values[what],
            rows=list(images),
            columns=texts,
            images=list(images.values()),
            caption=f"{what.capitalize()} of each image (rows) with each text (columns).",
            texts=[[words_of(value, what) for value in row] for row in values[what]],
            hints=[
                [
                    f"cosine {cosine:.4f}, softmax {share:.1%}"
                    for cosine, share in zip(*rows, strict=True)
                ]
                for rows in zip(cosines, shares, strict=True)
            ],
        ),
        key="similarities",
    )
    if chosen is not None:
        st.session_state["similar cell"] = (list(images)[chosen[0]], texts[chosen[1]])
    name, text = st.session_state.get("similar cell") or ("", "")
    if name in images and text in texts:
        if name in {item.name for item in concepts()}:
            st.page_link(
                EXPLAIN_PAGE,
                label="Explain this score",
                icon=":material/lightbulb:",
                query_params={"concept": name, "explained": text},
            )
        else:
            st.caption("To explain the score of an upload, give the file to the page Explain.")
    st.caption(
        "Cosines of different models, and of different texts, are not on one scale. The percentile "
        f"is the share of {explained.N_NULL} names of other things that fit the image less well. "
        "One image has no interval."
    )
    numbers = {one: matrix.tolist() for one, matrix in values.items()}
    return {"images": list(images), "texts": texts, **numbers}


show_page(SIMILARITY, show)
