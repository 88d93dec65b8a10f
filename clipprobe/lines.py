"""Text in lines: files with one entry per line, and text that must stay on one."""

from __future__ import annotations

from pathlib import Path

from clipprobe.errors import DataError

# Not "printable" to Python, but no danger: tab, the spaces of other scripts, the joiner of emoji.
_HARMLESS = "\t\xa0\u3000\u200d"


def read_lines(path: Path, what: str) -> list[str]:
    """The lines of a text file such as ``--classes``: stripped, without blank ones, in order.

    Raises:
        DataError: the file is absent, is not UTF-8 text, is empty, or says a line twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(
            f"The {what} file {path} could not be read ({reason}): give a text file with one entry "
            "a line."
        ) from None
    except UnicodeDecodeError:
        raise DataError(
            f"The {what} file {path} is not UTF-8 text: save it as UTF-8 with one entry a line."
        ) from None
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        raise DataError(f"The {what} file {path} holds no entry: write one a line.")
    seen: set[str] = set()
    for line in lines:
        if line in seen:
            raise DataError(f"The {what} file {path} says {line!r} twice: keep one of them.")
        seen.add(line)
    return lines


def one_line(text: str) -> str:
    """``text`` on one line, with control characters shown as escapes.

    A file name may hold a newline, a terminal's escape sequence or a character that reverses the
    line; none may reach the terminal.
    """
    return "".join(
        char if char.isprintable() or char in _HARMLESS else char.encode("unicode_escape").decode()
        for char in text
    )
