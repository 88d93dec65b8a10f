"""Rendered words: which written words make each unit of the vision tower fire."""

from clipprobe.blocked import is_blocked
from clipprobe.neurons.words.grid import PLACES, WordGrid
from clipprobe.neurons.words.lists import WordList, bundled_words, word_list
from clipprobe.neurons.words.probe import word_probe
from clipprobe.neurons.words.result import UnitWords, WordProbe, WordValue
from clipprobe.neurons.words.store import read as load_word_probe

__all__ = [
    "PLACES",
    "UnitWords",
    "WordGrid",
    "WordList",
    "WordProbe",
    "WordValue",
    "bundled_words",
    "is_blocked",
    "load_word_probe",
    "word_list",
    "word_probe",
]
