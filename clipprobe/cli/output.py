"""Where words go: results to stdout (as JSON with ``--json``), all others to stderr.

So a pipe sees data only. ``--quiet`` leaves results and errors; with ``--json`` an error is an
object on stdout too, unless a result stands there already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import typer

from clipprobe.lines import one_line


@dataclass(slots=True)
class Output:
    """How the running command speaks."""

    as_json: bool = False
    """Whether stdout is for JSON alone."""
    quiet: bool = False
    """Whether notes and progress are left out."""
    has_result: bool = False
    """Whether the result stands on stdout."""


_TAG = re.compile(r"\[(?=[a-zA-Z#/@])")  # what Rich takes for the start of one
_OUTPUT: ContextVar[Output | None] = ContextVar("OUTPUT", default=None)


def output() -> Output:
    """Of the running command; of none, where Python calls what a command calls."""
    return _OUTPUT.get() or Output()


@contextmanager
def speaking(as_json: bool) -> Iterator[Output]:
    """Inside the block a command runs."""
    token = _OUTPUT.set(Output(as_json=as_json))
    try:
        yield output()
    finally:
        _OUTPUT.reset(token)


def say(text: str) -> None:
    """Words for the person at the terminal, on stderr."""
    if not output().quiet:
        typer.echo("\n".join(one_line(line) for line in text.split("\n")), err=True)


def result(data: Any, *, as_json: bool, text: str | Callable[[], str]) -> None:
    """Print the result of a command on stdout: ``data`` as JSON, or ``text`` for people.

    Args:
        data: Anything :func:`clipprobe.runs.jsonio.dumps` takes (NaN becomes null).
        as_json: The value of ``--json``.
        text: What to print otherwise, or a function that makes it.
    """
    if as_json:
        from clipprobe.runs.jsonio import dumps

        typer.echo(dumps(data), nl=False)
    else:
        words = text if isinstance(text, str) else text()
        typer.echo("\n".join(one_line(line) for line in words.split("\n")))
    output().has_result = True


def fail(kind: str, message: str, *, hint: str = "", exit_code: int) -> None:
    """Say an error in one line on stderr, and with ``--json`` as an object on stdout.

    Args:
        kind: What it is, as a script tells errors apart: ``config``, ``unknown-model``.
        hint: What to do, where the message does not hold it.
    """
    line = one_line(f"{message}: {hint}" if hint else message)
    typer.echo(f"clipprobe: {line}", err=True)
    if output().as_json and not output().has_result:
        from clipprobe.runs.jsonio import dumps

        todo = hint or _todo(message)
        error = {"kind": kind, "message": line, "hint": todo or None, "exit_code": exit_code}
        typer.echo(dumps({"error": error}), nl=False)


def _todo(message: str) -> str:
    """The end of a message that says what to do: it follows the last colon."""
    _, colon, end = message.rpartition(": ")
    return end if colon and end[:1].islower() and end.endswith((".", "?")) else ""


def plain(text: str) -> str:
    """Text that Rich shows as it is."""
    return _TAG.sub(r"\\[", text)
