"""What an attack is compared with: the same label without its meaning.

Most of what passes for typographic success is clutter: over 579 words a published attack changed
47.6 % of the answers, but only 9.8 % to the word (Wang et al., NAACL 2025; recomputed from its
files). So each attacked image has four controls in the same place and size: a blank label,
a nonsense word, the word's own letters scrambled, and the true word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterator

import numpy as np
from PIL import Image

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.attack.lettering import ALPHABETS
from attacks.typographic.attack.result import AttackedImage
from clipprobe.blocked import is_blocked
from clipprobe.errors import GlyphError, TextFitError
from clipprobe.statistics.seeds import rng

#: Ideographs are thousands: any becomes one of these, which every font of the script has.
_IDEOGRAPHS = ALPHABETS[-1]
_TRIES = 200

#: The attack and its controls, in the order in which they are drawn.
CONDITIONS = ("attack", "blank", "nonsense", "scrambled", "true")


def with_controls(
    attack: TypographicAttack,
    image: Image.Image,
    *,
    true_word: str | None,
    known: Callable[[str], bool],
    key: tuple[object, ...],
    image_id: str | None = None,
    kinds: Collection[str] = CONDITIONS,
) -> Iterator[tuple[str, AttackedImage]]:
    """The attack and each of its controls on ``image``, drawn one at a time.

    A control that does not exist for the word (``$$$`` cannot be scrambled) is left out.

    Args:
        true_word: What the image shows; None leaves that control out.
        known, key: See :func:`nonsense_word`.
        image_id: See :meth:`TypographicAttack.__call__`.
        kinds: Which of :data:`CONDITIONS` are drawn.
    Raises:
        TextFitError: a word does not fit.
    """
    attacked = attack(image, image_id=image_id)
    yield from controls_of(
        attack, attacked, image, true_word=true_word, known=known, key=key, kinds=kinds
    )


def controls_of(
    attack: TypographicAttack,
    attacked: AttackedImage,
    image: Image.Image,
    *,
    true_word: str | None,
    known: Callable[[str], bool],
    key: tuple[object, ...],
    kinds: Collection[str] = CONDITIONS,
) -> Iterator[tuple[str, AttackedImage]]:
    """The same for an attack that is drawn already; see :func:`with_controls`."""
    if "attack" in kinds:
        yield "attack", attacked
    if "blank" in kinds:
        yield "blank", attack.blank(attacked, image)

    def is_word(word: str) -> bool:
        return known(word) or not _writes(attack, word)

    others: dict[str, Callable[[], str | None]] = {
        "nonsense": lambda: nonsense_word(attack.word, known=is_word, key=key),
        "scrambled": lambda: scrambled_word(attack.word, known=is_word, key=key),
        "true": lambda: true_word,
    }
    for kind, choose in others.items():
        if kind in kinds and (other := choose()) is not None:
            yield kind, attack.with_word(other).in_place_of(attacked, image, kind=kind)


def nonsense_word(
    word: str, *, known: Callable[[str], bool], key: tuple[object, ...]
) -> str | None:
    """A word of the same length, case and rhythm that means nothing.

    Vowels become other vowels, consonants other consonants, digits other digits, so that it stays
    pronounceable (Latin, Cyrillic, Greek); letters of Arabic, Hebrew, Thai, Devanagari, kana,
    Hangul and ideographs become others of their script; other characters stay. No dictionary is
    bundled: a short result can by chance be a word of some language, but never one that ``known``
    knows, and no slur or sexual word of the bundled list.

    Args:
        known: Whether a word is taken: a class, a synonym, any word of the audit.
        key: What the choice depends on.
    Returns:
        None where nothing can be replaced, or every try was a known word.
    """
    source = rng(*key, "nonsense", word)
    return _first_new(word, lambda: "".join(_other(letter, source) for letter in word), known)


def scrambled_word(
    word: str, *, known: Callable[[str], bool], key: tuple[object, ...]
) -> str | None:
    """The letters of the word in another order, spaces and signs in their places.

    Returns:
        None where every order is the word itself or another known word (``$$$``, ``ox``).
    """
    source = rng(*key, "scrambled", word)
    places = [i for i, letter in enumerate(word) if letter.isalnum()]

    def scrambled() -> str:
        letters = list(word)
        for place, other in zip(places, source.permutation(len(places)), strict=True):
            letters[place] = word[places[other]]
        return "".join(letters)

    return _first_new(word, scrambled, known)


def _first_new(word: str, make: Callable[[], str], known: Callable[[str], bool]) -> str | None:
    """The first of many tries that is neither the word, nor known, nor blocked."""
    for _ in range(_TRIES):
        other = make()
        if other.casefold() != word.casefold() and not known(other) and not is_blocked(other):
            return other
    return None


def _writes(attack: TypographicAttack, word: str) -> bool:
    """Whether the font has what another word needs."""
    try:
        attack.with_word(word)
    except (GlyphError, TextFitError):
        return False
    return True


def _other(letter: str, source: np.random.Generator) -> str:
    for alphabet in ALPHABETS:
        if letter.lower() in alphabet:
            choices = alphabet.replace(letter.lower(), "")
            choice = choices[int(source.integers(len(choices)))]
            return choice.upper() if letter.isupper() else choice
    if unicodedata.name(letter, "").startswith("CJK UNIFIED IDEOGRAPH"):
        return _IDEOGRAPHS[int(source.integers(len(_IDEOGRAPHS)))]
    if unicodedata.name(letter, "").startswith("HANGUL SYLLABLE"):
        return chr(0xAC00 + 588 * int(source.integers(19)) + 28 * int(source.integers(21)))
    return letter
