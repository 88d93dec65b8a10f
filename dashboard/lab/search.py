"""The lab's search: the least visible text that flips the answer for this image."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image

from attacks.typographic import TypographicAttack
from attacks.typographic.search import SearchResult, search_attack
from clipprobe.models import Clip
from dashboard.components import CaptionedImage, number, pictures, plain
from dashboard.lab import widgets

BUDGET, SMALLEST, LARGEST = 100, 20, 1000
ANY_WORD = "the wrong answers that the model ranks highest"
KEPT = "least text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search ended with, and what it was about."""

    key: str
    result: SearchResult
    attack: TypographicAttack | None
    image: Image.Image | None


def show_search(
    clip: Clip,
    clean: Image.Image,
    attack: TypographicAttack,
    names: list[str],
    label: str,
    templates: tuple[str, ...],
    key: str,
) -> None:
    """The budget, the search, and what it found.

    Args:
        attack: What the lab writes: its word may be the one to try, its font is kept.
        label: What the image shows.
        key: Of everything that is asked.
    """
    st.subheader("The least text that flips the answer", anchor=False)
    left, right = st.columns(2)
    own = f"the word “{attack.word}” alone"
    words = left.selectbox("Words to try", [own, ANY_WORD], key="search words")
    budget = right.slider(
        "Images shown to the model", SMALLEST, LARGEST, BUDGET, 10, key="budget",
        bind="query-params", help="As many again go to the control with nonsense words.",
    )  # fmt: skip
    asked = f"{key} {attack.word if words == own else ''} {attack.font} {attack.seed} {budget}"
    if st.button("Search", key="search", type="primary", icon=":material/search:"):
        listed = [attack.word] if words == own else None  # its class is what it shall bring about
        st.session_state[KEPT] = _search(
            clip, clean, attack, names, label, listed, templates, budget, asked
        )
    found: Found | None = st.session_state.get(KEPT)
    if found is None or found.key != asked:
        st.caption(
            "Places, sizes, colours and opacities are tried; what is minimised is the share of "
            "pixels with ink, times opacity. It runs while the page waits; any change stops it."
        )
        return
    show_found(found)


def _search(
    clip: Clip,
    clean: Image.Image,
    attack: TypographicAttack,
    names: list[str],
    label: str,
    words: list[str] | None,
    templates: tuple[str, ...],
    budget: int,
    asked: str,
) -> Found:
    """Run the library's search in a folder that is gone afterwards."""
    bar = st.progress(0.0, "Searching…")

    def tell(done: int, total: int) -> None:
        bar.progress(min(1.0, done / max(1, total)), f"{done:,} of {total:,} images asked")

    try:
        with tempfile.TemporaryDirectory() as folder:
            result = search_attack(
                clip, clean, label, names, words=words, target=None if words is None else words[0],
                templates=templates, queries=budget,
                fixed={"font": attack.font}, seed=attack.seed, out=Path(folder) / "search",
                progress=tell,
            )  # fmt: skip
    finally:
        bar.empty()
    least = result.words.found
    if least is None:
        return Found(key=asked, result=result, attack=None, image=None)
    own = dict(least.values)
    place = (own.pop("x"), own.pop("y"))
    outline: dict[str, Any] = {"outline": "white"} if own["color"] == "black" else {}
    written = TypographicAttack(position=place, font=attack.font, fit="error", **own, **outline)
    return Found(key=asked, result=result, attack=written, image=written(clean).image)


def show_found(found: Found) -> None:
    """The flip with its controls, and a button that writes it."""
    result, least = found.result, found.result.words.found
    tries = result.words.coarse
    share = f"{tries.value:.0%} of {tries.n} random tries flip"
    if least is None or found.attack is None or found.image is None:
        st.warning(
            f"No text of at most {result.max_area:.0%} of the pixels flipped the answer in "
            f"{result.words.queries:,} tries: raise the budget, or try other words."
        )
    else:
        left, right = st.columns([1, 3])
        with left:
            pictures(
                [
                    CaptionedImage(
                        image=found.image, caption=f"“{least.text}” → {least.answer}",
                        alt=f"The image with the word {least.text}; the model answers "
                        f"{least.answer}.",
                    )
                ],
                columns=1,
            )  # fmt: skip
        with right:
            number(
                "Ink times opacity, share of the pixels",
                f"{least.visibility:.2%}",
                f"query {least.query:,} of {result.words.queries:,}; {share}",
            )
            controls = "; ".join(
                f"{kind}: {row['answer']}" for kind, row in result.controls.items()
            )
            st.caption(plain(f"In its place — {controls}."))
            st.button(
                "Write it on the image", key="write it", on_click=widgets.write,
                args=(found.attack,), icon=":material/edit:",
            )  # fmt: skip
    other = result.nonsense
    if other is not None:
        what = (
            f"needs {other.found.visibility:.2%}" if other.found is not None else "flips it nowhere"
        )
        st.caption(
            f"The same search with nonsense words {what} ({other.queries:,} tries): what is left "
            "between the two is reading. The best of many tries, n = 1 image, no interval; "
            "`clipprobe audit search` writes it down as a run."
        )
