"""How far the work is, on stderr: a bar on a terminal, else a line now and then.

Lines come from a thread of their own, so that a step that tells nobody of its end is not silent
either. ``--quiet`` shows neither.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from clipprobe.cli.output import output, say
from clipprobe.lines import about

FIRST, MOST = 5.0, 30.0
"""Seconds before the first line, and between two of a long job."""
_TICK = 0.5


class TimeLeft:
    """How long the rest takes at the pace since the first batch was done.

    What came before the first batch (loading, drawing ahead) is not a pace; neither is work that
    turned out to be none, which is why the total is told with every batch.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[int, float] | None = None

    def __call__(self, done: int, total: int) -> float | None:
        """Seconds left; None until two batches are done."""
        now = self._clock()
        if self._first is None:
            self._first = (done, now)
        since, start = done - self._first[0], now - self._first[1]
        return (total - done) * start / since if since > 0 else None


class Lines:
    """Says how far the work is, where nobody sees a bar: after 5 s, and ever less often.

    Args:
        description: Of the work: ``encoding``.
        total: How much there is; None where nobody knows it.
    """

    def __init__(
        self,
        description: str,
        total: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = say,
    ) -> None:
        self._description, self._total, self._done = description, total, 0
        self._clock, self._tell = clock, tell
        self._left = TimeLeft(clock)
        self._seconds: float | None = None
        self._start = clock()
        self._next, self._pause = self._start + FIRST, FIRST

    def report(self, done: int, total: int | None) -> None:
        """The work is at ``done``."""
        self._done, self._total = done, total
        self._seconds = self._left(done, total) if total else None

    def tick(self) -> None:
        """Say a line, if it is time for one."""
        now = self._clock()
        if now < self._next:
            return
        self._pause = min(MOST, 2 * self._pause)
        self._next = now + self._pause
        self._tell(f"{self._description}: {self._text(now - self._start)}")

    def _text(self, since: float) -> str:
        if not self._total:
            return f"{self._done:,} done, at work for {about(since)}"
        done = f"{self._done:,} of {self._total:,} done"
        if self._done >= self._total:
            return f"{done}, working on the results for {about(since)}"
        if self._seconds is None:
            return f"{done}, at work for {about(since)}"
        return f"{done}, about {about(self._seconds)} left"


@contextmanager
def _lines(description: str, total: int | None = None) -> Iterator[Lines]:
    lines, ended = Lines(description, total), threading.Event()

    def watch() -> None:
        while not ended.wait(_TICK):
            lines.tick()

    watcher = threading.Thread(target=watch, name="clipprobe-progress", daemon=True)
    watcher.start()
    try:
        yield lines
    finally:
        ended.set()
        watcher.join()


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """How far the work is, counted by what was newly done.

    Yields:
        ``advance(n)``: call it with the number of items that were finished.

    Example:
        >>> with progress("encoding", total=2) as advance:
        ...     advance(2)
    """
    if output().quiet:
        yield lambda n: None
    elif not sys.stderr.isatty():
        done = 0
        with _lines(description, total) as lines:

            def advance(n: int) -> None:
                nonlocal done
                done += n
                lines.report(done, total)

            yield advance
    else:
        from rich.progress import TimeRemainingColumn

        with _bar(TimeRemainingColumn()) as bar:
            task = bar.add_task(description, total=total)
            yield lambda n: bar.advance(task, n)


@contextmanager
def countdown(description: str) -> Iterator[Callable[[int, int], None]]:
    """How far the work is, where the total is told along the way and may shrink.

    Yields:
        ``step(done, total)``, both counted from the start of this call.

    Example:
        >>> with countdown("encoding") as step:
        ...     step(32, 64)
    """
    if output().quiet:
        yield lambda done, total: None
    elif not sys.stderr.isatty():
        with _lines(description) as lines:
            yield lines.report
    else:
        from rich.progress import TextColumn

        left = TimeLeft()
        # Not rich's own column: it forgets the pace whenever the total changes.
        with _bar(TextColumn("{task.fields[left]}", markup=False)) as bar:
            task = bar.add_task(description, total=None, left="")

            def step(done: int, total: int) -> None:
                seconds = left(done, total)
                text = "" if seconds is None else f"{about(seconds)} left"
                bar.update(task, completed=done, total=total, left=text)

            yield step


def _bar(time_column: Any) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        time_column,
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
