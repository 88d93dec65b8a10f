"""The lab's search: the least visible text that flips the answer for this image."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image

from attacks.typographic import TypographicAttack
from attacks.typographic.search import SearchResult, search_attack
from clipprobe.models import Clip
from dashboard.components import number, picture, plain
from dashboard.lab import widgets
from dashboard.state import identity, pixels

BUDGET, SMALLEST, LARGEST = 100, 20, 1000
ANY_WORD = "the wrong answers that the model ranks highest"
KEPT = "least text"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """What is searched for, and on what."""

    clip: Clip
    clean: Image.Image
    attack: TypographicAttack
    """What the lab writes: its word may be the one to try, its font and seed are kept."""
    names: list[str]
    label: str
    """What the image shows."""
    templates: tuple[str, ...]
    words: list[str] | None = None
    """To be tried; the wrong answers that rank highest where None."""
    budget: int = BUDGET

    @property
    def key(self) -> str:
        """Of everything that decides the answer."""
        key = f"{identity(self.clip)} {self.names} {self.templates} {self.label} {self.words}"
        return f"{key} {pixels(self.clean)} {self.attack.font} {self.attack.seed} {self.budget}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search ended with, and the key of its question."""

    key: str
    result: SearchResult
    attack: TypographicAttack | None
    image: Image.Image | None


def show_search(question: Question) -> None:
    """The budget, the search, and what it found."""
    st.subheader("The least text that flips the answer", anchor=False)
    left, right = st.columns(2)
    word = question.attack.word
    own = f"the word “{word}” alone"
    words = left.selectbox("Words to try", [own, ANY_WORD], key="search words")
    budget = right.slider(
        "Images shown to the model", SMALLEST, LARGEST, BUDGET, 10, key="budget",
        bind="query-params", help="As many again go to the control with nonsense words.",
    )  # fmt: skip
    question = replace(question, words=[word] if words == own else None, budget=budget)
    if st.button("Search", key="search", type="primary", icon=":material/search:"):
        st.session_state[KEPT] = _search(question)
    found: Found | None = st.session_state.get(KEPT)
    if found is None or found.key != question.key:
        st.caption(
            "Places, sizes, colours and opacities are tried; what is minimised is the share of "
            "pixels with ink, times opacity. It runs while the page waits; any change stops it."
        )
        return
    show_found(found)


def _search(one: Question) -> Found:
    """Run the library's search in a folder that is gone afterwards."""
    bar = st.progress(0.0, "Searching…")

    def tell(done: int, total: int) -> None:
        bar.progress(min(1.0, done / max(1, total)), f"{done:,} of {total:,} images asked")

    try:
        with tempfile.TemporaryDirectory() as folder:
            result = search_attack(
                one.clip, one.clean, one.label, one.names, words=one.words,
                target=None if one.words is None else one.words[0],  # the class to bring about
                templates=one.templates, queries=one.budget,
                fixed={"font": one.attack.font}, seed=one.attack.seed, out=Path(folder) / "search",
                progress=tell,
            )  # fmt: skip
    finally:
        bar.empty()
    least = result.words.found
    if least is None:
        return Found(key=one.key, result=result, attack=None, image=None)
    own = dict(least.values)
    place = (own.pop("x"), own.pop("y"))
    outline: dict[str, Any] = {"outline": "white"} if own["color"] == "black" else {}
    attack = TypographicAttack(position=place, font=one.attack.font, fit="error", **own, **outline)
    return Found(key=one.key, result=result, attack=attack, image=attack(one.clean).image)


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
            alt = f"The image with the word {least.text}; the model answers {least.answer}."
            picture(found.image, alt, f"“{least.text}” → {least.answer}")
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
