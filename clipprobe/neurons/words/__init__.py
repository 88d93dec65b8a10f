"""Rendered words: which written words make each unit of the vision tower fire."""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.blocked import is_blocked as is_blocked
    from clipprobe.neurons.words.grid import PLACES as PLACES
    from clipprobe.neurons.words.grid import WordGrid as WordGrid
    from clipprobe.neurons.words.lists import WordList as WordList
    from clipprobe.neurons.words.lists import bundled_words as bundled_words
    from clipprobe.neurons.words.lists import word_list as word_list
    from clipprobe.neurons.words.probe import word_probe as word_probe
    from clipprobe.neurons.words.result import UnitWords as UnitWords
    from clipprobe.neurons.words.result import WordProbe as WordProbe
    from clipprobe.neurons.words.result import WordValue as WordValue
    from clipprobe.neurons.words.result import load_word_probe as load_word_probe

__getattr__, __dir__ = later(__name__)
