"""A text that the model does not read to its end is named on every page that takes texts, once."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from clipprobe.zeroshot.prompts import fill
from dashboard import texts as page_texts

pytestmark = pytest.mark.filterwarnings("ignore:.*were cut at their end")

LONG = " ".join(["dog"] * 70)
ATLAS = {"run": "demo/atlas", "unit": "vision.blocks.1.mlp.post:5"}
#: View -> its address with a long text, and which texts of the page there are.
PAGES: dict[str, tuple[str, dict[str, str], list[str]]] = {
    "explain": ("explain", {"explained": LONG, "methods": "random"}, [LONG]),
    "against": (
        "explain",
        {"explained": "a dog", "against": f"{LONG}\na cat", "methods": "random"},
        ["a dog", LONG, "a cat"],
    ),
    "similarity": ("similarity", {"similar_texts": f"a cat\n{LONG}"}, ["a cat", LONG]),
    "zeroshot": (
        "zeroshot",
        {"classes": f"{LONG}\ncat", "templates": "a {}\nthe {}", "rival": "wolf"},
        [*fill(["a {}", "the {}"], LONG), *"abcd"],
    ),
    "lab": (
        "typographic",
        {"classes": f"{LONG}\napple\ncat", "templates": "a {}", "word": "cat"},
        [f"a {LONG}", "a apple", "a cat"],
    ),
    "texts of a unit": (
        "unit",
        {**ATLAS, "part": "Captions", "texts": f"{LONG}\na dog\na cat"},
        [LONG, "a dog", "a cat"],
    ),
}


@pytest.mark.parametrize("page", PAGES)
def test_the_page_says_what_the_library_says(app: Any, clip: Any, markup: Any, page: str) -> None:
    view, address, texts = PAGES[page]
    test = app(f"views/{view}.py", **address)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clip.encode_texts(texts)
    (said,) = [str(one.message) for one in caught if "cut at their end" in str(one.message)]
    shown = [markup(one.value) for one in test.warning]
    assert shown.count(" ".join(said.split())) == 1, (said, shown)
    assert not test.error
    again = test.run()  # vectors are known by now, and the sentence stands
    assert [markup(one.value) for one in again.warning] == shown


def test_the_text_of_an_effect(app: Any, markup: Any) -> None:
    test = app("views/unit.py", **ATLAS, part="Effects")
    assert not any("cut at their end" in one.value for one in test.warning)
    test.text_input(key="effect_text").set_value(LONG).run()
    (said,) = [markup(one.value) for one in test.warning if "cut" in one.value]
    assert said.startswith("1 of 1 texts have more than the 77 tokens that this model reads")
    assert not test.error


@pytest.mark.parametrize("view", ["explain", "similarity", "zeroshot", "typographic"])
def test_a_page_of_short_texts_says_nothing(app: Any, view: str) -> None:
    assert not app(f"views/{view}.py").warning


def test_the_last_lists_are_known(clip: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_texts, "MOST_KNOWN", 2)
    asked: list[int] = []
    lengths = type(clip.tokens).lengths
    monkeypatch.setattr(
        type(clip.tokens), "lengths",
        lambda self, texts: (asked.append(len(texts)), lengths(self, texts))[1],
    )  # fmt: skip
    for name in ("dog", "dog", "cat", "rose", "dog"):
        assert page_texts.cut_words(clip, (name, "owl"), ("a {}", "the {}")) == ""
    assert asked == [4, 4, 4, 4]  # the second was known, the last no longer
