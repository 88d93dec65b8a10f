"""From the word to what is written: misspelt, in another script, in another case, repeated.

Look-alikes are letters of another script that are drawn as the Latin ones (a homoglyph attack);
transliteration writes the sound. A letter without a counterpart stays as it is.
"""

from __future__ import annotations

import json
import re
from importlib import resources

from clipprobe.statistics.seeds import rng

#: Sounds, look-alikes and alphabets by script.
_LETTERS = json.loads(
    (resources.files("clipprobe") / "assets" / "typographic" / "letters.json").read_text("utf-8")
)
#: Letters that stand for each other in a word without a meaning.
ALPHABETS: tuple[str, ...] = tuple(_LETTERS["alphabets"])
_LOOKALIKES = {
    script: dict(zip(latin, others, strict=True))
    for script, (latin, others) in _LETTERS["lookalikes"].items()
}
#: The longest spelling comes first, so that "shch" is one letter.
_SOUNDS: dict[str, dict[str, str]] = _LETTERS["sounds"]


def written(word: str, *, case: str, script: str, misspelt: int, repeated: int, seed: int) -> str:
    """What is written for ``word``; the same word and seed give the same text."""
    text = misspell(word, misspelt, seed)
    if script in _SOUNDS:
        text = transliterated(text, script)
    elif script in _LOOKALIKES:
        text = "".join(_LOOKALIKES[script].get(letter, letter) for letter in text)
    if case != "as-is":
        # A case must not undo a script: "a" has no Greek look-alike and "A" has one.
        text = {"lower": text.lower(), "upper": text.upper(), "title": text.title()}[case]
        if script in _LOOKALIKES:
            text = "".join(_LOOKALIKES[script].get(letter, letter) for letter in text)
    return "\n".join([text] * repeated)


def misspell(word: str, edits: int, seed: int) -> str:
    """``word`` with that many typing mistakes: letters exchanged, doubled, left out or mistyped.

    The first letter stays. A mistake never makes the word that was there before; a word of fewer
    than three letters has its last letter doubled.
    """
    if edits == 0:  # of most words; a generator costs as much as a label
        return word
    source = rng(seed, "misspelt", word)
    text = word
    for _ in range(edits):
        places = [i for i in range(1, len(text)) if text[i].isalnum()]
        if len(places) < 2:
            text += text[-1]
            continue
        for _ in range(50):
            i = places[int(source.integers(len(places)))]
            kind = int(source.integers(4))
            if kind == 0 and i + 1 < len(text):
                swapped = text[:i] + text[i + 1] + text[i] + text[i + 2 :]
            elif kind == 1:
                swapped = text[:i] + text[i] + text[i:]
            elif kind == 2 and len(places) > 2:
                swapped = text[:i] + text[i + 1 :]
            else:
                swapped = text[:i] + _beside(text[i], int(source.integers(2))) + text[i + 1 :]
            if swapped.casefold() not in (word.casefold(), text.casefold()):
                text = swapped
                break
        else:
            text += text[-1]
    return text


_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")


def _beside(letter: str, side: int) -> str:
    """The key to the left or right of a letter's; the letter twice where there is none."""
    for row in _KEYBOARD:
        at = row.find(letter.lower())
        if at >= 0:
            other = row[(at + 2 * side - 1) % len(row)]
            return other.upper() if letter.isupper() else other
    return letter * 2


def transliterated(text: str, script: str) -> str:
    """``text`` in the letters of ``cyrillic`` or ``greek``, by one simple rule for each sound."""
    table = _SOUNDS[script]
    pieces, at = [], 0
    while at < len(text):
        for length in (4, 2, 1):
            piece = text[at : at + length]
            sound = table.get(piece.lower())
            if sound is not None and len(piece) == length:
                if piece[0].isupper():
                    sound = sound.upper() if piece.isupper() and len(text) > 1 else sound.title()
                pieces.append(sound)
                at += length
                break
        else:
            pieces.append(text[at])
            at += 1
    joined = "".join(pieces)
    if script == "greek":  # the s at the end of a word has its own form
        joined = re.sub(r"(?<=\w)σ(?!\w)", "ς", joined)
    return joined
