"""Which word is written on which image: strategies, word files, and what is never written."""

from attacks.typographic.words.guards import Guard, collisions, overlaps
from attacks.typographic.words.lists import read_word_file
from attacks.typographic.words.strategies import (
    STRATEGIES,
    Words,
    choose,
    parse_words,
    possible_words,
    vocabulary,
)

__all__ = [
    "STRATEGIES",
    "Guard",
    "Words",
    "choose",
    "collisions",
    "overlaps",
    "parse_words",
    "possible_words",
    "read_word_file",
    "vocabulary",
]
