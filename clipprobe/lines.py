"""Text in lines: files with one entry per line, and text that must stay on one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipprobe.errors import DataError

#: A text of a user is shorter; a larger file is something else.
MAX_TEXT_BYTES = 64 << 20
# Not "printable" to Python, but no danger: tab, the spaces of other scripts, the joiner of emoji.
_HARMLESS = "\t\xa0\u3000\u200d"


def read_text(path: Path, what: str, hint: str = "check the path") -> str:
    """A UTF-8 text file of at most 64 MiB.

    Args:
        what: What a message calls it: ``class file``.
        hint: What to do where it cannot be read.
    Raises:
        DataError: it is too large, cannot be read, or is not UTF-8.
    """
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise DataError(
                f"The {what} {path} is larger than {MAX_TEXT_BYTES >> 20} MiB, too large for one: "
                "give the right file."
            )
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(f"The {what} {path} could not be read ({reason}): {hint}.") from None
    except UnicodeDecodeError:
        raise DataError(f"The {what} {path} is not UTF-8 text: save it as UTF-8.") from None


def read_lines(path: Path, what: str, *, repeated: bool = False) -> list[str]:
    """The lines of a text file such as ``--classes``: stripped, without blank ones, in order.

    Args:
        what: What one line is, for messages: ``class``.
        repeated: Whether a line may stand twice.
    Raises:
        DataError: see :func:`read_text`; or the file is empty, or says a line twice.
    """
    text = read_text(path, f"{what} file", "give a text file with one entry per line")
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    if not lines:
        raise DataError(f"The {what} file {path} is empty: write one {what} per line.")
    earlier: set[str] = set()
    for line in lines if not repeated else ():
        if line in earlier:
            raise DataError(f"The {what} file {path} says {line!r} twice: keep one of them.")
        earlier.add(line)
    return lines


def shortened(text: str, width: int) -> str:
    """``text``, cut with an ellipsis where it is longer than ``width``.

    Example:
        >>> shortened("a photo of a dog", 10)
        'a photo…'
    """
    return text if len(text) <= width else f"{text[: width - 3]}…"


def listed(parts: Sequence[str]) -> str:
    """A list as it is spoken.

    Example:
        >>> listed(["a dog", "a cat", "a key"])
        'a dog, a cat and a key'
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def count_words(n: int, what: str) -> str:
    """``1 image``, ``1,204 images``."""
    return f"{n:,} {what}" + ("" if n == 1 else "s")


def has_half_character(text: str) -> bool:
    """Whether a lone surrogate is in it, which can be neither read as text nor written."""
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)


def one_line(text: str) -> str:
    """``text`` on one line, with control characters shown as escapes.

    A file name may hold a newline, a terminal's escape sequence or a character that reverses the
    line; none may reach the terminal.
    """
    return "".join(
        char if char.isprintable() or char in _HARMLESS else char.encode("unicode_escape").decode()
        for char in text
    )


def about(seconds: float) -> str:
    """A time as people say it, no finer than it is known."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"{round(seconds, -1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
