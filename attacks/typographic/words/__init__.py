"""Which word is written on which image: strategies, word files, and what is never written."""

from attacks.typographic.words.guards import Guard as Guard
from attacks.typographic.words.guards import collisions as collisions
from attacks.typographic.words.guards import overlaps as overlaps
from attacks.typographic.words.lists import read_word_file as read_word_file
from attacks.typographic.words.strategies import STRATEGIES as STRATEGIES
from attacks.typographic.words.strategies import Words as Words
from attacks.typographic.words.strategies import choose as choose
from attacks.typographic.words.strategies import parse_words as parse_words
from attacks.typographic.words.strategies import possible_words as possible_words
from attacks.typographic.words.strategies import vocabulary as vocabulary
