"""Word lists: the bundled one, a user's, and which entries are left out as offensive.

The bundled list holds 10,000 common English words, the most frequent first (sources and licences:
``assets/words/SOURCES.md``). Slurs and sexual words are left out of every list by default
(:mod:`clipprobe.blocked`): a probe that ranks words prints whatever ranks high, and nobody should
meet a slur unasked.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clipprobe.blocked import is_blocked
from clipprobe.errors import ConfigError, DataError

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "words"
WORDS = "english.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class WordList:
    """Words to probe with.

    Attributes:
        name: Where they come from, for the manifest.
        words: In order, each once.
        n_blocked: How many entries were left out as slurs or sexual words.
        filtered: Whether the filter ran.
    """

    name: str
    words: tuple[str, ...]
    n_blocked: int
    filtered: bool

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the words in order."""
        return hashlib.sha256("\n".join(self.words).encode("utf-8", "surrogatepass")).hexdigest()


def bundled_words(limit: int | None = None) -> WordList:
    """The bundled English words, the most frequent first.

    Args:
        limit: Only the ``limit`` most frequent ones.
    """
    text = (FOLDER / WORDS).read_text(encoding="utf-8")
    return word_list(text.splitlines(), name="bundled English words", limit=limit)


def word_list(
    words: Iterable[str], *, name: str, keep_offensive: bool = False, limit: int | None = None
) -> WordList:
    """Check, filter and cut a list of words (or captions).

    Args:
        words: In order of preference; white space at the ends and blank entries are dropped.
        name: What to call the list.
        keep_offensive: Leave slurs and sexual words in. What is then printed can be hateful.
        limit: Keep only the first ``limit`` entries that pass.

    Raises:
        ConfigError: ``limit`` is below 1.
        DataError: a single text, an entry that is no text or holds a line break, an entry that
            occurs twice, or nothing is left.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit={limit} leaves no word: give at least 1, or none for all.")
    if isinstance(words, str):
        raise DataError(f"A list of words was expected and the single text {words!r} was given.")
    found: list[str] = []
    for entry in words:
        if not isinstance(entry, str) or "\n" in entry.strip():
            raise DataError(
                f"The entry {entry!r} of {name} is not one line of text: give texts without line "
                "breaks."
            )
        if entry.strip():
            found.append(unicodedata.normalize("NFC", entry.strip()))
    _refuse_twice(found, name)
    kept = found if keep_offensive else [entry for entry in found if not is_blocked(entry)]
    if not kept:
        raise DataError(
            f"No word of {name} is left ({len(found)} given, {len(found) - len(kept)} left out as "
            "slurs or sexual words): give other words, or keep the offensive ones."
        )
    return WordList(
        name=name,
        words=tuple(kept[:limit]),
        n_blocked=len(found) - len(kept),
        filtered=not keep_offensive,
    )


def _refuse_twice(words: Sequence[str], name: str) -> None:
    seen: set[str] = set()
    for word in words:
        if word in seen:
            raise DataError(f"The word {word!r} occurs twice in {name}: keep one of them.")
        seen.add(word)
