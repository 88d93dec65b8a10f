"""Word lists: the bundled one, a user's, and which entries are left out as offensive.

The bundled list holds 10,000 common English words, the most frequent first (sources and licences:
``assets/words/SOURCES.md``). Slurs and sexual words are left out of every list by default
(:mod:`clipprobe.blocked`): a probe that ranks words prints whatever ranks high, and nobody should
meet a slur unasked.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clipprobe.blocked import is_blocked
from clipprobe.errors import ConfigError, DataError
from clipprobe.lines import has_half_character, read_lines
from clipprobe.origin import Origin, absolute

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "words"
WORDS = "english.txt"
BUNDLED = "bundled English words"


@dataclass(frozen=True, slots=True, kw_only=True)
class WordList:
    """Words to probe with.

    Attributes:
        name: Where they come from, for the manifest.
        words: In order, each once.
        n_blocked: How many entries were left out as slurs or sexual words.
        filtered: Whether the filter ran.
        origin: What reads it again; None for words in memory.
    """

    name: str
    words: tuple[str, ...]
    n_blocked: int
    filtered: bool
    origin: Origin | None = field(default=None, compare=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the words in order."""
        return hashlib.sha256("\n".join(self.words).encode("utf-8", "surrogatepass")).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """What determined the numbers, for the configuration of a run."""
        more = ("fingerprint", "filtered", "n_blocked")
        counted = {"name": self.name, "n": len(self.words)}
        return counted | {name: getattr(self, name) for name in more}

    def describe(self) -> dict[str, Any]:
        """The list as the data set of a manifest."""
        return {"name": self.name, "fingerprint": self.fingerprint, "records": len(self.words)}


def bundled_words(limit: int | None = None) -> WordList:
    """The bundled English words, the most frequent first.

    Args:
        limit: Only the ``limit`` most frequent ones.
    """
    return read_words(limit=limit)


def read_words(
    path: str | Path | None = None, *, limit: int | None = None, keep_offensive: bool = False
) -> WordList:
    """The words of a text file, one per line.

    Args:
        path: The file; None for the bundled words.
        limit, keep_offensive: See :func:`word_list`.
    """
    if path is None:
        lines, name = (FOLDER / WORDS).read_text(encoding="utf-8").splitlines(), BUNDLED
    else:
        lines, name = read_lines(Path(path), "word"), Path(path).name
    arguments = {
        "path": None if path is None else absolute(path),
        "limit": limit,
        "keep_offensive": keep_offensive,
    }
    words = word_list(lines, name=name, limit=limit, keep_offensive=keep_offensive)
    return replace(words, origin=Origin(opener="words", arguments=arguments))


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
        DataError: a single text, an entry that is not a text or holds a line break or half a
            character, an entry that occurs twice, or nothing is left.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit={limit} leaves no word: give at least 1, or none for all.")
    if isinstance(words, str):
        raise DataError(f"A list of words was expected and the single text {words!r} was given.")
    entries: list[str] = []
    for entry in words:
        if not isinstance(entry, str) or "\n" in entry.strip():
            raise DataError(
                f"The entry {entry!r} of {name} is not one line of text: give texts without line "
                "breaks."
            )
        if has_half_character(entry):
            raise DataError(
                f"The entry {entry!r} of {name} holds half a character (a lone surrogate): decode "
                "it as UTF-8."
            )
        if entry.strip():
            entries.append(unicodedata.normalize("NFC", entry.strip()))
    word, times = Counter(entries).most_common(1)[0] if entries else ("", 0)
    if times > 1:
        raise DataError(f"The word {word!r} occurs twice in {name}: keep one of them.")
    allowed = entries if keep_offensive else [entry for entry in entries if not is_blocked(entry)]
    if not allowed:
        raise DataError(
            f"No word of {name} is left ({len(entries)} given, {len(entries) - len(allowed)} left "
            "out as slurs or sexual words): give other words, or keep the offensive ones."
        )
    return WordList(
        name=name,
        words=tuple(allowed[:limit]),
        n_blocked=len(entries) - len(allowed),
        filtered=not keep_offensive,
    )
