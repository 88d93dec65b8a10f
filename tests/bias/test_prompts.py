"""Words in sentences: articles, checks, and averaging over templates."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.bias.prompts import check_templates, check_words, ensemble, fill
from clipprobe.errors import ConfigError


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
    assert fill(template, word) == text


def test_lists_are_checked() -> None:
    assert check_words([" judge ", "pilot"]) == ("judge", "pilot")
    for words in ([], ["judge", " "]):
        with pytest.raises(ConfigError, match="empty"):
            check_words(words)
    with pytest.raises(ConfigError, match="'judge' twice"):
        check_words(["judge", "judge "])
    for templates in (["no place"], ["{} and {}"], [], "a {}"):
        with pytest.raises(ConfigError):
            check_templates(templates)


def test_templates_are_averaged_word_by_word() -> None:
    rows = np.array([[1, 0], [0, 1], [0, 2], [0, 4]], np.float32)
    assert ensemble(rows, 2) == pytest.approx(np.array([[0.5**0.5, 0.5**0.5], [0, 1]]))
    assert ensemble(rows[:2], 2) == pytest.approx(np.eye(2))
