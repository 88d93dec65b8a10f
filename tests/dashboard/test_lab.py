"""The parts of the lab and of the pages that need no app."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from attacks.typographic import TypographicAttack
from clipprobe.arrays import softmax
from clipprobe.errors import ConfigError, DataError
from clipprobe.zeroshot.classes import Classes
from dashboard import components
from dashboard.lab import trial as lab
from dashboard.texts import checked_classes

LAB = {"page": "the lab", "audit": "clipprobe audit typographic"}


def test_classes_are_read_once_in_any_spelling() -> None:
    text = " ice cream\n\nIce-Cream\ndog \n -\n"
    assert checked_classes(text, "a {}", **LAB)[0] == ("ice cream", "dog")


def test_too_many_classes_are_refused() -> None:
    with pytest.raises(DataError, match=r"1,001 names and the lab takes 1,000.*audit typographic"):
        checked_classes("\n".join(f"c{i}" for i in range(1001)), "a {}", **LAB)


def test_groups_of_people_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"the lab answers for single images.*audit bias"):
        checked_classes("dog\nthieves", "a {}", **LAB)


def test_only_names_that_mean_something_new_are_added() -> None:
    names, added = lab.with_added(["dog", "ice cream"], ["Dog", "ice-cream", "", "cat", "cat"])
    assert (names, added) == (["dog", "ice cream", "cat"], ["cat"])


def test_probabilities_of_known_logits() -> None:
    shares = softmax(np.log(np.array([[1, 1, 2], [8, 1, 1]], np.float32)))
    assert np.allclose(shares, [[0.25, 0.25, 0.5], [0.8, 0.1, 0.1]])
    huge = softmax(np.array([[1e4, 0.0]], np.float32))
    assert np.allclose(huge, [[1.0, 0.0]])


def test_reading_effect_of_known_shares() -> None:
    shares = {"attack": np.array([0.9, 0.1]), "nonsense": np.array([0.3, 0.7])}
    assert lab.reading_effect(shares, 0) == pytest.approx(0.6)
    assert lab.reading_effect({"attack": shares["attack"]}, 0) is None


def test_controls_stand_where_the_word_stands() -> None:
    base = Image.new("RGB", (64, 64), "green")
    attack = TypographicAttack(word="cat", size=0.3, position="top-left")
    trial = lab.draw(base, attack, Classes(["dog", "cat"]))
    assert list(trial.images) == ["clean", "attack", "blank", "nonsense"]
    assert trial.nonsense is not None and len(trial.nonsense) == 3 and trial.nonsense != "cat"
    changed = {
        name: np.argwhere((np.asarray(image) != np.asarray(base)).any(axis=2))
        for name, image in trial.images.items()
    }
    assert not len(changed["clean"])
    centre = changed["attack"].mean(axis=0)
    for name in ("blank", "nonsense"):
        assert np.abs(changed[name].mean(axis=0) - centre).max() < 6
        assert changed[name].max() < 48  # nothing in the far corner


def test_plain_text_escapes_everything_that_markdown_reads() -> None:
    text = "a*b_c [x](http://y) <b> $z$ `k` :red[r] #1"
    escaped = components.plain(text)
    specials = [i for i, char in enumerate(escaped) if not (char.isalnum() or char in " \\\u2060")]
    assert specials and all(escaped[i - 1] == "\\" for i in specials)
    for link in ("http://x.y", "www.x.y", "a@x.y", ":smile:", ":material/home:"):
        assert "\u2060" in components.plain(link)
    assert components.plain("post:17, C: no") == r"post\:17\, C\: no"
    assert components.plain("a\nb\x1b[0m") == r"a b\\x1b\[0m"


@pytest.mark.parametrize(
    ("value", "low", "high", "words"),
    [
        (0.5, 0.25, 0.75, ("0.500", "95 % [0.250, 0.750], n=1,200", "")),
        (0.5, math.nan, math.nan, ("0.500", "no interval, n=1,200", "(why.)")),
        (None, None, None, ("undefined", "n=1,200: why", "")),
    ],
)
def test_words_of_estimates(
    value: float | None, low: float | None, high: float | None, words: tuple[str, str, str]
) -> None:
    estimate = {"value": value, "low": low, "high": high, "n": 1200, "reason": "why"}
    assert components.estimate_words(estimate) == words


def test_small_pictures_grow_by_whole_pixels() -> None:
    image = Image.effect_noise((32, 20), 80).convert("RGB")
    grown = components.crisp(image)
    assert grown.size == (320, 200)
    assert np.array_equal(np.asarray(grown)[::10, ::10], np.asarray(image))
    large = Image.new("RGB", (500, 400))
    assert components.crisp(large) is large
    assert components.crisp(Image.new("RGB", (4000, 1))).size == (4000, 1)
