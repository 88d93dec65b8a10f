"""Attack words and control words: never the true label, never by accident a known word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.typographic.attack.controls import nonsense_word, scrambled_word
from attacks.typographic.words import Words, choose, parse_words
from clipprobe.blocked import is_blocked
from clipprobe.errors import ConfigError, DataError
from clipprobe.zeroshot.classes import Classes

NAMES = ["dog", "ice cream", "Granny Smith", "crane", "crane", "pizza", "apple", "lamp"]


def classes() -> Classes:
    return Classes(NAMES, {"apple": ["Granny Smith", "pomme"]})


def test_duplicates_and_synonyms_are_one_meaning() -> None:
    known = classes()
    assert known.index("ICE_CREAM") == known.index("ice-cream") == 1
    assert known.index("pomme") == known.index("apple") == known.index("granny smith") == 2
    assert known.index("table") is None
    assert known.same("pomme", "Granny Smith") and not known.same("pomme", "pizza")
    assert known.duplicates() == ["crane", "apple"]
    logits = np.array([[0, 0, 1, 0, 5, 0, 0, 0], [0, 0, 0, 0, 0, 0, 9, 0]], dtype=np.float32)
    assert known.pick(logits).tolist() == [3, 2]
    assert known.grouped(logits)[:, [2, 6]].tolist() == [[1, 1], [9, 9]]
    with pytest.raises(DataError, match="2 name\\(s\\) with 1 meaning"):
        Classes(["dog", "Dog"])
    with pytest.raises(DataError, match="class name is empty"):
        Classes(["dog", " "])


@pytest.mark.parametrize("strategy", ["random", "runner-up", "most-similar", "least-similar"])
def test_a_strategy_never_picks_label_synonym_or_duplicate(strategy: str) -> None:
    known = classes()
    scores = np.arange(len(NAMES), dtype=np.float32)
    for i in range(40):
        words = choose(
            Words(strategy=strategy), known, 2, image_id=f"{i}", seed=0, count=9, scores=scores
        )
        assert sorted(words) == ["dog", "ice cream", "lamp", "pizza"]


def test_strategies_rank_by_scores() -> None:
    known = Classes(["dog", "cat", "ship", "lamp"])
    scores = np.array([9.0, 1.0, 3.0, 2.0], dtype=np.float32)

    def first(strategy: str) -> list[str]:
        return choose(Words(strategy=strategy), known, 0, image_id="a", seed=0, scores=scores)

    assert first("runner-up") == first("most-similar") == ["ship"]
    assert first("least-similar") == ["cat"]
    drawn = {
        choose(Words(strategy="random"), known, 0, image_id=f"{i}", seed=0)[0] for i in range(60)
    }
    assert drawn == {"cat", "ship", "lamp"}


def test_words_of_the_user() -> None:
    known = classes()
    listed = parse_words(["pomme", "meow", "$$$"])
    for i in range(20):
        assert choose(listed, known, 6, image_id=f"{i}", seed=0, count=3) in (
            ["meow", "$$$"],
            ["$$$", "meow"],
        )
    assert choose(parse_words(["apple"]), known, 2, image_id="a", seed=0) == []


def test_sources_of_words_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("iPod\n\n pizza \niPod\n", encoding="utf-8")
    assert parse_words(file).listed == ("iPod", "pizza")
    assert parse_words("runner_up").strategy == "runner-up"
    with pytest.raises(ConfigError, match="'runer-up' is unknown: did you mean 'runner-up'"):
        parse_words("runer-up")
    with pytest.raises(DataError, match="could not be read"):
        parse_words(tmp_path / "absent.txt")
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="is empty"):
        parse_words(file)
    with pytest.raises(DataError, match="every word needs a visible character"):
        parse_words(["dog", " "])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (5, r"^words=5 is not a list of words"),
        (None, r"^words=None is not a list"),
        ({"strategy": "runner-up", "listed": "ipod"}, r"^words\.listed='ipod' is not a list"),
        ({"listed": 5}, r"^words\.listed=5 is not a list"),
        ({"listed": ["ipod"], "file": "words.txt"}, "has both 'listed' and 'file'"),
    ],
)
def test_words_of_another_form_are_refused(words: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_words(words)


def test_numbers_and_arrays_of_python_are_taken_and_unquoted_numbers_are_not() -> None:
    listed = {"strategy": "brute-force", "listed": np.array(["ipod", "dog"]), "file": None}
    words = parse_words({**listed, "budget": np.int64(30)})
    assert (words.listed, words.budget, type(words.budget)) == (("ipod", "dog"), 30, int)
    assert parse_words({"listed": []}).listed == ()
    with pytest.raises(DataError, match="holds 5, which is not text: put it in quotes"):
        parse_words(["ipod", 5])  # type: ignore[list-item]  # of a YAML file


@given(st.text("abcdeiopqrstXYZÄ 27$-як", min_size=1, max_size=12), st.integers(0, 5))
def test_nonsense_keeps_length_case_and_rhythm(word: str, image: int) -> None:
    made = nonsense_word(word, known={"cat"}.__contains__, key=(0, image))
    if made is None:
        assert not any(c.isalnum() or c == "$" for c in word.replace("Ä", ""))
        return
    assert made != word and made != "cat" and len(made) == len(word)
    for before, after in zip(word, made, strict=True):
        assert before.isupper() == after.isupper()
        assert (before.lower() in "aeiouy") == (after.lower() in "aeiouy")
        assert before.isdigit() == after.isdigit()
        assert (before == " ") == (after == " ")


@given(st.text("abcdeio 27$", min_size=1, max_size=10), st.integers(0, 5))
def test_scrambled_has_the_same_letters(word: str, image: int) -> None:
    made = scrambled_word(word, known=lambda w: False, key=(0, image))
    if made is None:
        assert len({c for c in word if c.isalnum()}) < 2
        return
    assert made != word and sorted(made) == sorted(word)
    assert [i for i, c in enumerate(made) if not c.isalnum()] == [
        i for i, c in enumerate(word) if not c.isalnum()
    ]


def test_controls_avoid_known_words() -> None:
    assert scrambled_word("on", known={"no"}.__contains__, key=()) is None
    assert scrambled_word("$$$", known=lambda w: False, key=()) is None
    taken: set[str] = set()
    for i in range(30):
        made = nonsense_word("I", known=taken.__contains__, key=(i,))
        if made is None:
            break
        taken.add(made)
    assert taken == set("AEOUY")


@pytest.mark.parametrize("seed", [2, 42, 215, 285])
def test_a_control_is_never_a_slur(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = nonsense_word("red", known=lambda word: False, key=(seed,))
    assert made is not None and not is_blocked(made)
    monkeypatch.setattr("attacks.typographic.attack.controls.is_blocked", lambda word: False)
    assert is_blocked(str(nonsense_word("red", known=lambda word: False, key=(seed,))))
