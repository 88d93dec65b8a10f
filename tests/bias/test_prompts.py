"""Words in sentences: articles, checks, and averaging over templates."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.bias.probes.word_lists import check_words
from clipprobe.errors import ConfigError
from clipprobe.zeroshot.prompts import check_templates, fill
from clipprobe.zeroshot.text_bank import sentence_means


@pytest.mark.parametrize(
    ("template", "word", "text"),
    [
        ("a photo of a {}", "doctor", "a photo of a doctor"),
        ("a photo of a {}", "engineer", "a photo of an engineer"),
        ("A {} at work", "artist", "An artist at work"),
        ("a photo of a {}", "university lecturer", "a photo of a university lecturer"),
        ("a photo of the {}", "engineer", "a photo of the engineer"),
        ("{}", "{}", "{}"),
    ],
)
def test_the_article_fits_the_word(template: str, word: str, text: str) -> None:
    assert fill([template], word, articles=True) == [text]


def test_lists_are_checked() -> None:
    assert check_words([" judge ", "pilot"]) == ("judge", "pilot")
    for words in ([], ["judge", " "]):
        with pytest.raises(ConfigError, match="empty"):
            check_words(words)
    with pytest.raises(ConfigError, match="'judge' twice"):
        check_words(["judge", "judge "])
    for templates in (["no place"], ["{} and {}"], [], "a {}"):
        with pytest.raises(ConfigError):
            check_templates(templates, once=True)


def test_templates_are_averaged_word_by_word() -> None:
    rows = {"a": [1, 0], "b": [0, 1], "c": [0, 2], "d": [0, 4]}

    def encode(sentences: list[str]) -> np.ndarray:
        return np.array([rows[one] for one in sentences], np.float32)

    expected = np.array([[0.5**0.5, 0.5**0.5], [0, 1]])
    assert sentence_means(encode, [["a", "b"], ["c", "d"]]) == pytest.approx(expected)
    assert sentence_means(encode, [["a"], ["b"]]) == pytest.approx(np.eye(2))
