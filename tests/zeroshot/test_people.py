"""Which texts say what a person is, and which are about ordinary things."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clipprobe.errors import ConfigError
from clipprobe.people import (
    find_person_term,
    in_sentences,
    refuse_person_groups,
    withheld_because,
)
from clipprobe.stimuli import concepts

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "prompts"

REFUSED = {
    "gender": ["woman", "two men", "MALE", "a female doctor", "Women’s faces", "non-binary person"],
    "orientation": ["a gay man", "LGBTQ+", "a lesbian couple", "homosexuals"],
    "ethnicity": [
        "an Asian face", "a photo of an asian", "Asians", "an Arab with a hat",
        "an African-American", "Asian-looking person", "southeast asian person",
    ],
    "nationality": ["a Mexican", "Chinese people", "the Chinese.", "a native person"],
    "religion": ["a muslim", "a Jew wearing a hat", "Christians", "an Islamic family"],
    "age": ["an old person", "an elderly face", "two toddlers", "a 20-29 years old person"],
    "disability": ["a blind person", "person with a disability", "wheelchair users"],
    "migration": ["refugees", "an immigrant"],
    "skin": [
        "a dark-skinned person", "person of colour", "a human with brown skin", "Black people",
        "a person who is black",
    ],
    "denigration": [
        "a photo of a criminal", "thieves", "suspicious person", "terrorist", "a homeless person",
        "a photo of a gorilla", "chimpanzees", "a lazy worker",
    ],
}  # fmt: skip
ORDINARY = [
    "black cat", "old car", "white house", "a man-made lake", "manhole", "jewel", "romance",
    "an African elephant", "Mexican food", "a sign in Chinese", "Hindu temple", "male lion",
    "lady's slipper", "killer whale", "women's shoes", "a person", "people in a park", "a doctor",
    "a person with a black cat", "a person in black", "old police car", "nail polish", "blind",
    "a monkey", "an animal", "a light bulb", "snowman", "an old photo of a dog", "brown bread",
]  # fmt: skip


@pytest.mark.parametrize("text", [text for texts in REFUSED.values() for text in texts])
def test_what_a_person_is_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="audit bias") as caught:
        refuse_person_groups([text], "explain")
    said = str(caught.value)
    assert repr(text) in said and "explain answers for single images" in said
    assert withheld_because([text]) is not None


def test_every_group_is_named() -> None:
    for group, texts in REFUSED.items():
        terms = [find_person_term([text]) for text in texts]
        assert any(term is not None and group in term.group for term in terms)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_things_are_not_refused(text: str) -> None:
    assert find_person_term([text]) is None
    assert withheld_because([text, "dog"]) is None


def test_bundled_concepts_and_imagenet_are_ordinary() -> None:
    assert find_person_term([item.name for item in concepts()]) is None
    file = SHARED / "imagenet_classes_templates.json"
    if not file.is_file():
        pytest.skip("the prompts of OpenAI's CLIP are not beside this checkout")
    data = json.loads(file.read_text())
    sentences = in_sentences(data["imagenet_classes"], data["imagenet_templates"])
    assert find_person_term(sentences) is None


def test_apes_denigrate_alone_and_beside_people() -> None:
    assert find_person_term(["gorilla", "lion", "fish"]) is None
    for texts in (["gorilla"], ["gorilla", "chimpanzee"], ["dog", "a person", "gorilla"]):
        found = find_person_term(texts)
        assert found is not None and found.group == "denigration"
    assert find_person_term(["animal", "human being"]) is not None
    assert find_person_term(["animal", "plant"]) is None


def test_a_sentence_can_make_a_colour_a_group() -> None:
    names = ["black", "white"]
    assert find_person_term(in_sentences(names, ["a photo of a {} cat."])) is None
    found = find_person_term(in_sentences(names, ["a photo of a {} person."]))
    assert found is not None and found.text == "a photo of a black person."
