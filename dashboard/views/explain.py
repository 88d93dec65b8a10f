"""Why does this image get this score?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st
from PIL import Image

from clipprobe.attribution.explanation import Explanation
from clipprobe.attribution.faithfulness import ImageFaithfulness
from clipprobe.attribution.page import faithfulness_section
from clipprobe.attribution.registry import METHODS, supported_methods
from clipprobe.attribution.terminal import faithful_words, numbers
from clipprobe.models import Clip
from clipprobe.people import refuse_person_groups
from dashboard import explained, snippets, state
from dashboard.address import EXPLAIN
from dashboard.blocks import show_sections
from dashboard.components import errors_shown, number, plain
from dashboard.elements import Panel, coloured_words, heat
from dashboard.faithful import ask_faithfulness
from dashboard.header import Page, show_page
from dashboard.image_choice import choose_picture, source_picture
from dashboard.texts import note_cut

FIRST = ("head_tokens", "keep_only", "grad_eclip", "maskclip", "integrated_gradients", "random")
N_PARTS = 12


def show(page: Page) -> None:
    """The whole page."""
    st.title("Why does this image get this score?")
    settings, results = st.columns([2, 5], gap="large")
    with settings:
        source = choose_picture()
        st.subheader("Score", anchor=False)
        target = st.text_input(
            "With the text, or of the unit",
            "an apple",
            key="explained",
            bind="query-params",
            help="A text; or the address of a unit, such as vision.blocks.3.mlp.post:17.",
        )
        against = st.text_area(
            "Against other texts, one per line", key="against", height=70, bind="query-params"
        )
        centre = st.toggle(
            "Less the mean text",
            value=True,
            key="centre",
            bind="query-params",
            help="What most texts share is subtracted: maps then show what this text adds.",
        )
    page.turn("concept", "style", "explained", "against", "centre")
    with results, errors_shown():
        clip = state.the_model()
        image, made, _ = source_picture(clip, source)
        page.of_model(clip, made.title)
        unit = not isinstance(explained.as_target(target), str)
        if not unit:
            refuse_person_groups([target, *against.splitlines()], "this page")
        names = supported_methods(clip, unit=unit)
        methods = st.multiselect(
            "Methods",
            names,
            default=[name for name in FIRST if name in names],
            key="unit_methods" if unit else "methods",
            bind="query-params",
        )
        page.turn("unit_methods" if unit else "methods")
        options: dict[str, Any] = {} if unit else {
            "against": tuple(filter(None, map(str.strip, against.splitlines()))),
            "centre": centre,
        }  # fmt: skip
        if not unit:
            note_cut(clip, [target, *options["against"]])
        call = snippets.ExplainCall(
            model=state.chosen_source(),
            image=made,
            target=target,
            methods=methods,
            options=options,
        )
        page.python, page.command = call.code(), call.command()
        show_score(clip, image, target, unit)
        place, found, faithful = show_maps(clip, image, target, methods, options)
        page.say(
            {
                "maps": [numbers(one) for one in found],
                "faithfulness": None if faithful is None else faithful.to_json(),
            }
        )
        if faithful is not None:
            call = replace(call, faithful=True)
            page.python, page.command = call.code(), call.command()
            show_sections([faithfulness_section(faithful)], key="faithfulness")
        if not unit:
            show_words(clip, image, target, place)
            show_parts(clip, image, target)


def show_score(clip: Clip, image: Image.Image, target: str, unit: bool) -> None:
    """The image, the score, and where it lies among scores that mean nothing."""
    left, right = st.columns([1, 4])
    left.image(image, width=150, alt="The image as the model sees it")
    with right:
        if unit:
            st.caption("The activation of a unit, the largest over its tokens.")
            return
        cosine = explained.cosine(clip, image, target)
        ranks = explained.percentiles(clip, image, [cosine], [target])
        words = ", ".join(f"{float(rank[0]):.0%} of {kind}" for kind, rank in ranks.items())
        number("Cosine of the image with the text", f"{cosine:.3f}", f"higher than {words}")
        st.caption(
            "n = 1 image, no interval. The percentiles describe the score; they are not a p."
        )


def show_maps(
    clip: Clip, image: Image.Image, target: str, methods: list[str], options: dict[str, Any]
) -> tuple[tuple[float, float] | None, list[Explanation], ImageFaithfulness | None]:
    """Every method's map with one cursor, each with how faithful it is, where that was measured.

    Returns:
        The place that was chosen, kept until another is, what the methods found, and how faithful
        their maps are.
    """
    if not methods:
        st.info("Choose at least one method.")
        return None, [], None
    with st.spinner(f"Explaining by {len(methods)} methods…"):
        results = explained.explanations(clip, image, target, methods, **options)
    above = st.container()
    faithful: ImageFaithfulness | None = None
    with errors_shown():  # the maps are there all the same
        faithful = ask_faithfulness(clip, image, target, list(results.values()))
    beside = {} if faithful is None else {
        one.method: faithful_words(one, faithful.random.n) for one in faithful.maps
    }  # fmt: skip
    panels = [
        Panel(
            title=METHODS[name].title,
            values=one.map,
            unit=one.units,
            note=" ".join(filter(None, [one.caution and f"{one.caution}.", beside.get(name, "")])),
        )
        for name, one in results.items()
    ]
    kept = f"place {target}"
    with above:
        chosen = heat(
            image,
            panels,
            alt=f"where the score of {target} comes from",
            key="maps",
            mark=st.session_state.get(kept),
        )
        if chosen is not None and chosen != st.session_state.get(kept):
            st.session_state[kept] = chosen
            st.rerun()
        st.caption(
            "Orange raises the score, blue lowers it, each map on its own scale. Click a patch to "
            "see which words it responds to. Random numbers are there to be beaten; "
            "which method to believe on this model: `clipprobe.faithfulness`, docs/methods."
        )
    place: tuple[float, float] | None = st.session_state.get(kept)
    return place, list(results.values()), faithful


def show_words(
    clip: Clip, image: Image.Image, text: str, place: tuple[float, float] | None
) -> None:
    """What each word adds, and which patch with which word."""
    st.subheader("Words", anchor=False)
    words = explained.words(clip, image, text)
    chosen = coloured_words(words.words, words.values, unit=words.units, key="words")
    kept = f"word {text}"
    if chosen is not None:
        st.session_state[kept] = chosen
    word: int | None = st.session_state.get(kept)
    if place is None and word is None:
        st.caption("Click a word to see its patches, or a patch above to see its words.")
        return
    with st.spinner("Pairing patches with words…"):
        pairs = explained.pairs(clip, image, text)
    fit = pairs.r2.get("first order and cross terms")
    if word is not None:
        heat(
            image,
            [Panel(title=f"“{pairs.words[word]}”", values=pairs.map(word), unit="cosine")],
            alt=f"patches that go with the word {pairs.words[word]}",
            key="patches of a word",
        )
    if place is not None:
        rows, columns = pairs.grid
        row, column = min(rows - 1, int(place[1] * rows)), min(columns - 1, int(place[0] * columns))
        st.caption(f"With the patch in row {row + 1}, column {column + 1}:")
        coloured_words(
            pairs.words, pairs.matrix[row * columns + column], unit="cosine", key="words of a patch"
        )
    st.caption(
        f"What a patch and a word add together, beyond each alone; {pairs.n_image_encodings:,} "
        f"maskings of the image. On {pairs.n_unseen:,} maskings that it was not fitted to, it "
        f"explains {fit:.0%} of the variance of the score."
    )


def show_parts(clip: Clip, image: Image.Image, text: str) -> None:
    """Which heads and neurons make the score, as an exact sum."""
    st.subheader("Heads and neurons", anchor=False)
    with errors_shown():
        parts, gap = explained.strongest_parts(clip, image, text, N_PARTS)
        st.dataframe(
            [{"part": name, "adds": value} for name, value in parts],
            column_config={
                "adds": st.column_config.NumberColumn("adds to the cosine", format="%.4f")
            },
            hide_index=True,
        )
        st.caption(
            f"The {N_PARTS} largest of an exact sum over heads, neurons and constants; all terms "
            f"together miss the embedding by {plain(f'{gap:.1e}')} at most."
        )


show_page(EXPLAIN, show)
