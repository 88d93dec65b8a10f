"""Which captions units are compared with: a user's, or the bundled concepts in a few templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clipprobe.lines import read_lines
from clipprobe.neurons.words.lists import WordList, word_list
from clipprobe.origin import Origin, absolute
from clipprobe.stimuli import concepts

#: Picture, drawing and word of a concept, and the concept alone.
TEMPLATES = ("{}", "a photo of {}", "a drawing of {}", "the word {}")


def default_captions() -> WordList:
    """Every bundled concept in every template, such as ``a photo of a dog``."""
    texts: dict[str, None] = {}
    for template in TEMPLATES:
        for concept in concepts():
            bare = template in ("{}", "the word {}")
            texts.setdefault(template.format(concept.name if bare else concept.phrase), None)
    return word_list(texts, name="bundled concepts in templates")


def caption_list(captions: WordList | Sequence[str] | None) -> WordList:
    """A list as given, filtered as word lists are; None is the default one."""
    if captions is None:
        return default_captions()
    return (
        captions if isinstance(captions, WordList) else word_list(captions, name="given captions")
    )


def read_captions(path: str | Path, *, keep_offensive: bool = False) -> WordList:
    """The captions of a text file, one per line."""
    lines, name = read_lines(Path(path), "caption"), Path(path).name
    arguments = {"path": absolute(path), "keep_offensive": keep_offensive}
    words = word_list(lines, name=name, keep_offensive=keep_offensive)
    return replace(words, origin=Origin(opener="captions", arguments=arguments))
